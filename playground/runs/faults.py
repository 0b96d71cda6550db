"""Faults that are made in practice, on purpose: what is done wrongly in a run, with all else as it should be."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from playground.engine import Runner, Step
from playground.models import Space
from playground.predictions import Prediction, clip, posterior_weights
from playground.runs.lanes import Lane
from playground.samplers import SAMPLERS, Noise, Sampling
from playground.schedules import SCHEDULES, Level, NoiseSchedule, spaced


def same_question(x: Tensor, level: Level, _schedule: NoiseSchedule) -> tuple[Tensor, Level]:
    return x, level


def same_answer(said: Prediction, _x: Tensor, level: Level) -> Prediction:
    return Prediction(said.x0, said.eps, level)


@dataclass(frozen=True)
class Fault:
    """What is done wrongly; everything else is done as it should be.

    question: what the net is asked instead of (x, level), given the schedule it was trained on.
    answer: what is made of what it says, unclipped.
    sampler: stands in for the sampler. levels: stand in for those that it visits.
    noise: stands in for the noise that it draws on the way.
    clip: whether x̂0 is kept within [−1, 1].
    decoded: how the finished x becomes a picture.
    """

    question: Callable[[Tensor, Level, NoiseSchedule], tuple[Tensor, Level]] = same_question
    answer: Callable[[Prediction, Tensor, Level], Prediction] = same_answer
    sampler: Callable[..., Sampling] | None = None
    levels: Callable[[Sequence[Level]], Sequence[Level]] | None = None
    noise: Callable[[Noise], Noise] | None = None
    clip: bool = True
    decoded: Callable[[Space, Tensor], Tensor] | None = None


def v_as_x0(said: Prediction, x: Tensor, level: Level) -> Prediction:
    return Prediction.from_output("x0", said.v, x, level)


def v_as_eps(said: Prediction, x: Tensor, level: Level) -> Prediction:
    return Prediction.from_output("eps", said.v, x, level)


def nothing_learnt(_said: Prediction, x: Tensor, level: Level) -> Prediction:
    """A net whose last layer is zero still, as it is when a training begins: it says v = 0."""
    return Prediction.from_output("v", torch.zeros_like(x), x, level)


def next_t(x: Tensor, level: Level, schedule: NoiseSchedule) -> tuple[Tensor, Level]:
    """The t that comes next in ten even steps, for an x that is still as noisy as before."""
    return x, replace(level, t=max(0.0, level.t - schedule.T / 10))


def of_linear(levels: Sequence[Level]) -> Sequence[Level]:
    """As many levels of the linear schedule, told to the net by the linear schedule's t."""
    return spaced(SCHEDULES["linear"].make(), len(levels) - 1)


def silent(noise: Noise) -> Noise:
    return lambda shape: torch.zeros_like(noise(shape))


def unscaled_ddpm(x: Tensor, levels: Sequence[Level], noise: Noise) -> Sampling:
    """`ddpm` with the 1/√α of Ho et al. 2020, algorithm 2, line 4 forgotten."""
    for here, there in pairwise(levels):
        prediction = yield x, here
        weight_x0, weight_x, variance = posterior_weights(here, there)
        x = (here.alpha_bar / there.alpha_bar) ** 0.5 * (weight_x0 * prediction.x0 + weight_x * x)
        if there.alpha_bar < 1:
            x = x + variance**0.5 * noise(x.shape)
    return x


def of_unit_range(x: Tensor, level: Level, schedule: NoiseSchedule) -> tuple[Tensor, Level]:
    """What asks a net of pictures in [−1, 1] the question of one of pictures in [0, 1].

    With y = (x0 + 1)/2 noised to x = a·y + s·ε, (2x − a)/√(a² + 4s²) is x0 noised to the level with 4 times the noise.
    """
    a, s = level.signal_rate, level.noise_rate
    return (2 * x - a) / math.sqrt(a**2 + 4 * s**2), schedule.level_at(level.log_snr - math.log(4))


def to_unit_range(said: Prediction, x: Tensor, level: Level) -> Prediction:
    return Prediction.from_output("x0", (said.x0.clamp(-1, 1) + 1) / 2, x, level)


def as_it_is(space: Space, x: Tensor) -> Tensor:
    return space.enlarged(x)


LATENT_SCALE = 0.18215  # Stable Diffusion's: its net is given the latents times this (Rombach et al. 2022, appendix G)


def not_scaled_back(space: Space, x: Tensor) -> Tensor:
    """Latents decoded as a net with `LATENT_SCALE` has them, and not divided by it first."""
    return space.decode(LATENT_SCALE * x)


def cut_to_whole(space: Space, x: Tensor) -> Tensor:
    """Values of 0 … 1 cut to whole numbers, as `.astype(uint8)` does, in place of 0 … 255."""
    return ((space.decode(x).clamp(-1, 1) + 1) / 2).floor() / 127.5 - 1


def spoil(lane: Lane, fault: Fault, engine: Runner) -> None:
    """Makes the fault in the lane's job, and shows of each step what its sampler was told."""
    name, x, levels, noise, knobs, _hole = lane.job.recipe
    function = fault.sampler or SAMPLERS[name].function
    levels = fault.levels(levels) if fault.levels else levels
    sampling = function(x, levels, fault.noise(noise) if fault.noise else noise, **({} if fault.sampler else knobs))
    told: list[tuple[Tensor, Level, Prediction]] = []
    lane.job = replace(lane.job, sampler=altered(sampling, engine.schedule, fault, told), clip=False, recipe=None)
    lane.retold = lambda step: retold(step, *told[step.index])
    if fault.decoded:
        lane.decoded = lambda x: fault.decoded(engine.space, x)


def altered(sampling: Sampling, schedule: NoiseSchedule, fault: Fault, told: list) -> Generator:
    """A sampler whose questions and answers are tampered with on their way; notes in `told` what it asks and gets."""
    x, level = next(sampling)
    while True:
        belief = fault.answer((yield fault.question(x, level, schedule)), x, level)
        belief = clip(belief) if fault.clip else belief
        told.append((x, level, belief))
        try:
            x, level = sampling.send(belief)
        except StopIteration as end:
            return end.value


def retold(step: Step, x: Tensor, level: Level, belief: Prediction) -> Step:
    return replace(step, x=x[0], level=level, prediction=Prediction(belief.x0[0], belief.eps[0], level))
