"""What the engine has in work: requests, their tasks, and the steps that their readers get."""

from __future__ import annotations

import math
import queue
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from playground.engine.jobs import Job
from playground.errors import UserError
from playground.models import Model, Space
from playground.models.denoiser import UNetDenoiser, clipped, evaluations, guided
from playground.predictions import Prediction
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


@dataclass(eq=False)
class Request:
    """What one call of `run` is waiting for. Lives as long as somebody reads it."""

    live: int  # pictures not finished yet
    outbox: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)
    closed: bool = False

    @property
    def full(self) -> bool:
        """Its reader lags too far behind: let it catch up."""
        return self.outbox.qsize() >= max(UNREAD, 2 * self.live)


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
    self_condition = denoise.checkpoint.model.self_condition
    limits = [1.0 if task.job.clip else math.inf for task in batch]
    denoise = guided(denoise, [task.job.guidance_scale for task in batch])
    denoise = clipped(denoise, torch.tensor(limits, dtype=torch.float64, device="cpu")[:, None, None, None])
    x = torch.cat([task.x for task in batch])
    if self_condition:
        x = torch.cat([x, torch.cat([torch.zeros_like(t.x) if t.x0 is None else t.x0 for t in batch])], dim=1)
    levels = batch[0].level if len(batch) == 1 else [task.level for task in batch]
    seen = denoise(x, levels, [task.job.condition for task in batch])
    # Copies, so that a step that is kept does not keep the whole batch alive.
    rows = [(seen.x0[k : k + 1].clone(), seen.eps[k : k + 1].clone()) for k in range(len(batch))]
    return [Prediction(*row, task.level) for row, task in zip(rows, batch, strict=True)]


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
        """read() is called after each step that is taken, forget(request) when no more will be."""
        self._request, self._read, self._forget, self._done = request, read, forget, False

    def __next__(self) -> Step:
        if self._done:
            raise StopIteration
        got = self._request.outbox.get()
        self._read()
        if isinstance(got, Step):
            return got
        self._done = True
        if got is None:
            raise StopIteration
        raise got

    def close(self) -> None:
        self._done = True
        self._forget(self._request)
        self._request.outbox.put(None)  # for another thread that waits for a step

    __del__ = close
