"""A runner whose model is a formula: the pictures that a perfectly trained net would make, where the data is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from playground.engine.jobs import Job
from playground.engine.tasks import Request, Step, begin
from playground.models.autoencoder import Pixels
from playground.predictions import Prediction, clip
from playground.schedules import Level, NoiseSchedule


class Known:
    """Runs jobs in the caller's own thread, in lock-step, with `denoise(x, level)` in closed form: one of `exact`.

    It knows no conditions and no guidance: what is asked for is in the formula.
    """

    device, people, guidance = "cpu", 1, None

    def __init__(
        self, denoise: Callable[[Tensor, Level], Prediction], schedule: NoiseSchedule, size: int, channels: int = 3
    ) -> None:
        self.denoise, self.schedule, self.channels = denoise, schedule, channels
        self.size = self.picture_size = size
        self.space = Pixels(channels)

    def stats(self) -> dict:
        return {"runtime": "exact", "live": 0}

    def run(self, jobs: Sequence[Job], who: object = None) -> Iterator[Step]:
        tasks, steps = begin(jobs, who, Request(len(jobs)))
        yield from steps
        while tasks:
            going = []
            for task in tasks:
                said = self.denoise(task.x, task.level)
                step = task.advance(clip(said) if task.job.clip else said)
                if step.final is None:
                    going.append(task)
                yield step
            tasks = going
