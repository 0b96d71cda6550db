"""Three losses for a score, and why they have the same best one: by numbers, where the true score is known.

    explicit    ½E‖s(x) − ∇log q(x)‖²          asks for the true score, which nobody has
    implicit    E[½‖s(x)‖² + ∇·s(x)]           asks for the derivative of the net instead (Hyvärinen 2005)
    denoising   ½E‖s(x) − ∇log q(x | x0)‖²     asks for the noise that one has added oneself: ∇log q(x | x0) = −ε/√(1−ᾱ)

Each is the explicit one plus a number that does not depend on s: −½E‖∇log q‖² by partial integration, and
½E‖∇log q(x | x0)‖² − ½E‖∇log q‖² since the mean of ∇log q(x | x0) over all x0 behind x is ∇log q(x) (Vincent 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.errors import UserError
from playground.predictions import q_sample
from playground.schedules import Level
from playground.theory.exact import Mixture


@dataclass(frozen=True)
class Losses:
    """The three losses of one score, per dimension, and what the others are above the explicit one, each of these with
    its standard error (they are means over draws)."""

    explicit: float
    implicit: float
    denoising: float
    implicit_above: tuple[float, float]
    denoising_above: tuple[float, float]


@dataclass(frozen=True)
class Constants:
    """What the implicit loss and the denoising loss are above the explicit one, by the theorems, per dimension."""

    implicit: float
    denoising: float


def draws(model: Mixture, level: Level, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """`count` noised points x (count, D) of the model's data at a level, and the noise ε that is in each. Raises
    UserError at t = 0, where there is none."""
    if not level.noise_rate:
        raise UserError("At t = 0 there is no noise to tell the score by; take a larger t.")
    generator = torch.Generator().manual_seed(seed)
    which = torch.multinomial(model.weights, count, replacement=True, generator=generator)
    means = model.means.flatten(1)[which]
    jitter, eps = torch.randn((2, *means.shape), generator=generator, dtype=torch.float64)
    return q_sample(means + model.stds[which, None] * jitter, level, eps), eps


def losses(
    model: Mixture, level: Level, factors: Sequence[float], count: int = 20_000, seed: int = 0
) -> tuple[list[Losses], Constants]:
    """The losses of the true score times each of `factors`, over the same draws, and the constants of the theorems."""
    x, eps = draws(model, level, count, seed)
    dimensions = x.shape[1]
    score, divergence = model(x, level).score, model.divergence(x, level)
    target = -eps / level.noise_rate

    def half_square(v: Tensor) -> Tensor:
        return 0.5 * v.square().sum(1) / dimensions

    def above(loss: Tensor, explicit: Tensor) -> tuple[float, float]:
        gap = loss - explicit
        return gap.mean().item(), gap.std().item() / count**0.5

    made = []
    for factor in factors:
        explicit = half_square(factor * score - score)
        implicit = half_square(factor * score) + factor * divergence / dimensions
        denoising = half_square(factor * score - target)
        means = (each.mean().item() for each in (explicit, implicit, denoising))
        made.append(Losses(*means, above(implicit, explicit), above(denoising, explicit)))
    of_score = half_square(score).mean().item()
    return made, Constants(-of_score, 0.5 / level.noise_rate**2 - of_score)
