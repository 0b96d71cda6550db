"""The noise axis: ᾱ_t over t = 0 … T, and a point on it."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from playground.errors import UserError

MAX_T = 4000


@dataclass(frozen=True)
class Level:
    """A point on the noise axis: `t` is what the network is told (may be fractional), `alpha_bar` what is
    true.

    `clock` is the schedule that t belongs to: the few samplers that visit points between their levels ask it.
    """

    t: float
    alpha_bar: float
    clock: NoiseSchedule | None = field(default=None, compare=False, repr=False)

    @property
    def signal_rate(self) -> float:
        """√ᾱ, the share of x0 in x."""
        return self.alpha_bar**0.5

    @property
    def noise_rate(self) -> float:
        """√(1−ᾱ), the share of ε in x."""
        return (1 - self.alpha_bar) ** 0.5

    @property
    def sigma(self) -> float:
        """noise_rate/signal_rate, the σ of Karras et al. 2022: 0 on the clean picture, inf on pure noise."""
        return (1 / self.alpha_bar - 1) ** 0.5 if self.alpha_bar > 0 else math.inf

    @property
    def log_snr(self) -> float:
        """log(ᾱ/(1−ᾱ)), natural: inf on the clean picture, −inf on pure noise."""
        if self.alpha_bar <= 0:
            return -math.inf
        return math.log(self.alpha_bar) - math.log1p(-self.alpha_bar) if self.alpha_bar < 1 else math.inf


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """ᾱ as a (T+1,) float64 tensor falling from 1; all else follows from it."""

    name: str
    alpha_bar: Tensor

    @property
    def T(self) -> int:
        return len(self.alpha_bar) - 1

    @cached_property
    def alpha(self) -> Tensor:
        """(T+1,) α_t = ᾱ_t/ᾱ_{t−1}, the power of the signal that step t of the chain keeps; α_0 = 1."""
        before = self.alpha_bar[:-1]
        kept = torch.where(before > 0, self.alpha_bar[1:] / before, torch.zeros_like(before))
        return torch.cat([self.alpha_bar.new_ones(1), kept])

    @cached_property
    def beta(self) -> Tensor:
        """(T+1,) β_t = 1 − α_t, the noise that step t adds; β_0 = 0."""
        return 1.0 - self.alpha

    @cached_property
    def log_snr(self) -> Tensor:
        """(T+1,) log(ᾱ/(1−ᾱ)); inf at t = 0, −inf where ᾱ is 0."""
        return torch.log(self.alpha_bar) - torch.log1p(-self.alpha_bar)

    @cached_property
    def posterior_variance(self) -> Tensor:
        """(T+1,) β̃_t = β_t (1−ᾱ_{t−1})/(1−ᾱ_t), the variance of q(x_{t−1} | x_t, x0): Ho et al. 2020, eq. 7;
        0 at t = 0 and 1."""
        share = (1 - self.alpha_bar[:-1]) / (1 - self.alpha_bar[1:])
        return torch.cat([self.alpha_bar.new_zeros(1), self.beta[1:] * share])

    @cached_property
    def _rising(self) -> list[float]:
        return self.log_snr.flip(0).tolist()

    def level(self, t: float) -> Level:
        """The level at t in [0, T]; raises UserError outside.

        Between two whole t log-SNR is interpolated linearly. It is infinite at t = 0, and at t = T if ᾱ_T = 0: in a
        step that touches such an end, atan(signal_rate / noise_rate) is interpolated linearly instead (see `_angle`).
        """
        t = float(t)
        if not 0 <= t <= self.T:
            raise UserError("t must be between 0 and {T}; you gave {t}.", T=self.T, t=t)
        low = int(t)
        if t == low:
            return Level(t, self.alpha_bar[low].item(), self)
        a, b, share = self.log_snr[low].item(), self.log_snr[low + 1].item(), t - low
        if b == -math.inf:
            return Level(t, math.sin((1 - share) * _angle(a)) ** 2, self)
        if a == math.inf:
            return Level(t, math.cos(share * _angle(-b)) ** 2, self)
        return Level(t, _sigmoid(a + share * (b - a)), self)

    def level_at(self, log_snr: float) -> Level:
        """The level with that log-SNR: the inverse of `level(t).log_snr`. Below the schedule's noisiest level
        it is that one, t = T. Raises UserError for NaN."""
        if math.isnan(log_snr):
            raise UserError("The log-SNR of a level must be a number.")
        right = bisect_right(self._rising, log_snr)
        if right == 0:
            return self.level(self.T)
        low, b = self.T - right, self._rising[right - 1]
        if b == log_snr:
            return self.level(low + 1)
        a = self._rising[right]  # level `low` has log-SNR a > log_snr > b, that of level low + 1
        if b == -math.inf:
            share = 1 - _angle(log_snr) / _angle(a)
        elif a == math.inf:
            share = _angle(-log_snr) / _angle(-b)
        else:
            share = (log_snr - a) / (b - a)
        return Level(low + share, _sigmoid(log_snr), self)


def _sigmoid(log_snr: float) -> float:
    """ᾱ of a log-SNR, without overflow at either end."""
    return 1 / (1 + math.exp(-log_snr)) if log_snr >= 0 else math.exp(log_snr) / (1 + math.exp(log_snr))


def _angle(log_snr: float) -> float:
    """atan(signal_rate/noise_rate), from 0 at pure noise to π/2; of −log_snr, the same from the clean picture."""
    return math.atan(math.exp(min(log_snr, 1400) / 2))
