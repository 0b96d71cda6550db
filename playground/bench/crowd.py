"""Benchmarks of the page as people meet it, through HTTP: how fast it starts and streams, and a long day."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from dataclasses import dataclass

import httpx
import torch

from playground.bench.offline import inputs_of
from playground.bench.server import Server, serving
from playground.bench.student import Press, Visit, visit
from playground.checkpoints import Checkpoint, load
from playground.models.denoiser import fastest
from playground.models.runtimes import Runtime
from playground.report import Report

STEPS, GUIDANCE = 20, 2.0
PROMPTS = ("cat face", "red heart", "ghost", "dog face", "car", "tree", "grinning face", "rocket")


@dataclass(frozen=True)
class Bare:
    """What the net does by itself, in rows a second."""

    best: float  # in the quickest of many batches
    lasting: float  # in all of them


def bare(checkpoint: Checkpoint, runtime: Runtime, batch: int, seconds: float = 3.0) -> Bare:
    """Batch after batch for so many seconds."""
    given, took = inputs_of(checkpoint, batch), []
    end = time.perf_counter() + seconds
    with torch.inference_mode():
        runtime.forward(*given)
        while time.perf_counter() < end:
            started = time.perf_counter()
            runtime.forward(*given)
            took.append(time.perf_counter() - started)
    return Bare(batch / min(took), batch * len(took) / sum(took))


def browser(server: Server) -> httpx.AsyncClient:
    """Of one student: a pool of connections that all share looks through all of them at every request."""
    limits = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(base_url=server.url, timeout=600, limits=limits, verify=False, trust_env=False)


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
    columns = ["bare U-Net, steps/s", "… at its best", "at the page, steps/s", "ratio", "… to its best"]
    report = Report("stream", [*columns, "first step, s"])
    with serving(checkpoint) as server:
        warmed_up(server)
        for k in range(min(5, rounds)):
            net, steps = bare(loaded, runtime, 1, 1.5), 200
            seen = press_once(server, count=1, steps=steps, guidance_scale=1.0)
            if seen.error:
                report.note(seen.error)
                continue
            speed = steps / (seen.done - seen.first)  # every step is sent, several in a message
            ratios = speed / net.lasting, speed / net.best
            report.add(f"run {k + 1}", net.lasting, net.best, speed, *ratios, seen.first - seen.asked)
    return report


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
