"""Hugging Face's ZeroGPU: a GPU that is lent for the length of one call.

There, code that needs the GPU must be inside a function decorated with `spaces.GPU`. It runs in a forked process:
what goes in and what it yields is pickled, and a tensor would travel as shared memory, which breaks when its process
goes. So a whole run is one call, jobs travel as recipes in bytes, and steps come back as numbers and NumPy arrays.
Everywhere else `spaces` is not even imported.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec

import torch

from playground.checkpoints import load
from playground.engine.jobs import Job
from playground.engine.tasks import Runner, Step, packed, run_direct, unpacked
from playground.errors import UserError
from playground.models.denoiser import UNetDenoiser

log = logging.getLogger(__name__)

ROUND_SECONDS = 0.02  # one batch through the net, generously
START_SECONDS = 8  # reading the weights and waking the GPU
LONGEST_SECONDS = 120


def present() -> bool:
    """Whether this process runs on a ZeroGPU Space."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true") and find_spec("spaces") is not None


def seconds_for(jobs: Sequence[Job]) -> int:
    """Seconds of GPU to ask for: what the jobs will need, by the questions that their samplers will ask."""
    rounds = sum(job.steps_hint or 100 for job in jobs) / min(len(jobs), 16)
    return min(LONGEST_SECONDS, round(START_SECONDS + ROUND_SECONDS * rounds))


@lru_cache(maxsize=2)
def _denoiser(name: str) -> UNetDenoiser:
    """In the forked process, which lives on for the next call: the weights are read once."""
    return UNetDenoiser(load(name, "cuda" if torch.cuda.is_available() else "cpu"))


def _steps(name: str, seconds: int, jobs: bytes) -> Iterator[list[tuple] | str]:
    """The steps of each round, packed. If a UserError is raised, its message is yielded last as a string: the
    exception itself does not survive pickling. A sync generator, as `spaces.GPU` asks for."""
    torch.set_num_threads(1)  # a forked process must not use the OpenMP threads of its parent; the GPU does the work
    try:
        for steps in run_direct(_denoiser(name), pickle.loads(jobs)):
            yield [packed(step) for step in steps]
    except UserError as error:
        yield str(error)


def _lend(function: Callable) -> Callable:
    import spaces

    return spaces.GPU(duration=lambda name, seconds, jobs: seconds)(function)


# Spaces looks for decorated functions when the page is launched, so this can't wait for the first run.
lent = _lend(_steps) if present() else _steps


class Borrowing:
    """An engine whose runs borrow a GPU. What can't travel to the other process runs on the engine at home."""

    device = "cuda (ZeroGPU)"

    def __init__(self, home: Runner, name: str) -> None:
        self.home, self.name, self.checkpoint = home, name, home.checkpoint
        self.schedule, self.space, self.channels = home.schedule, home.space, home.channels
        self.size, self.picture_size, self.guidance = home.size, home.picture_size, home.guidance

    @property
    def people(self) -> int:
        return self.home.people

    def close(self) -> None:
        self.home.close()

    def stats(self) -> dict:
        return self.home.stats() | {"device": self.device}

    def run(self, jobs: Sequence[Job], who: object = None) -> Iterator[Step]:
        """As `Engine.run`.

        Raises:
            UserError: there is no GPU to borrow just now, in the words of ZeroGPU.
        """
        try:
            packed = pickle.dumps(jobs)
        except (pickle.PicklingError, AttributeError, TypeError):
            return self.home.run(jobs, who)
        return self._borrowed(seconds_for(jobs), packed)

    def _borrowed(self, seconds: int, jobs: bytes) -> Iterator[Step]:
        try:
            for steps in lent(self.name, seconds, jobs):
                if isinstance(steps, str):
                    raise UserError(steps)
                for step in steps:
                    yield unpacked(*step)
        except UserError:
            raise
        except Exception as error:
            raise UserError(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    """What to say of an error. ZeroGPU raises gr.Error with a title such as "ZeroGPU quota exceeded"."""
    title = str(getattr(error, "title", ""))
    if "quota" in title or "credits" in title:
        return "Your share of this Space's GPU is used up for now; choose the device “cpu”, or try again later."
    if "timeout" in title or "client" in title:
        return "No GPU is free at the moment; try again in a minute, or choose the device “cpu”."
    if "duration" in title:
        return "This run needs the GPU for longer than it is lent; take fewer steps or pictures."
    log.error("A run on a lent GPU failed.", exc_info=error)
    return "The GPU gave up on this run; try again, or choose the device “cpu”."
