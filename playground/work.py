"""What the engine has in work: requests, their tasks, and the steps that their readers get."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from torch import Tensor

from .denoiser import evaluations
from .jobs import Job
from .predictions import Prediction
from .schedules import Level

UNREAD = 64  # steps a reader may lag behind before its run waits for it


@dataclass(frozen=True)
class Step:
    """One question of one picture's sampler, with the answer that it got."""

    job: int  # which of the request's pictures
    index: int  # 0, 1, …: the how-manieth question of that picture
    steps_hint: int | None
    level: Level
    x: Tensor  # (C, H, W)
    prediction: Prediction  # x0 and eps (C, H, W)
    final: Tensor | None  # (C, H, W), the finished picture, with its last step only


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

    @property
    def rows(self) -> int:
        return evaluations(self.job.condition, self.job.guidance_scale)

    @property
    def rows_left(self) -> int:
        return self.rows * max(1, (self.job.steps_hint or 20) - self.index)


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

    __del__ = close
