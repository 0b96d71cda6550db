"""A class at work: students who press Generate within a few seconds, and what they met with."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
import numpy as np

from playground.bench.crowd import GUIDANCE, PROMPTS, STEPS, bare, browser, press_once, warmed_up
from playground.bench.server import Server, serving
from playground.bench.student import Press, Visit, visit
from playground.checkpoints import Checkpoint, load
from playground.engine import job_for
from playground.engine.tasks import run_direct
from playground.images import to_pixels
from playground.models.denoiser import UNetDenoiser, fastest
from playground.models.runtimes import Runtime
from playground.report import Report


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
        offline = [bare(loaded, runtime, 32).best]
        page, own = server.seconds_of_processor, time.process_time()
        visits = asyncio.run(_class(server, students, pictures, arrive))
        spent = None if page is None else server.seconds_of_processor - page, time.process_time() - own
        offline.append(bare(loaded, runtime, 32).best)
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

    async def student(press, number: int) -> Visit:
        await asyncio.sleep(dice.uniform(0, arrive) if number else 0.0)
        settings = {"prompt": PROMPTS[number % len(PROMPTS)], "seed": 1000 * number, "count": pictures}
        settings |= {"sampler": "ddim", "steps": STEPS, "guidance_scale": GUIDANCE}
        async with browser(server) as client:
            return await visit(client, press, settings)

    async with browser(server) as client:
        press = await Press.of(client)
    return await asyncio.gather(*(student(press, number) for number in range(students)))


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
