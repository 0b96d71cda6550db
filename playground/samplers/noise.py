"""Seeded noise: one CPU generator a picture, so that it is the same alone and in company, on every device."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


class NoiseBetween:
    """noise(shape) whose every draw lies between those of two seeds, by `slerp`: share 0 is `seed`, 1 is `other`."""

    def __init__(self, seed: int, other: int, share: float) -> None:
        self.one, self.two, self.share = SeededNoise(seed), SeededNoise(other), share

    def __call__(self, shape: Sequence[int]) -> Tensor:
        return slerp(self.one(shape), self.two(shape), self.share)


noise_between = NoiseBetween  # as a caller reads it; a class, since a job is pickled with its noise


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Spherical interpolation (Shoemake 1985): sin((1−s)θ)/sin θ · a + sin(sθ)/sin θ · b, θ the angle between both.

    The straight line would pass nearer to 0 than noise ever is, and give grey pictures.
    """
    cosine = (a * b).sum() / (a.norm() * b.norm())
    angle = math.acos(float(cosine.clamp(-1, 1)))
    if angle < 1e-6:
        return a + share * (b - a)
    return (math.sin((1 - share) * angle) * a + math.sin(share * angle) * b) / math.sin(angle)


class SeededNoise:
    """noise(shape) → float64 CPU tensor of standard normal draws, the same for the same seed everywhere."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator("cpu").manual_seed(int(seed))

    def __call__(self, shape: Sequence[int]) -> Tensor:
        # Type and device are named, for a notebook may have set others as the defaults.
        return torch.randn(tuple(shape), generator=self.generator, dtype=torch.float32, device="cpu").double()

    def __getstate__(self) -> dict:
        return {"state": self.generator.get_state().numpy()}

    def __setstate__(self, state: dict) -> None:
        self.generator = torch.Generator("cpu")
        self.generator.set_state(torch.from_numpy(state["state"]))


noise_of = SeededNoise  # likewise
