"""Jobs: one picture each, made from plain settings."""

from __future__ import annotations

import pickle
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from playground.errors import UserError
from playground.models.conditioning import Condition
from playground.models.denoiser import NOTHING
from playground.predictions import q_sample
from playground.samplers import SAMPLERS, Noise, count_evaluations
from playground.samplers.inpainting import Hole, fill, stretches
from playground.samplers.noise import noise_of
from playground.schedules import Level, NoiseSchedule, on_clock, spaced


class Drawable(Protocol):
    """What a job must know of a model: an engine and a checkpoint both are one."""

    schedule: NoiseSchedule
    channels: int
    guidance: float | None  # that a distilled model's answers have inside
    size: int


@dataclass
class Job:
    """One picture on its way: a sampler whose state is (1, C, H, W) float64 on the CPU.

    A job with a recipe can be pickled, to be run in another process, as long as it has not been started.
    """

    sampler: Generator
    condition: Condition = NOTHING
    guidance_scale: float = 1.0
    clip: bool = True
    steps_hint: int | None = None  # questions the sampler will ask, for progress; None where it can't be said
    recipe: tuple | None = None  # (name of the sampler, x, levels, noise, knobs, hole)
    believed: Tensor | None = None  # (1, C, H, W), what a self-conditioned net has said before the first question

    def __getstate__(self) -> dict:
        if self.recipe is None:
            raise pickle.PicklingError("a job without a recipe stays where it is")
        name, x, *rest = self.recipe
        return vars(self) | {"sampler": None, "recipe": (name, x.numpy(), *rest)}

    def __setstate__(self, state: dict) -> None:
        name, x, *rest = state["recipe"]
        recipe = (name, torch.from_numpy(x), *rest)
        vars(self).update(state, sampler=started(*recipe), recipe=recipe)


def started(
    name: str, x: Tensor, levels: Sequence[Level], noise: Noise, knobs: dict, hole: Hole | None = None
) -> Generator:
    """A sampler by name, at x (1, C, H, W); where there is a hole, filling it."""
    function = SAMPLERS[name].function
    if hole is None:
        return function(x, levels, noise, **knobs)
    return fill(function, x, levels, noise, hole, **knobs)


def kept(levels: Sequence[Level], strength: float) -> Sequence[Level]:
    """The levels that are left of a run from a picture noised to `strength`: the last round(strength · steps) steps."""
    return levels[len(levels) - 1 - round(strength * (len(levels) - 1)) :]


def job_for(
    model: Drawable,
    sampler: str = "ddim",
    steps: int = 20,
    seed: int = 0,
    spacing: str = "trailing",
    schedule: NoiseSchedule | None = None,
    start: Tensor | None = None,
    strength: float = 1.0,
    condition: Condition = NOTHING,
    guidance_scale: float = 1.0,
    clip: bool = True,
    noise: Noise | None = None,
    hole: Hole | None = None,
    **knobs: object,
) -> Job:
    """One picture from plain settings, for the size and the schedule of a model: an engine or a checkpoint.

    The first draw of the seed is the starting noise, the same for every sampler. With `start`, a picture
    (C, H, W) or (1, C, H, W) in [−1, 1], only the last round(strength · steps) steps are run, from it noised
    to that level (SDEdit, Meng et al. 2022, arXiv:2108.01073). `schedule` decides which levels are
    visited; the network is told the t of its own schedule with the same noise. `clip` keeps x̂0 within [−1, 1] at every
    step. `noise` stands in for that of the seed. With a `hole` only what is masked is made, around what is known. Knobs
    that are None keep the sampler's default. A model that has its guidance inside is asked once a step, whatever the
    `guidance_scale`, 0 excepted.

    Raises:
        UserError: there is no such sampler or knob, or a number is out of range.
    """
    if sampler not in SAMPLERS:
        raise UserError("There is no sampler “{name}”; there are {names}.", name=sampler, names=", ".join(SAMPLERS))
    entry = SAMPLERS[sampler]
    known = {knob.name: knob for knob in entry.knobs}
    given = {name: value for name, value in knobs.items() if value is not None}
    for name in given:
        if name not in known:
            raise UserError("The sampler {sampler} has no setting called {name}.", sampler=sampler, name=name)
    given = {name: known[name].checked(value) for name, value in given.items()}

    if model.guidance is not None and guidance_scale != 0:
        guidance_scale = 1.0
    levels = spaced(schedule or model.schedule, steps, spacing)
    noise = noise or noise_of(seed)
    x = noise((1, model.channels, model.size, model.size))
    if start is not None:
        if not 0 <= strength <= 1:
            raise UserError("Strength must be between 0 and 1; you gave {value}.", value=strength)
        levels = kept(levels, strength)
        x = q_sample(start.reshape(x.shape).double(), levels[0], x)
    if schedule is not None:
        levels = on_clock(levels, model.schedule)
    parts = stretches(len(levels) - 1, *((hole.resamplings, hole.jump) if hole else (1, 1)))
    questions = sum(times * count_evaluations(sampler, levels[k.start : k.stop], **given) for k, times in parts)
    recipe = (sampler, x, levels, noise, given, hole)
    return Job(started(*recipe), condition, guidance_scale, clip, steps_hint=questions, recipe=recipe)
