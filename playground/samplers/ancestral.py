"""One evaluation, one step and fresh noise (DDIM with as little as one likes); and Langevin dynamics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from playground.predictions import posterior_weights
from playground.samplers.driving import Noise, Sampling
from playground.schedules import Level


def ddpm(x: Tensor, levels: Sequence[Level], noise: Noise, *, variance: str = "beta_tilde") -> Sampling:
    """x' = μ̃(x, x̂0) + √σ²·z with σ² = β̃ or β: Ho et al. 2020, algorithm 2."""
    for here, there in pairwise(levels):
        prediction = yield x, here
        weight_x0, weight_x, beta_tilde = posterior_weights(here, there)
        x = weight_x0 * prediction.x0 + weight_x * x
        if there.alpha_bar < 1:
            beta = 1 - here.alpha_bar / there.alpha_bar
            x = x + (beta if variance == "beta" else beta_tilde) ** 0.5 * noise(x.shape)
    return x


def ddim(x: Tensor, levels: Sequence[Level], noise: Noise, *, eta: float = 0.0) -> Sampling:
    """x' = a'·x̂0 + √(s'² − σ²)·ε̂ + σz, σ² = η²β̃: Song et al. 2021a, eq. 12 and 16. At η = 1 it is DDPM."""
    for here, there in pairwise(levels):
        prediction = yield x, here
        variance = eta**2 * posterior_weights(here, there)[2]
        direction = max(1 - there.alpha_bar - variance, 0) ** 0.5
        x = there.signal_rate * prediction.x0 + direction * prediction.eps
        if variance > 0:
            x = x + variance**0.5 * noise(x.shape)
    return x


def euler_ancestral(x: Tensor, levels: Sequence[Level], noise: Noise, *, eta: float = 1.0) -> Sampling:
    """Down past σ' to σ_down along the flow, then up to σ' by noise: k-diffusion's, after Song et al. 2021b.

    In exact arithmetic DDIM with the same η, told in σ: x/a = x̂0 + σ·ε̂.
    """
    for here, there in pairwise(levels):
        prediction = yield x, here
        up = eta * there.sigma * (1 - (there.sigma / here.sigma) ** 2) ** 0.5
        down = (there.sigma**2 - up**2) ** 0.5
        x = there.signal_rate * (prediction.x0 + down * prediction.eps)
        if up > 0:
            x = x + there.signal_rate * up * noise(x.shape)
    return x


def lcm(x: Tensor, levels: Sequence[Level], noise: Noise) -> Sampling:
    """x̂0, noised afresh to the next level: multistep consistency sampling (Song et al. 2023, algorithm 1), as in latent
    consistency models (Luo et al. 2023). A network that was not distilled for it answers with a mean of pictures."""
    for here, there in pairwise(levels):
        prediction = yield x, here
        x = there.signal_rate * prediction.x0
        if there.alpha_bar < 1:
            x = x + there.noise_rate * noise(x.shape)
    return x


def langevin(
    x: Tensor,
    levels: Sequence[Level],
    noise: Noise,
    *,
    predictor: str = "ancestral",
    corrections: int = 1,
    step_size: float = 0.1,
) -> Sampling:
    """Langevin steps x + δ·score + √(2δ)·z at each level, δ = step_size·s²: Song & Ermon 2019, algorithm 1.

    From level to level the predictor takes an ancestral step (Song et al. 2021b, algorithm 3), or "none", which makes
    it annealed Langevin dynamics. Into t = 0, where nothing is left to move, annealed dynamics takes x̂0.
    """
    for here, there in pairwise(levels):
        if predictor == "ancestral":
            x = yield from ddpm(x, (here, there), noise)
        elif there.alpha_bar == 1:
            x = (yield x, here).x0
        for _ in range(corrections if there.alpha_bar < 1 else 0):
            eps = (yield x, there).eps
            x = x + there.noise_rate * ((2 * step_size) ** 0.5 * noise(x.shape) - step_size * eps)
    return x
