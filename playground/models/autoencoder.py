"""Latent diffusion (Rombach et al. 2022, arXiv:2112.10752): what carries pictures into the space where a U-Net works.

A model's `space` is either `Pixels`, where pictures are what they are, or an `Autoencoder`, whose latents are small
pictures themselves: three channels within [−1, 1]. So they can be looked at, kept in 8 bits and clipped like any
picture, and all that works on pictures works on them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from huggingface_hub import PyTorchModelHubMixin
from safetensors import SafetensorError
from torch import Tensor, nn

from playground.errors import UserError
from playground.models.blocks import Downsample, Upsample
from playground.models.devices import bf16
from playground.models.initial import InitialWeights

ALIKE = 40.0  # dB, of pictures decoded in bfloat16 against those in float32
WITHIN = 0.9  # the thumbnail is scaled to ±0.9, so that tanh has room for the encoder's correction


class Pixels(nn.Module):
    """No detour: the U-Net sees the picture itself. A net of one channel sees its grey, the mean of the colours."""

    factor = 1

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.channels = channels

    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) in [−1, 1] → what the U-Net works on, (B, C, S, S)."""
        return pictures if pictures.shape[1] == self.channels else pictures.mean(dim=1, keepdim=True)

    def decode(self, x0: Tensor) -> Tensor:
        """And back; for any x0, of a device and type of its own."""
        return x0

    def speed_up(self) -> None:
        """There is nothing to do."""

    def enlarged(self, x: Tensor) -> Tensor:
        """Whatever lies in the U-Net's space, noise too, (…, H, W) → (…, factor·H, factor·W) as it is."""
        return x


class Block(nn.Module):
    """Two 3 × 3 convolutions, added to the input; the identity at first."""

    def __init__(self, dim: int, groups: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(groups, dim), nn.SiLU(), nn.Conv2d(dim, dim, 3, padding=1),
            nn.GroupNorm(groups, dim), nn.SiLU(), nn.Conv2d(dim, dim, 3, padding=1),
        )  # fmt: skip
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Autoencoder(nn.Module, PyTorchModelHubMixin):
    """Pictures (B, 3, S, S) ↔ latents (B, 3, S/f, S/f), both in [−1, 1], f = 2^len(dims).

    The latent starts as the picture's thumbnail, and the encoder learns to hide in it what the decoder needs for the
    rest. Instead of a divergence from a normal distribution, which keeps latents of an ordinary size and smooth, they
    are bounded by tanh and noised before they are decoded: a fixed variance, as in Ghosh et al. 2020
    (arXiv:1903.12436).

    Args:
        dims: channels at a half of the picture's side, at a quarter, …
        blocks: at each of them, each way.
    """

    channels = 3

    def __init__(self, dims: Sequence[int] = (48, 96), blocks: int = 2) -> None:
        super().__init__()
        self.factor, self.arguments = 2 ** len(dims), {"dims": list(dims), "blocks": blocks}

        def stack(dim: int) -> list[nn.Module]:
            return [Block(dim) for _ in range(blocks)]

        def ending(dim: int) -> list[nn.Module]:
            return [nn.GroupNorm(8, dim), nn.SiLU()]

        down, up = [], [nn.Conv2d(self.channels, dims[-1], 3, padding=1)]
        for before, dim in zip((3, *dims), dims, strict=False):
            down += [Downsample(before, dim), *stack(dim)]
        for dim, after in zip(reversed(dims), (*reversed(dims[:-1]), 3), strict=True):
            up += [*stack(dim), *(ending(dim) if after == 3 else []), Upsample(dim, after)]
        self.encoder = nn.Sequential(*down, *ending(dims[-1]), nn.Conv2d(dims[-1], self.channels, 3, padding=1))
        self.decoder = nn.Sequential(*up)
        nn.init.zeros_(self.encoder[-1].weight)
        nn.init.zeros_(self.encoder[-1].bias)
        self._quick: tuple[nn.Module, ...] = ()  # the decoder in bfloat16; in a tuple, for it is no part of the weights

    def forward(self, pictures: Tensor, noise: Tensor | float = 0.0) -> Tensor:
        """There and back, with noise on the latents: what is trained."""
        return self.drawn(self.latents(pictures) + noise)

    def latents(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) in [−1, 1] → (B, 3, S/f, S/f): tanh of the thumbnail's atanh and the encoder's correction."""
        thumbnail = WITHIN * F.avg_pool2d(pictures, self.factor).clamp(-1, 1)
        return torch.tanh(torch.atanh(thumbnail) + self.encoder(pictures))

    def drawn(self, latents: Tensor, quick: bool = False) -> Tensor:
        """(B, 3, S/f, S/f) → (B, 3, S, S), not clamped: the latents enlarged, and what the decoder adds; quick: the
        decoder in bfloat16, see `speed_up`."""
        enlarged = F.interpolate(latents, scale_factor=float(self.factor), mode="bilinear", align_corners=False)
        if quick:
            # Each by itself: in bfloat16 several at once come out otherwise, and a seed is to give one picture.
            rows = latents.to(torch.bfloat16).split(1)
            rest = torch.cat([self._quick[0](row.to(memory_format=torch.channels_last)) for row in rows]).to(latents)
        else:
            rest = self.decoder(latents)
        return enlarged / WITHIN + rest

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """(B, 3, S, S) in [−1, 1] → latents (B, 3, S/f, S/f), of the pictures' type and device."""
        return self.latents(pictures.to(self.encoder[-1].weight)).to(pictures)

    @torch.no_grad()
    def decode(self, x0: Tensor) -> Tensor:
        """Latents → pictures (B, 3, S, S) in [−1, 1], of the latents' type and device."""
        return self.drawn(x0.to(self.encoder[-1].weight), bool(self._quick)).clamp(-1, 1).to(x0)

    @torch.no_grad()
    def speed_up(self) -> None:
        """From now on decodes in bfloat16, where this CPU computes in it and pictures stay the same to `ALIKE` dB.

        A run looks at x̂0 at every step, and in float32 that takes as long as the step.
        """
        if self.encoder[-1].weight.device.type != "cpu" or not bf16():
            return
        latents = torch.rand(1, self.channels, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
        latents = F.avg_pool2d(latents, 5, 1, 2)  # smooth, as those of pictures are
        before = self.decode(latents)
        self._quick = (copy.deepcopy(self.decoder).to(torch.bfloat16, memory_format=torch.channels_last).eval(),)
        if (self.decode(latents) - before).square().mean() > 4 * 10 ** (-ALIKE / 10):
            self._quick = ()

    def enlarged(self, x: Tensor) -> Tensor:
        """Latents, or noise, as they are: each number a square of factor × factor pixels."""
        return x.repeat_interleave(self.factor, dim=-1).repeat_interleave(self.factor, dim=-2)


Kind = TypeVar("Kind", bound=PyTorchModelHubMixin)


def load_autoencoder(folder: Path, kind: type[Kind] = Autoencoder) -> Kind:
    """What `playground.autoencode` wrote, of this kind. Raises UserError where there is none."""
    try:
        if not (folder / "model.safetensors").is_file():
            raise FileNotFoundError
        with InitialWeights():
            return kind.from_pretrained(folder, strict=True).eval()
    except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise UserError("{folder} holds no autoencoder; make one with playground.autoencode.", folder=folder) from error
