"""Denoisers in closed form: what a perfectly trained network would answer where the data is known exactly.

Called like any denoiser, `denoise(x, levels, conditions=None) -> Prediction`, on x (B, …) of any shape. They
are the oracles of the tests and the models of the lessons. With x = a·x0 + s·ε the posterior mean of x0 is
all there is to know: ε̂ = (x − a·x̂0)/s, and −ε̂/s is the score of the noised data (Tweedie's formula).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.predictions import Prediction, rates
from playground.schedules import Level


@dataclass(frozen=True, eq=False)
class Gaussian:
    """x0 ~ N(mean, std²), each number of the picture on its own; both broadcast against x (B, …). std > 0."""

    mean: Tensor
    std: Tensor

    def variance(self, level: Level) -> Tensor:
        """a²·std² + s², of the noised data."""
        return level.alpha_bar * self.std**2 + level.noise_rate**2

    def __call__(self, x: Tensor, levels: Level | Sequence[Level], conditions: object = None) -> Prediction:
        a, s = rates(levels, x)
        off = (x - a * self.mean) / (a**2 * self.std**2 + s**2)
        return Prediction(self.mean + a * self.std**2 * off, s * off, levels)

    def flow(self, x: Tensor, here: Level, there: Level) -> Tensor:
        """Where the probability flow takes x from `here` to `there`: it keeps (x − a·mean)/√variance, since a
        flow between two Gaussians that never crosses itself is the affine map between them."""
        stretch = (self.variance(there) / self.variance(here)).sqrt()
        return there.signal_rate * self.mean + stretch * (x - here.signal_rate * self.mean)


@dataclass(frozen=True, eq=False)
class Mixture:
    """x0 from component k with chance weights[k], then ~ N(means[k], stds[k]²) in every direction.

    means (K, …) with the shape of one row of x behind; stds (K,), which may be 0; weights (K,), summing to 1.
    """

    means: Tensor
    stds: Tensor
    weights: Tensor

    def _joint(self, x: Tensor, levels: Level | Sequence[Level]) -> tuple[Tensor, Tensor, Tensor | float]:
        """(log of weight × density (B, K), variance (K,) or (B, K), signal_rate) of each component at x (B, D)."""
        a, s = rates(levels, x)
        means = self.means.flatten(1)  # (K, D)
        variance = (a**2 * self.stds**2 + s**2).clamp(min=1e-30)
        # ‖x − a·mean‖² of every x and mean
        apart = (x**2).sum(1, keepdim=True) - 2 * a * (x @ means.T) + a**2 * (means**2).sum(1)
        volume = x.shape[1] / 2 * (2 * math.pi * variance).log()
        return self.weights.log() - apart / (2 * variance) - volume, variance, a

    def shares(self, x: Tensor, levels: Level | Sequence[Level]) -> Tensor:
        """(B, K): the chance that x (B, …) was noised from component k."""
        return self._joint(x.flatten(1), levels)[0].softmax(1)

    def log_density(self, x: Tensor, levels: Level | Sequence[Level]) -> Tensor:
        """(B,): log q_t(x), natural."""
        return self._joint(x.flatten(1), levels)[0].logsumexp(1)

    def divergence(self, x: Tensor, level: Level) -> Tensor:
        """(B,): the divergence of the score, ∇·∇log q_t(x): Σ_k r_k (‖g_k‖² − D/v_k) − ‖Σ_k r_k g_k‖², r the shares and
        g_k = −(x − a·mean_k)/v_k the score of component k alone."""
        flat = x.flatten(1)
        joint, variance, a = self._joint(flat, level)
        shares = joint.softmax(1)
        g = -(flat[:, None] - a * self.means.flatten(1)) / variance[..., None]  # (B, K, D)
        own = (shares * (g.square().sum(-1) - flat.shape[1] / variance)).sum(1)
        return own - (shares[..., None] * g).sum(1).square().sum(1)

    def __call__(self, x: Tensor, levels: Level | Sequence[Level], conditions: object = None) -> Prediction:
        flat = x.flatten(1)
        joint, variance, a = self._joint(flat, levels)
        shares = joint.softmax(1)
        kept = a * self.stds**2 / variance  # how far x̂0 follows x within a component
        x0 = (shares * (1 - a * kept)) @ self.means.flatten(1) + (shares * kept).sum(1, keepdim=True) * flat
        return Prediction.from_output("x0", x0.view_as(x), x, levels)


def _tensor(values: Tensor | Sequence[float] | float) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


def gaussian(mean: Tensor | float = 0.0, std: Tensor | float = 1.0) -> Gaussian:
    """The denoiser of normally distributed numbers."""
    return Gaussian(_tensor(mean), _tensor(std))


def mixture(means: Tensor, stds: Tensor | float, weights: Tensor | None = None) -> Mixture:
    """The denoiser of a mixture of round Gaussians in any dimension, of equal weights unless told otherwise.

    means (K, …); stds (K,) or one for all; weights (K,) of any sum.
    """
    means = _tensor(means)
    weights = torch.ones(len(means)) if weights is None else weights
    weights = _tensor(weights)
    return Mixture(means, _tensor(stds).expand(len(means)), weights / weights.sum())


def dataset(pictures: Tensor) -> Mixture:
    """The ideal denoiser of a finite set of pictures (N, C, H, W): their mean, weighed by how likely each is
    behind x. It can give back only what it has seen (Karras et al. 2022, eq. 57)."""
    return mixture(pictures, 0.0)
