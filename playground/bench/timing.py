"""How fast a model draws: steps a second on each device, by threads and by pictures at once; here, and elsewhere.

`python -m playground.bench timing --figures "a name for this machine"` writes what it found into figures.json beside
this file, with the date; the page shows those beside what it measures itself.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import platform
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch

from playground.engine import Engine, Runner, get_engine, job_for
from playground.engine.tasks import run_direct
from playground.errors import UserError
from playground.models.devices import at_most, available_devices, cpu_quota, threads
from playground.report import Report

PICTURES = (1, 4, 16)  # at once
STEPS = 24  # of one picture; of several together fewer, and no less than
FEWEST = 6
ROUNDS = 3  # of which the best counts: whatever else the machine does only makes it slower
FIGURES = Path(__file__).with_name("figures.json")
_timing = threading.Lock()


@dataclass(frozen=True)
class Row:
    """One measurement. `steps_per_second`: of all pictures together; `threads`: None where there are none to choose."""

    device: str
    threads: int | None
    pictures: int
    steps_per_second: float
    seconds_per_step: float


def thread_counts(most: int) -> list[int]:
    """1, 2, 4, … and `most`."""
    return sorted({1 << k for k in range(most.bit_length())} | {most})


def rows(checkpoint: str, pictures: Iterable[int] = PICTURES) -> Iterator[Row]:
    """Times a model on every device of this machine, a CPU with 1, 2, 4, … threads: unguided steps of DDIM, all
    pictures of a measurement in one batch, the best of `ROUNDS`.

    Raises:
        UserError: somebody is timing this machine already, or there is no such model.
    """
    if not _timing.acquire(blocking=False):
        raise UserError("Somebody is timing this machine at the moment. Try again in a few seconds.")
    try:
        for device in available_devices():
            engine = get_engine(checkpoint, device)
            counts = thread_counts(threads()) if device == "cpu" else [None]
            for count in counts:
                for together in pictures:
                    rate = _rate(engine, together, max(FEWEST, STEPS // together), count)
                    yield Row(device, count, together, round(rate, 2), round(1 / rate, 6))
    finally:
        _timing.release()


def _rate(engine: Runner, pictures: int, steps: int, count: int | None) -> float:
    """Steps a second, in a thread of its own that computes with `count` threads."""
    found: list[float | Exception] = []

    def work() -> None:
        try:
            with at_most(count) if count is not None else nullcontext():
                rates = []
                for few in (2, *[steps] * ROUNDS):  # the first also choose their kernels
                    jobs = [job_for(engine, steps=few, seed=seed) for seed in range(pictures)]
                    began = time.perf_counter()
                    if isinstance(engine, Engine):
                        taken = sum(map(len, run_direct(engine.denoiser, jobs)))
                    else:  # a GPU for each run: its steps come by themselves
                        taken = sum(1 for _ in engine.run(jobs))
                    rates.append(taken / (time.perf_counter() - began))
            found.append(max(rates[1:]))
        except Exception as error:
            found.append(error)

    worker = threading.Thread(target=work, name="timing")
    worker.start()
    worker.join()
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


# ---------------------------------------------------------------- figures of machines


def known_figures() -> list[dict]:
    """Measured on other machines: {machine, date, torch, checkpoint, runtime, rows}, newest first."""
    if not FIGURES.is_file():
        return []
    known = json.loads(FIGURES.read_text(encoding="utf-8"))
    return sorted(known, key=lambda one: one["date"], reverse=True)


def figure(checkpoint: str, machine: str, measured: Iterable[Row]) -> dict:
    """What was measured here, as it stands in the file of figures."""
    return {
        "machine": machine,
        "date": datetime.date.today().isoformat(),
        "torch": torch.__version__,
        "checkpoint": checkpoint,
        "runtime": {device: get_engine(checkpoint, device).stats()["runtime"] for device in available_devices()},
        "rows": [asdict(row) for row in measured],
    }


@cache
def processor() -> str:
    """The processor's own name, as far as the system tells it."""
    cpus, known = Path("/proc/cpuinfo"), platform.processor() or platform.machine()
    if not cpus.is_file():
        return known
    # Linux: Python knows no more there than the kind of instructions.
    found = re.search(r"^model name\s*: (.+)$", cpus.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return found[1] if found else known


def here() -> str:
    """This machine in a few words."""
    return f"{processor()}, cores: {cpu_quota()}, {platform.system()}"


def as_csv(known: Iterable[dict]) -> str:
    """Figures as a table for a spreadsheet, a line each row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    about, of_a_row = ("machine", "date", "torch", "checkpoint"), list(Row.__dataclass_fields__)
    writer.writerow([*about, *of_a_row])
    for one in known:
        for row in one["rows"]:
            writer.writerow([*(one[name] for name in about), *("" if row[k] is None else row[k] for k in of_a_row)])
    return text.getvalue()


def timing(checkpoint: str = "emoji-32", figures: str | None = None, **_) -> Report:
    """Steps a second of this machine's devices; with `figures`, a name for it, kept in the file of figures."""
    report = Report("timing", ["steps a second", "seconds a step"])
    measured = []
    for row in rows(checkpoint):
        measured.append(row)
        many = "" if row.threads is None else f", {row.threads} threads"
        report.add(f"{row.device}{many}, {row.pictures} at once", row.steps_per_second, row.seconds_per_step)
    made = figure(checkpoint, figures or here(), measured)
    for device, runtime in made["runtime"].items():
        report.note(f"{device}: {runtime}")
    if figures:
        others = [one for one in known_figures() if (one["machine"], one["checkpoint"]) != (figures, checkpoint)]
        FIGURES.write_text(json.dumps([*others, made], indent=1) + "\n", encoding="utf-8")
    return report
