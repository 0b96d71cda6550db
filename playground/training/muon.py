"""Muon: momentum whose every step is made orthogonal first (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

PyTorch's own (2.9 and later) takes matrices only, and most weights of a U-Net are convolutions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from playground.models.devices import cores

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration, as published


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """About U Vᵀ of a matrix U S Vᵀ (its singular values all near 1, between 0.7 and 1.2), by Newton–Schulz iteration;
    of several of one shape, (N, …), at once.

    X ← (a + b XXᵀ + c (XXᵀ)²) X, five times. All of these factors are polynomials in the first XXᵀ, so they are
    multiplied with each other first, at the size of the short side, and with X once: for a 3 × 3 convolution that is
    less than half the work.
    """
    a, b, c = COEFFICIENTS
    high = matrix.shape[-2] > matrix.shape[-1]
    x = matrix.mT if high else matrix
    shape, x = x.shape, x.reshape(-1, *x.shape[-2:])
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    gram = x @ x.mT
    product = None
    for step in range(steps):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=-2, dim2=-1).add_(a)
        product = factor if product is None else factor @ product
        if step < steps - 1:
            gram = factor @ gram @ factor
    x = (product @ x).view(shape)
    return x.mT if high else x


class Muon(torch.optim.Optimizer):
    """For weights of two and more dimensions, taken as matrices (out, in · height · width).

    The step is scaled to the size that AdamW's would have (Liu et al. 2025, arXiv:2502.16982, §2.2), so that one
    learning rate suits both.
    """

    def __init__(self, params, lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:
        """One step for every weight that has a gradient."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if not weights:
                continue
            if weights[0].device.type == "cpu" and torch.get_num_threads() > 1:
                # One core each, of those that this thread may use: these matrices are too small for several.
                for _ in cores().map(lambda weight, group=group: self._update([weight], group), weights):
                    pass
            else:
                # Those of one shape together: each alone is too small for a GPU, and for one core so much to call.
                shapes: dict[tuple, list[Tensor]] = {}
                for weight in weights:
                    shapes.setdefault((len(weight), weight.numel()), []).append(weight)
                for alike in shapes.values():
                    self._update(alike, group)

    @torch.no_grad()
    def _update(self, weights: list[Tensor], group: dict) -> None:
        """weights: as many rows and columns each."""
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["momentum"] = torch.zeros_like(weight)
        gradients, means = [weight.grad for weight in weights], [self.state[weight]["momentum"] for weight in weights]
        torch._foreach_lerp_(means, gradients, 1 - group["momentum"])
        ahead = torch._foreach_lerp(gradients, means, group["momentum"])  # Nesterov's
        ahead = torch.stack([each.flatten(1) for each in ahead])  # (N, rows, columns)
        size = 0.2 * max(ahead.shape[1:]) ** 0.5
        steps = [step.view_as(weight) for step, weight in zip(orthogonal(ahead), weights, strict=True)]
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(weights, steps, alpha=-group["lr"] * size)
