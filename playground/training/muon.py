"""Muon: momentum whose every step is made orthogonal first (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

PyTorch's own (2.9 and later) takes matrices only, and most weights of a U-Net are convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from playground.models.devices import cores

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration, as published


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """About U Vᵀ of a matrix U S Vᵀ (its singular values all near 1, between 0.7 and 1.2), by Newton–Schulz iteration.

    X ← (a + b XXᵀ + c (XXᵀ)²) X, five times. All of these factors are polynomials in the first XXᵀ, so they are
    multiplied with each other first, at the size of the short side, and with X once: for a 3 × 3 convolution that is
    less than half the work.
    """
    a, b, c = COEFFICIENTS
    x = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    product = None
    for step in range(steps):
        factor = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal().add_(a)
        product = factor if product is None else factor @ product
        if step < steps - 1:
            gram = factor @ gram @ factor
    x = product @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


class Muon(torch.optim.Optimizer):
    """For weights of two and more dimensions, taken as matrices (out, in · height · width).

    The step is scaled to the size that AdamW's would have (Liu et al. 2025, arXiv:2502.16982, §2.2), so that one
    learning rate suits both.
    """

    def __init__(self, params, lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            # One core each: these matrices are too small for several.
            run = cores().map if weights and weights[0].device.type == "cpu" else map
            for _ in run(lambda weight, group=group: self._update(weight, group), weights):
                pass

    @torch.no_grad()
    def _update(self, weight: Tensor, group: dict) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        mean = state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
        ahead = weight.grad.lerp(mean, group["momentum"]).flatten(1)  # Nesterov's
        size = 0.2 * max(ahead.shape) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(orthogonal(ahead).view_as(weight), alpha=-group["lr"] * size)
