"""Solvers that take the flow's straight part exactly and guess only how x̂0, or ε̂, moves in log-SNR.

λ = log(a/s), half the log-SNR; h = λ_there − λ_here. The flow is solved by x = a·x̂0 + s·ε̂ while x̂0 stays what it is:
that is order 1, DDIM. Order 2 puts a better guess in x̂0's place, from what was seen at another level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from playground.samplers.driving import Noise, Sampling
from playground.schedules import Level


def _held(x: Tensor, here: Level, there: Level, x0: Tensor) -> Tensor:
    """x taken along the flow from here to there with x̂0 held: (s'/s)·x − a'(e^(−h) − 1)·x̂0, DPM-Solver++ of order 1
    (Lu et al. 2022b, eq. 9) and DDIM. Without a logarithm, so that h may be infinite."""
    shrink = there.noise_rate / here.noise_rate
    return shrink * x + (there.signal_rate - shrink * here.signal_rate) * x0


def _carried_on(last: Tensor, before: Level, x0: Tensor, here: Level, there: Level) -> Tensor:
    """x̂0 half-way from here to there, on the straight line in λ through the last two: x̂0 + (x̂0 − last)/(2r) with r the
    length of the last step in this one's."""
    return last.lerp(x0, 1 + (there.log_snr - here.log_snr) / (here.log_snr - before.log_snr) / 2)


def dpmpp_2m(x: Tensor, levels: Sequence[Level], noise: Noise) -> Sampling:
    """DPM-Solver++(2M), x̂0 carried on from two levels to the middle of the step: Lu et al. 2022b, algorithm 2.

    Of order 1 at the start and into t = 0.
    """
    before = last = None
    for here, there in pairwise(levels):
        guess = x0 = (yield x, here).x0
        if before and there.alpha_bar < 1:
            guess = _carried_on(last, before, x0, here, there)
        x = _held(x, here, there, guess)
        before, last = here, x0
    return x


def dpmpp_2s(x: Tensor, levels: Sequence[Level], noise: Noise) -> Sampling:
    """DPM-Solver++(2S): a step of order 1, then both steps again in order 2 from what was seen between them: Lu et al.
    2022b, algorithm 1. The levels are taken in pairs; an odd last one, and t = 0, are reached in order 1."""
    begin = None
    for here, there in pairwise(levels):
        x0 = (yield x, here).x0
        if begin and there.alpha_bar < 1:
            start, x_start, x0_start = begin
            r = 1 - (there.log_snr - here.log_snr) / (there.log_snr - start.log_snr)
            x, begin = _held(x_start, start, there, x0_start.lerp(x0, 1 / (2 * r))), None
        else:
            begin = here, x, x0
            x = _held(x, here, there, x0)
    return x


def dpmpp_2m_sde(x: Tensor, levels: Sequence[Level], noise: Noise, *, eta: float = 1.0) -> Sampling:
    """DPM-Solver++(2M) with fresh noise: SDE-DPM-Solver++(2M) of Lu et al. 2022b at η = 1, dpmpp_2m at η = 0.

    q = e^(−h); the flow shrinks the noise in x by q, and the SDE by q^η more, which it puts back fresh.
    """
    before = last = None
    for here, there in pairwise(levels):
        guess = x0 = (yield x, here).x0
        if before and there.alpha_bar < 1:
            guess = _carried_on(last, before, x0, here, there)
        q = there.sigma / here.sigma
        x = there.noise_rate / here.noise_rate * q**eta * x + there.signal_rate * (1 - q ** (1 + eta)) * guess
        if eta > 0 and there.alpha_bar < 1:
            x = x + there.noise_rate * (1 - q ** (2 * eta)) ** 0.5 * noise(x.shape)
        before, last = here, x0
    return x


def unipc(x: Tensor, levels: Sequence[Level], noise: Noise) -> Sampling:
    """UniPC-2, B2(h), on x̂0: dpmpp_2m predicts; what is seen at the next level corrects the step that led there before
    the next is taken: Zhao et al. 2023, algorithms 5 and 6. The last step is of order 1."""
    past: list[tuple[Level, Tensor, Tensor]] = []  # level, corrected x, x̂0; the latest first
    for number, (here, there) in enumerate(pairwise(levels), start=2):
        guess = x0 = (yield x, here).x0
        if past:
            before, x_before, last = past[0]
            corrected = last.lerp(x0, 0.5)
            if past[1:]:
                h = (here.log_snr - before.log_snr) / 2
                b1 = -1 / h - 1 / math.expm1(-h)  # the moments of e^(−λ) over the step: ½ and ⅓ for small h
                b2 = -2 * b1 / h - 1 / math.expm1(-h)
                r = (before.log_snr - past[1][0].log_snr) / 2 / h
                back = (b1 - b2) / (1 + r)
                corrected = last + back / r * (last - past[1][2]) + (b1 - back) * (x0 - last)
            x = _held(x_before, before, here, corrected)
            if number < len(levels):
                guess = _carried_on(last, before, x0, here, there)
        past = [(here, x, x0), *past[:1]]
        x = _held(x, here, there, guess)
    return x


def deis(x: Tensor, levels: Sequence[Level], noise: Noise) -> Sampling:
    """DEIS of order 2, log-ρ: ε̂ as a straight line in log σ through two levels, integrated exactly: Zhang & Chen 2023,
    eq. 15. The last step is of order 1."""
    before = last = None
    for number, (here, there) in enumerate(pairwise(levels), start=2):
        prediction = yield x, here
        x = there.signal_rate * prediction.x0 + there.noise_rate * prediction.eps
        if before and number < len(levels):
            integral = there.sigma * (math.log(there.sigma / here.sigma) - 1) + here.sigma
            weight = integral / math.log(before.sigma / here.sigma)
            x = x + there.signal_rate * weight * (last - prediction.eps)
        before, last = here, prediction.eps
    return x
