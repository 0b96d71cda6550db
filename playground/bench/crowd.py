"""Benchmarks of the page as people meet it, through HTTP: how fast it starts and streams, and a class at work."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import numpy as np
import torch

from playground.bench.offline import inputs_of
from playground.bench.server import Server, serving
from playground.bench.student import Press, Visit, visit
from playground.checkpoints import Checkpoint, load
from playground.engine import job_for
from playground.engine.tasks import run_direct
from playground.images import to_pixels
from playground.models.denoiser import UNetDenoiser, fastest
from playground.models.runtimes import Runtime
from playground.report import Report

STEPS, GUIDANCE = 20, 2.0
PROMPTS = ("cat face", "red heart", "ghost", "dog face", "car", "tree", "grinning face", "rocket")


def rows_per_second(checkpoint: Checkpoint, runtime: Runtime, batch: int, seconds: float = 3.0) -> float:
    """What the net does by itself, the best of many batches."""
    given, quickest = inputs_of(checkpoint, batch), float("inf")
    end = time.perf_counter() + seconds
    with torch.inference_mode():
        runtime.forward(*given)
        while time.perf_counter() < end:
            started = time.perf_counter()
            runtime.forward(*given)
            quickest = min(quickest, time.perf_counter() - started)
    return batch / quickest


def browser(server: Server) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=server.url, timeout=600, limits=limits)


def press_once(server: Server, **settings) -> Visit:
    async def go() -> Visit:
        async with browser(server) as client:
            return await visit(client, await Press.of(client), settings)

    return asyncio.run(go())


def warmed_up(server: Server) -> None:
    """Waits until the server does a run as quickly as the two before it."""
    times: list[float] = []
    while len(times) < 3 or times[-1] < 0.8 * times[-2] and len(times) < 10:
        times.append(press_once(server, count=1, steps=10).waited or float("inf"))


# --------------------------------------------------------------------------------------------------- one person


def start(checkpoint: str = "emoji-32", rounds: int = 12, **_) -> Report:
    """Seconds to the page, to the first step and to the first picture; memory."""
    report = Report(
        "start", ["page, s", "first step, s", "first picture, s", "second picture, s", "MB at first", "MB then"]
    )
    for k in range(min(3, rounds)):
        with serving(checkpoint) as server:
            at_first = server.megabytes
            one = press_once(server, count=1, steps=STEPS)
            two = press_once(server, count=1, steps=STEPS)
            problem = one.error or two.error
            if problem:
                report.note(f"start {k + 1}: {problem}")
                continue
            report.add(
                f"start {k + 1}",
                server.seconds,
                one.first - one.asked,
                one.waited,
                two.waited,
                at_first,
                server.megabytes,
            )
    report.note(f"From the start of the process to the page; then from the press on, pictures of {STEPS} steps.")
    return report


def stream(checkpoint: str = "emoji-32", rounds: int = 12, **_) -> Report:
    """Steps per second that reach the page, against the bare U-Net, one picture without guidance."""
    loaded = load(checkpoint)
    runtime = fastest(loaded)
    report = Report("stream", ["bare U-Net, steps/s", "at the page, steps/s", "ratio", "first step, s"])
    with serving(checkpoint) as server:
        warmed_up(server)
        for k in range(min(5, rounds)):
            bare = rows_per_second(loaded, runtime, 1, 1.5)
            steps = 200
            seen = press_once(server, count=1, steps=steps, guidance_scale=1.0)
            if seen.error:
                report.note(seen.error)
                continue
            speed = steps / (seen.done - seen.first)  # every step is sent, several in a message
            report.add(f"run {k + 1}", bare, speed, speed / bare, seen.first - seen.asked)
    return report


# --------------------------------------------------------------------------------------------------- a class


@dataclass
class Lesson:
    """What a class met with that pressed Generate within a few seconds."""

    students: int
    pictures: int  # each student's
    runtime: Runtime  # the bare net's way to run
    visits: Sequence[Visit]
    idle: Visit  # of one student, before
    offline: Sequence[float]  # rows a second of the bare net at its best, before and after
    memory: float | None  # MB of the page's process, when all was done
    seconds: tuple[float | None, float]  # of processor: of the page's process, and of those who played the students

    @property
    def best_rate(self) -> float:
        """Pictures a second that the bare net would make."""
        return statistics.mean(self.offline) / (2 * STEPS)

    @property
    def served(self) -> list[Visit]:
        return [seen for seen in self.visits if seen.error is None]

    @property
    def failures(self) -> int:
        return len(self.visits) - len(self.served)

    @property
    def problems(self) -> list[str]:
        """What was said to those who were not served."""
        return sorted({seen.error for seen in self.visits if seen.error})

    @property
    def made(self) -> int:
        return sum(len(seen.pictures) for seen in self.served)

    @property
    def whole(self) -> float:
        """Seconds from the first press to the last picture."""
        begun = min(seen.asked for seen in self.visits)
        return max((seen.done for seen in self.served), default=begun) - begun

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.made / self.whole if self.whole else 0.0

    @property
    def waits(self) -> list[float]:
        """Seconds to the pictures, the shortest first."""
        return sorted(seen.waited for seen in self.served) or [float("nan")]

    @property
    def firsts(self) -> list[float]:
        """Seconds to the first step, the shortest first."""
        return sorted(seen.first - seen.asked for seen in self.served) or [float("nan")]

    @property
    def bound(self) -> float:
        """Seconds of all the work at the bare net's best. Nobody can be served faster than people come, and the last
        one to come must at least do the last picture."""
        return self.students * self.pictures / self.best_rate


def taught(loaded: Checkpoint, students: int, pictures: int, arrive: float, engines: str = "") -> Lesson:
    """Holds a lesson, with a server of its own."""
    if engines:
        os.environ["PLAYGROUND_TIMED"] = "0"  # pictures are compared with those that this process makes
    runtime = fastest(loaded)
    with serving(loaded.name, engines=engines) as server:
        warmed_up(server)
        idle = press_once(server, count=1, steps=STEPS, guidance_scale=GUIDANCE)
        offline = [rows_per_second(loaded, runtime, 32)]
        page, own = server.seconds_of_processor, time.process_time()
        visits = asyncio.run(_class(server, students, pictures, arrive))
        spent = None if page is None else server.seconds_of_processor - page, time.process_time() - own
        offline.append(rows_per_second(loaded, runtime, 32))
        return Lesson(students, pictures, runtime, visits, idle, offline, server.megabytes, spent)


def lesson(
    checkpoint: str = "emoji-32", students: int = 30, pictures: int = 1, arrive: float = 5.0, engines: str = "", **_
) -> Report:
    """Students who press Generate within a few seconds: throughput against the bare net, and how long they wait."""
    loaded = load(checkpoint)
    report = Report("class", ["value", "reach"])
    seen = taught(loaded, students, pictures, arrive, engines)
    with serving(checkpoint, plain=True) as server:
        plain = asyncio.run(_plain(server))
    waits, firsts, idle = seen.waits, seen.firsts, seen.idle
    report.add("pictures made", seen.made, students * pictures)
    report.add("failures", seen.failures, 0)
    report.add("pictures unlike their solo run", _strange(loaded, seen.runtime, seen.served), 0)
    report.add("pictures a second", seen.rate, 0.85 * min(seen.best_rate, students * pictures / arrive))
    report.add("… of the best offline batch", seen.rate / seen.best_rate, 0.85)
    report.add("… of a plain Gradio app", seen.rate / plain, 3)
    report.add("median wait, s", statistics.median(waits), None)
    report.add("95th percentile of waits, s", percentile(waits, 0.95), 1.3 * seen.bound)
    report.add("… of all the work at the offline speed", percentile(waits, 0.95) / seen.bound, 1.3)
    report.add("first step on an idle server, s", idle.first and idle.first - idle.asked, 0.5)
    report.add("median first step, s", statistics.median(firsts), None)
    report.add("95th percentile of first steps, s", percentile(firsts, 0.95), 3)
    report.add("memory, MB", seen.memory, 1500)
    report.add("processor of the page, s", seen.seconds[0], None)
    report.add("processor of the simulated students, s", seen.seconds[1], None)
    report.note(
        f"{students} students, {pictures} guided picture(s) of {STEPS} steps each, arriving within {arrive:g} s, on "
        f"{engines or 'one engine'}; offline {seen.offline[0]:.0f} and {seen.offline[1]:.0f} rows/s before and after; "
        f"{seen.whole:.1f} s from the first press to the last picture; a plain Gradio app (bench/plain.py), asked for "
        f"eight pictures at once, makes {plain:.2f} a second."
    )
    for problem in seen.problems:
        report.note(f"failure: {problem}")
    return report


async def _plain(server: Server, pictures: int = 8) -> float:
    """Pictures a second of the plain app, asked for several at once."""

    async def ask(client: httpx.AsyncClient, seed: int) -> None:
        data = {"data": [PROMPTS[seed % len(PROMPTS)], seed, STEPS, GUIDANCE]}
        event = (await client.post("/gradio_api/call/generate", json=data)).json()["event_id"]
        answer = await client.get(f"/gradio_api/call/generate/{event}")
        if "event: complete" not in answer.text:
            raise RuntimeError(f"the plain app answered {answer.text[:200]!r}")

    async with browser(server) as client:
        await ask(client, 0)
        started = time.perf_counter()
        await asyncio.gather(*(ask(client, seed) for seed in range(pictures)))
        return pictures / (time.perf_counter() - started)


async def _class(server: Server, students: int, pictures: int, arrive: float) -> list[Visit]:
    dice = random.Random(1)

    async def student(client, press, number: int) -> Visit:
        await asyncio.sleep(dice.uniform(0, arrive) if number else 0.0)
        settings = {"prompt": PROMPTS[number % len(PROMPTS)], "seed": 1000 * number, "count": pictures}
        return await visit(client, press, settings | {"sampler": "ddim", "steps": STEPS, "guidance_scale": GUIDANCE})

    async with browser(server) as client:
        press = await Press.of(client)
        return await asyncio.gather(*(student(client, press, number) for number in range(students)))


def _strange(checkpoint: Checkpoint, runtime: Runtime, visits: Sequence[Visit], most: int = 12) -> int:
    """How many of some pictures differ at all from the same run made alone with a runtime."""
    checkpoint.space.speed_up()  # latents are decoded as an engine does
    strange = 0
    for seen in visits[:: max(1, len(visits) // most)]:
        condition, _ = checkpoint.parse(seen.settings["prompt"], seen.settings.get("style") or None)
        job = job_for(checkpoint, steps=STEPS, seed=seen.settings["seed"], condition=condition, guidance_scale=GUIDANCE)
        *_, (last,) = run_direct(UNetDenoiser(checkpoint, runtime), [job])
        solo = np.asarray(to_pixels(checkpoint.space.decode(last.final[None])))[0]
        strange += not np.array_equal(solo, seen.pictures[0])
    return strange


def percentile(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, round(share * (len(values) - 1)))]


# --------------------------------------------------------------------------------------------------- a long day


def soak(checkpoint: str = "emoji-32", students: int = 30, seconds: float = 600.0, **_) -> Report:
    """Students who come again and again; some close the page, some press Stop, some send what is no picture."""
    report = Report("soak", ["minutes", "requests", "pictures", "left", "failures", "MB", "temp MB"])
    failures: set[str] = set()
    with serving(checkpoint) as server:
        warmed_up(server)
        counts = dict.fromkeys(("requests", "pictures", "left", "failures"), 0)
        began = time.perf_counter()

        def add_row() -> None:
            minutes = (time.perf_counter() - began) / 60
            report.add(f"after {minutes:.1f} min", minutes, *counts.values(), server.megabytes, server.temp_megabytes)

        async def student(client, press, number: int) -> None:
            dice = random.Random(number)
            session = secrets.token_hex(6)
            while time.perf_counter() - began < seconds:
                counts["requests"] += 1
                kind = dice.random()
                if kind < 0.1:
                    problem = await _hostile(client, dice)
                else:
                    settings = {
                        "prompt": dice.choice(PROMPTS),
                        "seed": dice.randrange(10**6),
                        "count": dice.choice((1, 1, 2)),
                    }
                    settings |= {"steps": dice.choice((5, 10, 20)), "guidance_scale": dice.choice((1.0, 2.0))}
                    leave = dice.randrange(1, 5) if kind > 0.8 else None
                    seen = await visit(client, press, settings, leave, stop=kind > 0.9, session=session)
                    counts["pictures"] += len(seen.pictures)
                    counts["left"] += seen.left
                    problem = None if seen.left else seen.error
                    if seen.left and kind <= 0.9:  # the page was closed, and is opened anew
                        session = secrets.token_hex(6)
                if problem:
                    counts["failures"] += 1
                    failures.add(problem)
                await asyncio.sleep(dice.uniform(0, 1))

        async def watch() -> None:
            while time.perf_counter() - began < seconds:
                add_row()
                await asyncio.sleep(min(60.0, seconds / 5))

        async def go() -> None:
            async with browser(server) as client:
                press = await Press.of(client)
                await asyncio.gather(watch(), *(student(client, press, number) for number in range(students)))

        asyncio.run(go())
        add_row()
    for problem in sorted(failures):
        report.note(f"failure: {problem}")
    return report


async def _hostile(client: httpx.AsyncClient, dice: random.Random) -> str | None:
    """Sends bytes that call themselves a picture to /noise; says what went wrong, None where it was refused calmly."""
    junk = b"\x89PNG\r\n\x1a\n" * dice.randrange(2) + dice.randbytes(dice.randrange(1, 20_000))
    try:
        sent = await client.post("/gradio_api/upload", files={"files": ("photo.png", junk)})
        sent.raise_for_status()
        picture = {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}, "orig_name": "photo.png"}
        call = await client.post("/gradio_api/call/v2/noise", json={"image": picture})
        if call.status_code >= 500:
            return f"/noise answered {call.status_code} to a broken picture"
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return None
