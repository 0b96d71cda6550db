"""Solvers of dx/dσ = ε̂ for x/a, σ = s/a: classical ones, straight from the textbook.

A step that leaves less than a quarter of σ is a plain Euler step, x = a'·x̂0 + s'·ε̂, which stays within what the model
believes. ε̂ turns quickly where σ passes the scale of the data, and a polynomial that jumps over that place flies off.
Runs of few steps have such long ones; the first one of a cosine schedule, from 20,000 to 13, always is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from playground.samplers.driving import Noise, Sampling
from playground.schedules import Level

PURE_NOISE = 1e-6  # ᾱ below it counts as none: σ > 1000, beyond every schedule that these solvers were made for
FALL = 4  # of σ in one step, beyond which nothing but a straight line is safe


def _tame(here: Level, there: Level) -> bool:
    """Whether more than a straight line may be drawn from here to there."""
    return here.alpha_bar > PURE_NOISE and (there.alpha_bar == 1 or here.sigma <= FALL * there.sigma)


def heun(x: Tensor, levels: Sequence[Level], noise: Noise, *, churn: float = 0.0) -> Sampling:
    """Euler in σ, then the mean of both ends' slopes dx/dσ = ε̂: Karras et al. 2022, algorithm 2; churn is S_churn.

    Plain Euler into t = 0.
    """
    gamma = min(churn / max(len(levels) - 1, 1), 2**0.5 - 1)
    for here, there in pairwise(levels):
        if gamma > 0 and here.alpha_bar > PURE_NOISE:
            raised = _at_sigma((1 + gamma) * here.sigma, here)
            fresh = (raised.sigma**2 - here.sigma**2) ** 0.5 * noise(x.shape)
            x, here = raised.signal_rate * (x / here.signal_rate + fresh), raised
        prediction = yield x, here
        x = there.signal_rate * prediction.x0 + there.noise_rate * prediction.eps
        if there.alpha_bar < 1 and _tame(here, there):
            turn = (yield x, there).eps - prediction.eps
            x = x + there.signal_rate * (there.sigma - here.sigma) / 2 * turn
    return x


def _at_sigma(sigma: float, near: Level) -> Level:
    """The level at σ; told the t of `near` where no clock says better."""
    alpha_bar = 1 / (1 + sigma**2)
    return Level(near.clock.level_at(-2 * math.log(sigma)).t if near.clock else near.t, alpha_bar, near.clock)


ADAMS = {
    1: (1,),
    2: (3 / 2, -1 / 2),
    3: (23 / 12, -16 / 12, 5 / 12),
    4: (55 / 24, -59 / 24, 37 / 24, -9 / 24),
}  # Adams–Bashforth, the latest first


def pndm(x: Tensor, levels: Sequence[Level], noise: Noise) -> Sampling:
    """Adams–Bashforth on ε̂ after three Runge–Kutta steps, four evaluations each: Liu et al. 2022, algorithm 2.

    The weights are those of even steps in σ, which they seldom are: order 2 in general. A step into t = 0, which
    Runge–Kutta would have to ask about, is Adams–Bashforth over what is known, be it little.
    """
    known: list[Tensor] = []
    for here, there in pairwise(levels):
        prediction = yield x, here
        known = [prediction.eps, *known[:3]]
        if not _tame(here, there):
            x = there.signal_rate * prediction.x0 + there.noise_rate * prediction.eps
            continue
        if len(known) < 4 and there.alpha_bar < 1:
            middle = _middle(here, there)
            second = (yield _along(x, here, middle, known[0]), middle).eps
            third = (yield _along(x, here, middle, second), middle).eps
            fourth = (yield _along(x, here, there, third), there).eps
            eps = (known[0] + 2 * second + 2 * third + fourth) / 6
        else:
            eps = sum(weight * each for weight, each in zip(ADAMS[len(known)], known, strict=True))
        x = _along(x, here, there, eps)
    return x


def _along(x: Tensor, here: Level, there: Level, eps: Tensor) -> Tensor:
    """x taken from here to there with ε̂ held: Liu et al. 2022, eq. 11 (x/a moves by (σ' − σ)·ε̂)."""
    return there.signal_rate * (x / here.signal_rate + (there.sigma - here.sigma) * eps)


def _middle(here: Level, there: Level) -> Level:
    """The level half-way in t; half-way in log-SNR where no clock says better."""
    t = (here.t + there.t) / 2
    if not here.clock:
        return Level(t, 1 / (1 + math.exp(-(here.log_snr + there.log_snr) / 2)))
    return Level(t, min(max(here.clock.level(t).alpha_bar, here.alpha_bar), there.alpha_bar), here.clock)
