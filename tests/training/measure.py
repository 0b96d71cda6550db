"""How fast training is: `python -m tests.training.measure [NAME …]`.

learn: a training on digits as the page makes it, to its end: its seconds, and how many of what it draws are read right.
loop: pictures a second in the classroom, against the bare training loop. watchers: with thirty who watch, against one.
beside: pictures generated a second beside a training, against none. busy: pictures a second of a training as the
command line makes it, on all cores, beside a process that keeps one of them busy, against none.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import torch

from playground.checkpoints import load
from playground.engine import get_engine, job_for
from playground.models.denoiser import UNetDenoiser, clipped, guided
from playground.models.devices import threads
from playground.report import Report
from playground.runs.settings import DEFAULTS
from playground.samplers import ddim, run
from playground.schedules import spaced
from playground.training.classroom import Classroom
from playground.training.data import PictureSet
from playground.training.digits import DIGITS
from playground.training.plans import digits_plan, digits_recipe, drawn
from playground.training.recipe import Recipe
from playground.training.slips import Slipped
from playground.training.trainer import Trainer
from playground.training.watched import Training
from tests.digit_reader import read

READ = 200  # pictures
SECONDS = 6.0  # of each measurement
WATCHERS = 30
RECIPE = digits_recipe("v", "mse", "cosine", 1000, False, 0.1, 0)  # the page's
Watched = tuple[Training, Classroom]


def read_right(net) -> float:
    """The share of digits that are read as what they were asked for."""
    asked = [DIGITS[k % 10] for k in range(READ)]
    conditions = [net.parse(digit)[0] for digit in asked]
    x = torch.randn(READ, 1, net.size, net.size, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    denoise = clipped(guided(UNetDenoiser(net), 2.0))
    made = run(ddim(x, spaced(net.schedule, 10), torch.randn), lambda x, level: denoise(x, level, conditions))
    return sum(a == b for a, b in zip(read(made), asked, strict=True)) / READ


@contextlib.contextmanager
def training(watchers: int = 1, images: int = 10**6) -> Iterator[Watched]:
    """One that is in work, followed by so many people."""
    room = Classroom()
    plan = digits_plan(RECIPE, images)
    there = room.ask(plan, 0)

    def watch(who: int) -> None:
        for _message in there.follow(who, lambda: room.place(there)):
            pass

    people = [threading.Thread(target=watch, args=(who,)) for who in range(watchers)]
    for each in people:
        each.start()
    while not there.images:
        time.sleep(0.05)
    try:
        yield there, room
    finally:
        there.stop()
        for each in people:
            each.join()
        room.close()
        there.discard()


def rate(count: Callable[[], int]) -> float:
    """By how much it grows a second."""
    began, before = time.monotonic(), count()
    time.sleep(SECONDS)
    return (count() - before) / (time.monotonic() - began)


def looped(trainer: Trainer) -> float:
    """Pictures a second of the bare loop."""
    for _ in range(3):
        trainer.train_step(0.0)
    began, before = time.monotonic(), trainer.images
    while time.monotonic() - began < SECONDS:
        float(trainer.train_step(0.0))
    return (trainer.images - before) / (time.monotonic() - began)


def learn(report: Report) -> None:
    began = time.monotonic()
    with training(images=DEFAULTS["seen"].default) as (there, _room):
        while not there.ended:
            time.sleep(0.05)
        seconds = time.monotonic() - began
        report.add("digits learnt: seconds, share read right", seconds, read_right(load(there.folder)))


def loop(report: Report) -> None:
    with training() as (there, _room):
        watched = rate(lambda: there.images)

    def bare() -> None:
        torch.set_num_threads(1)
        trainer = Slipped(RECIPE, drawn(), torch.device("cpu"))
        keep = max(1, threads() - 1)
        trainer.twins, trainer.forwards = trainer.twins[:keep], trainer.forwards[:keep]
        rates.append(looped(trainer))

    rates: list[float] = []
    thread = threading.Thread(target=bare)
    thread.start()
    thread.join()
    report.add("pictures/s: bare loop, in the classroom", rates[0], watched, watched / rates[0])


def watchers(report: Report) -> None:
    rates = []
    for count in (1, WATCHERS):
        with training(count) as (there, _room):
            rates.append(rate(lambda there=there: there.images))
    report.add(f"pictures/s of a training: one watches, {WATCHERS} watch", *rates, rates[1] / rates[0])


def beside(report: Report) -> None:
    engine = get_engine("emoji-32", "cpu")

    def drawing() -> float:
        began, made = time.monotonic(), 0
        while time.monotonic() - began < SECONDS:
            jobs = [job_for(engine, "ddim", steps=10, seed=seed) for seed in range(4)]
            for _step in engine.run(jobs):
                pass
            made += len(jobs)
        return made / (time.monotonic() - began)

    drawing()  # what is slower at first
    alone = drawing()
    with training() as (there, _room):
        before, began = there.images, time.monotonic()
        shared = drawing()
        trained = (there.images - before) / (time.monotonic() - began)
    report.add("pictures/s drawn (emoji-32, 10 steps): alone, beside a training", alone, shared, shared / alone)
    report.note(f"Beside the drawing, the training saw {trained:.0f} pictures a second.")


def busy(report: Report) -> None:
    torch.set_num_threads(threads())
    pixels = torch.randint(0, 256, (400, 3, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    texts = [f"word{k % 40} thing{k % 7}" for k in range(400)]
    trainer = Trainer(Recipe(held_out=0), PictureSet(pixels, texts, [""] * 400, torch.ones(400)), torch.device("cpu"))
    alone = looped(trainer)
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        shared = looped(trainer)
    finally:
        other.kill()
    report.add("pictures/s by the command line: alone, beside a busy core", alone, shared, shared / alone)


MEASURES = {each.__name__: each for each in (learn, loop, watchers, beside, busy)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.training.measure", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *MEASURES], metavar="NAME", help=", ".join(MEASURES))
    report = Report("training", ["one", "other", "ratio"])
    for name in parser.parse_args().names or MEASURES:
        MEASURES[name](report)
    print(report.text())


if __name__ == "__main__":
    main()
