"""The forward process from plain settings: which picture and schedule, the chain, what a network sees."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from playground.engine import Job, Runner
from playground.errors import UserError
from playground.images import to_pixels, to_tensor
from playground.images.bundled import PICTURES, picture
from playground.images.sheets import FILM, tiled
from playground.predictions import Prediction, q_sample, q_step
from playground.runs.settings import check, knobs_of
from playground.samplers.noise import noise_of
from playground.schedules import (
    SCHEDULES,
    Level,
    NoiseSchedule,
    on_clock,
    zero_terminal_snr,
)

FIRST = next(iter(PICTURES))


def chosen_picture(image: Image.Image | None, name: str | None, size: int) -> Tensor:
    """x0 (1, 3, size, size) in [−1, 1], float64: `image`, else the bundled picture of that name.

    No name is the first one. Raises UserError for a name that is none of PICTURES.
    """
    if image is None:
        name = name or FIRST
        if name not in PICTURES:
            names = ", ".join(PICTURES)
            raise UserError("There is no picture “{name}”; there are {names}.", name=name, names=names)
        image = picture(name, size)
    return to_tensor(image, size).double()


@lru_cache(maxsize=64)
def _made(name: str, T: int, zero: bool, knobs: tuple) -> NoiseSchedule:
    schedule = SCHEDULES[name].make(T=T, **dict(knobs))
    return zero_terminal_snr(schedule) if zero else schedule


def schedule_of(values: Mapping[str, object]) -> tuple[NoiseSchedule, dict]:
    """The schedule that page settings ask for, and those settings as they were used.

    Missing ones are at their defaults. Raises UserError where one is out of range.
    """
    used = {name: check(name, values.get(name)) for name in ("schedule", "T", "zero_terminal_snr")}
    knobs = knobs_of(SCHEDULES, used["schedule"], values)
    made = _made(used["schedule"], used["T"], used["zero_terminal_snr"], tuple(knobs.items()))
    return made, used | knobs


def strip_levels(T: int, most: int = FILM) -> list[int]:
    """The t of a film strip, evenly from 0 to T: `most` of them, or all where there are not so many."""
    count = min(most, T + 1)
    return [round(k * T / (count - 1)) for k in range(count)]


def strip(x0: Tensor, eps: Tensor, schedule: NoiseSchedule) -> tuple[list[Level], np.ndarray]:
    """x0 (1, 3, n, n) noised to the levels of a strip: the levels, and the pictures side by side, uint8 (n, ·, 3)."""
    levels = [schedule.level(t) for t in strip_levels(schedule.T)]
    return levels, tiled([[to_pixels(q_sample(x0, level, eps))[0] for level in levels]])


def numbers_of(level: Level) -> dict[str, float | None]:
    """A level in numbers. The SNR is in dB, and None where it is infinite."""
    decibels = 10 / math.log(10) * level.log_snr
    return {
        "t": level.t,
        "alpha_bar": level.alpha_bar,
        "signal_rate": level.signal_rate,
        "noise_rate": level.noise_rate,
        "snr_db": decibels if math.isfinite(decibels) else None,
    }


def walk(x0: Tensor, schedule: NoiseSchedule, t: int, seed: int) -> tuple[Tensor, Tensor, dict]:
    """x_t by t steps of the chain (Ho et al. 2020, eq. 2), fresh noise at each, and by one jump (eq. 4).

    Third, the mean and standard deviation over the picture's values of "chain", "jump" and "theory".

    In theory the mean is √ᾱ·m and the variance ᾱ·s² + 1 − ᾱ for a picture of mean m and variance s²; N
    values may miss the mean by about √((1−ᾱ)/N).
    """
    noise, level = noise_of(seed), schedule.level(t)
    jump = q_sample(x0, level, noise(x0.shape))
    chain = x0
    for step in range(1, t + 1):
        chain = q_step(chain, schedule, step, noise(x0.shape))
    spread = math.sqrt(level.alpha_bar * x0.var(correction=0).item() + 1 - level.alpha_bar)
    return chain, jump, {
        "chain": {"mean": chain.mean().item(), "std": chain.std(correction=0).item()},
        "jump": {"mean": jump.mean().item(), "std": jump.std(correction=0).item()},
        "theory": {"mean": level.signal_rate * x0.mean().item(), "std": spread},
    }  # fmt: skip


def _glance(x: Tensor, level: Level) -> Generator[tuple[Tensor, Level], Prediction, Tensor]:
    """The shortest sampler: one question."""
    prediction = yield x, level
    return prediction.x0


def seen(engine: Runner, image: Image.Image, schedule: NoiseSchedule, t: int, seed: int) -> dict[str, Tensor]:
    """One look of a network at `image`, resized for it and noised to t.

    "x" is what it was shown, "x0_hat" what it saw, "x0" the truth, each (C, S, S). A net of latents is shown a noised
    latent; truth and belief are decoded. It is not told what the picture shows; t is told in its own clock.
    """
    space = engine.space
    x0 = space.encode(to_tensor(image, engine.picture_size).double())
    level = schedule.level(t)
    x = q_sample(x0, level, noise_of(seed)(x0.shape))
    (step,) = engine.run([Job(_glance(x, on_clock([level], engine.schedule)[0]), steps_hint=1)])
    x0_hat, x0 = space.decode(torch.stack([step.prediction.x0.double(), x0[0]]))
    return {"x": space.enlarged(x[0]), "x0_hat": x0_hat, "x0": x0}
