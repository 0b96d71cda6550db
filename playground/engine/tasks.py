"""What the engine has in work: requests, their tasks, and the steps that their readers get."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from playground.engine.jobs import Job
from playground.errors import UserError
from playground.models import Model, Space
from playground.models.denoiser import UNetDenoiser, evaluations, rows_for
from playground.predictions import Prediction, beliefs
from playground.schedules import Level, NoiseSchedule

FULL = "{pictures} pictures are being made already, for about {seconds} s more. Try again then."
UNREAD = 64  # steps a reader may lag behind before its run waits for it


@dataclass(frozen=True)
class Step:
    """One question of one picture's sampler, with the answer that it got."""

    job: int  # which of the request's pictures
    index: int  # of the question among those of its picture, from 0
    steps_hint: int | None
    level: Level
    x: Tensor  # (C, H, W)
    prediction: Prediction  # x0 and eps (C, H, W)
    final: Tensor | None  # (C, H, W), the finished picture, with its last step only
    at: float = field(default_factory=time.perf_counter, compare=False)  # when it was made known in this process


def packed(step: Step) -> tuple:
    """A step as it travels to another process: a tensor would travel as shared memory, which breaks when its process
    goes."""
    told = (step.x, step.prediction.x0, step.prediction.eps, *([] if step.final is None else [step.final]))
    level = step.level.t, step.level.alpha_bar
    return step.job, step.index, step.steps_hint, level, torch.stack(told).cpu().numpy()


def unpacked(job: int, index: int, steps_hint: int | None, level: tuple[float, float], told: np.ndarray) -> Step:
    """What `packed` was given."""
    told = told if told.flags.writeable else told.copy()  # memory that the other process shares, perhaps
    x, x0, eps, *final = torch.from_numpy(told)
    level = Level(*level)
    return Step(job, index, steps_hint, level, x, Prediction(x0, eps, level), final[0] if final else None)


class Runner(Protocol):
    """What runs jobs with one model: an engine of this machine, one that borrows a GPU for each run, or several."""

    checkpoint: Model
    schedule: NoiseSchedule
    space: Space
    size: int
    picture_size: int
    channels: int
    guidance: float | None

    @property
    def device(self) -> object:
        """Where the network is; `str` of it is for the badge."""

    @property
    def people(self) -> int:
        """How many people have runs in work."""

    def run(self, jobs: Sequence[Job], who: object = None) -> Iterator[Step]:
        """Starts the jobs, and returns their steps as they come; requests of the same `who` share turns."""

    def stats(self) -> dict:
        """What the badge and the benchmarks show."""

    def close(self) -> None:
        """Ends all runs."""


def _at_once() -> float:
    return 0.0


@dataclass(eq=False)
class Request:
    """What one call of `run` is waiting for: its steps, from whoever makes them to the one reader, who is woken only
    when there is something to show. A thread that wakes takes Python's lock from those that work."""

    live: int  # pictures not finished yet
    rest: Callable[[], float] = _at_once  # seconds that the reader wants to sleep between two handfuls
    clock: Callable[[], float] = time.perf_counter
    closed: bool = False  # what is left of its work is to be let go of
    error: UserError | None = None  # what ended it before its time
    steps: list[Step] = field(default_factory=list)  # that nobody has read
    _taken: float = -math.inf  # when the reader took the last handful
    _change: threading.Condition = field(default_factory=threading.Condition)

    @property
    def _most(self) -> int:
        """Steps that may lie unread."""
        return max(UNREAD, 2 * self.live)

    @property
    def full(self) -> bool:
        """Its reader lags too far behind: let it catch up."""
        return len(self.steps) >= self._most

    @property
    def due(self) -> bool:
        """Whether there is something to show: the first step, the end, more than half of what may lie unread; or when
        the reader has rested, a step of each picture that is going, and after twice that time any."""
        if self.closed or not self.live or 2 * len(self.steps) >= self._most:
            return True
        waited = self.clock() - self._taken
        if not self.steps or waited <= (rest := self.rest()):
            return False
        return waited > 2 * rest or len({step.job for step in self.steps}) >= self.live

    def tell(self, step: Step) -> None:
        """One more step; the last one of the last picture ends it."""
        with self._change:
            self.live -= step.final is not None
            self.steps.append(step)
            if self.due:
                self._change.notify()

    def end(self, error: UserError | None = None) -> None:
        """No more steps will come, or be wanted."""
        with self._change:
            self.closed, self.error = True, error
            self._change.notify()

    def take(self) -> list[Step]:
        """Waits until something is due, and gives all steps that nobody has read; none after the last one.

        Raises:
            UserError: the run has failed, and the steps before that have been read.
        """
        with self._change:
            self._change.wait_for(lambda: self.due)
            steps, self.steps = self.steps, []
            self._taken = self.clock()
            if self.error is not None and not steps:
                raise self.error
            return steps


@dataclass(eq=False)
class Task:
    """A job in work, with the question that its sampler has open."""

    who: object
    request: Request
    number: int
    job: Job
    x: Tensor
    level: Level
    index: int = 0
    x0: Tensor | None = None  # what the model believed in last, for a self-conditioned net
    asked: bool = False  # its question is in the network

    @property
    def rows(self) -> int:
        return evaluations(self.job.condition, self.job.guidance_scale)

    @property
    def rows_left(self) -> int:
        return self.rows * max(1, (self.job.steps_hint or 20) - self.index)

    def advance(self, answer: Prediction) -> Step:
        """Sends the sampler its answer; gives the step that this was.

        Raises:
            UserError: the picture came out with numbers that are none. And whatever the sampler raises.
        """
        index, level, x, final = self.index, self.level, self.x[0], None
        self.x0 = answer.x0
        try:
            self.x, self.level = self.job.sampler.send(answer)
            self.index += 1
        except StopIteration as end:
            final = end.value[0]
            if not final.isfinite().all():
                raise UserError("This run grew beyond all bounds: guide it less.") from None
        belief = Prediction(answer.x0[0], answer.eps[0], level)
        return Step(self.number, index, self.job.steps_hint, level, x, belief, final)


def begin(jobs: Sequence[Job], who: object, request: Request) -> tuple[list[Task], list[Step]]:
    """The tasks of a request, each with its first question; and the steps of jobs that have nothing to ask, whose
    picture is what it was."""
    tasks, steps = [], []
    for number, job in enumerate(jobs):
        try:
            tasks.append(Task(who, request, number, job, *next(job.sampler), x0=job.believed))
        except StopIteration as end:
            done, clean = end.value[0], Level(0.0, 1.0)
            steps.append(Step(number, 0, 0, clean, done, Prediction(done, torch.zeros_like(done), clean), done))
    return tasks, steps


def answers(denoise: UNetDenoiser, batch: Sequence[Task]) -> list[Prediction]:
    """What a model says to the open questions of some tasks, (1, C, H, W) each: guided and clipped as they wish."""
    jobs, model = [task.job for task in batch], denoise.checkpoint
    scales, limits = [job.guidance_scale for job in jobs], [1.0 if job.clip else math.inf for job in jobs]
    rows = rows_for([job.condition for job in jobs], scales)
    asked = [batch[k] for k in rows.pictures]
    x, levels = torch.cat([task.x for task in asked]), [task.level for task in asked]
    given = x
    if model.model.self_condition:
        given = [torch.zeros_like(task.x) if task.x0 is None else task.x0 for task in asked]
        given = torch.cat([x, torch.cat(given)], dim=1)
    output = denoise.output(given, levels, rows.conditions)
    seen = beliefs(model.prediction_kind, output, x, levels, scales, limits, rows.told, rows.without)
    return [Prediction(*pair, task.level) for pair, task in zip(seen, batch, strict=True)]


@torch.no_grad()
def run_direct(denoise: UNetDenoiser, jobs: Sequence[Job], max_batch: int = 32) -> Iterator[list[Step]]:
    """Runs jobs in the caller's own thread, in lock-step; yields the steps of each round through the network."""
    tasks, steps = begin(jobs, None, Request(len(jobs)))
    if steps:
        yield steps
    while tasks:
        batch = tasks[: max_batch // 2]  # each may take two rows
        steps = [task.advance(answer) for task, answer in zip(batch, answers(denoise, batch), strict=True)]
        yield steps
        tasks = tasks[len(batch) :] + [task for task, step in zip(batch, steps, strict=True) if step.final is None]


class Run(Iterator[Step]):
    """The steps of a request, as they come. Closing it, or letting go of it, frees the work at once."""

    def __init__(self, request: Request, read: Callable[[], None], forget: Callable[[Request], None]) -> None:
        """read() is called after steps have been taken, forget(request) when no more will be."""
        self.request, self._read, self._forget, self._done = request, read, forget, False
        self._steps: list[Step] = []  # taken and not given yet, the last one first

    def __next__(self) -> Step:
        if not self._steps:
            self._steps = self.take()[::-1]
        if not self._steps:
            raise StopIteration
        return self._steps.pop()

    def take(self) -> list[Step]:
        """All steps that are there, as `Request.take` has it; none at the end."""
        if self._done:
            return []
        try:
            steps = self.request.take()
        except UserError:
            self._done = True
            raise
        self._read()
        self._done |= not steps
        return steps

    def close(self) -> None:
        self._done, self._steps = True, []
        self._forget(self.request)

    __del__ = close


def together(steps: Iterator[Step], pictures: int, rest: Callable[[], float]) -> Iterator[list[Step]]:
    """The steps of a run of so many pictures in handfuls, when they are due (`Request.due`) to a reader who wants to
    rest() seconds in between."""
    if isinstance(steps, Run):
        steps.request.rest = rest
        yield from iter(steps.take, [])
        return
    request = Request(pictures, rest)
    for step in steps:
        request.tell(step)
        if request.due:
            yield request.take()
    if request.steps:
        yield request.steps
