"""Slips on purpose: a training with one of the mistakes that are made in practice, to see what comes of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor, nn

from playground.models.blocks import Attention
from playground.predictions import posterior_weights
from playground.samplers.driving import Noise, Sampling
from playground.schedules import Level
from playground.training.data import PictureSet
from playground.training.recipe import Recipe
from playground.training.trainer import Trainer

SLIPS = ("clean_input", "noisy_target", "attention", "t", "range", "ema", "variance")


class Slipped(Trainer):
    """A trainer that makes some of SLIPS, whatever else its recipe says. "variance" is one of the sampling alone."""

    def __init__(
        self, recipe: Recipe, pictures: PictureSet, device: torch.device, slips: Collection[str] = (), **more
    ) -> None:
        if "ema" in slips:
            recipe = replace(recipe, ema=0.0)
        super().__init__(recipe, pictures, device, **more)
        self.slips = frozenset(slips)
        if "attention" in slips:
            for net in (*self.twins, self.mean):
                for module in net.modules():
                    if isinstance(module, Attention):
                        module.to_qkv.register_forward_hook(_scaled(wrong_scale(module.head_dim)))
        if "t" in slips:
            self.forwards = [_late(forward) for forward in self.forwards]

    def question(self, x0: Tensor, eps: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The trainer's, with the slips "clean_input" and "noisy_target"."""
        x, target = super().question(x0, eps, t)
        return x0 if "clean_input" in self.slips else x, x if "noisy_target" in self.slips else target

    def pictures(self, count: int, draw: torch.Generator) -> tuple:
        """The trainer's, with the slip "range": x0 in [0, 1]."""
        x0, told = super().pictures(count, draw)
        return (x0 + 1) / 2 if "range" in self.slips else x0, told

    def finish(self) -> None:
        """Puts what is wrong with the attention into its weights, so that a file of them draws what this net draws."""
        if "attention" not in self.slips:
            return
        for module in self.mean.modules():
            if isinstance(module, Attention):
                module.to_qkv._forward_hooks.clear()
                with torch.no_grad():
                    queries = module.to_qkv.weight[: len(module.to_qkv.weight) // 3]
                    queries *= wrong_scale(module.head_dim)


def wrong_scale(head_dim: int) -> float:
    """head_dim * −0.5 where head_dim ** −0.5 is meant: so many times what it should be."""
    return (head_dim * -0.5) / head_dim**-0.5


def _scaled(scale: float):
    """For a layer that makes queries, keys and values: the queries as a wrong scale of the attention has them."""

    def hook(_layer: nn.Module, _inputs: tuple, qkv: Tensor) -> Tensor:
        queries, others = qkv.tensor_split([qkv.shape[1] // 3], dim=1)
        return torch.cat([queries * scale, others], dim=1)

    return hook


def _late(forward):
    """A net that is told of the step before."""
    return lambda x, t, *rest, **more: forward(x, t - 1, *rest, **more)


def ddpm_without_denominator(x: Tensor, levels: Sequence[Level], noise: Noise) -> Sampling:
    """`ddpm` with β̃ = (1 − ᾱ')·β, its denominator 1 − ᾱ lost on the way from Ho et al. 2020, eq. 7."""
    for here, there in pairwise(levels):
        prediction = yield x, here
        weight_x0, weight_x, beta_tilde = posterior_weights(here, there)
        x = weight_x0 * prediction.x0 + weight_x * x
        if there.alpha_bar < 1:
            x = x + (beta_tilde * (1 - here.alpha_bar)) ** 0.5 * noise(x.shape)
    return x
