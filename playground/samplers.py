"""Samplers as generators that ask: each yields a `Query` and is sent a `Prediction`; none ever calls a model.

All are called `sampler(x, levels, noise, **knobs)`: x (B, …) float64 at levels[0]; `levels` from noise to
data; `noise(shape)` gives a fresh standard normal draw. They return x at levels[-1].
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from playground.knobs import Knob
from playground.predictions import Prediction, posterior_weights
from playground.schedules import Level

Query = tuple[Tensor, Level]
Noise = Callable[[Sequence[int]], Tensor]
Sampling = Generator[Query, Prediction, Tensor]


@torch.no_grad()
def run(sampler: Sampling, denoise: Callable[[Tensor, Level], Prediction],
        record: Callable[[Tensor, Level, Prediction], None] | None = None) -> Tensor:
    """Drive a sampler to its end with one denoiser; `record(x, level, prediction)` sees every query with its
    answer."""
    query, prediction = None, None
    while True:
        try:
            query = sampler.send(prediction)
        except StopIteration as end:
            return end.value
        prediction = denoise(*query)
        if record:
            record(*query, prediction)


def ddpm(x: Tensor, levels: Sequence[Level], noise: Noise, *, variance: str = "beta_tilde") -> Sampling:
    """Ancestral sampling, x' = μ̃(x, x̂0) + σz with σ² = β or β̃: Ho et al. 2020, algorithm 2."""
    for here, there in pairwise(levels):
        prediction = yield x, here
        weight_x0, weight_x, beta_tilde = posterior_weights(here, there)
        x = weight_x0 * prediction.x0 + weight_x * x
        if there.alpha_bar < 1:
            beta = 1 - here.alpha_bar / there.alpha_bar
            x = x + (beta if variance == "beta" else beta_tilde) ** 0.5 * noise(x.shape)
    return x


def ddim(x: Tensor, levels: Sequence[Level], noise: Noise, *, eta: float = 0.0) -> Sampling:
    """x' = √ᾱ'·x̂0 + √(1−ᾱ'−σ²)·ε̂ + σz: Song et al. 2021a, eq. 12 and 16. η = 0 is deterministic, 1 is
    DDPM."""
    for here, there in pairwise(levels):
        prediction = yield x, here
        variance = eta**2 * posterior_weights(here, there)[2]
        x = there.signal_rate * prediction.x0 + (1 - there.alpha_bar - variance) ** 0.5 * prediction.eps
        if variance > 0:
            x = x + variance**0.5 * noise(x.shape)
    return x


@dataclass(frozen=True)
class Sampler:
    """A sampler with what a person should know of it. `evaluations` is network calls a step; `order` its
    convergence order as a solver of the probability flow (for a stochastic one, of its mean)."""

    name: str
    title: str
    function: Callable[..., Sampling]
    order: int
    evaluations: float
    stochastic: bool
    knobs: tuple[Knob, ...]
    paper: str


SAMPLERS: dict[str, Sampler] = {sampler.name: sampler for sampler in (
    Sampler("ddim", "DDIM", ddim, 1, 1, False, (Knob("eta", 0.0, 0.0, 1.0, 0.05, "η (fresh noise)"),),
            "Song, Meng & Ermon 2021"),
    Sampler("ddpm", "DDPM", ddpm, 1, 1, True,
            (Knob("variance", "beta_tilde", label="Variance σ²", choices=("beta_tilde", "beta")),),
            "Ho, Jain & Abbeel 2020"),
)}
