"""Looks at a net in training: what it makes of noised pictures, and what it draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from playground.images import encoded, to_pixels
from playground.images.sheets import tiled
from playground.models.conditioning import Condition
from playground.models.denoiser import UNetDenoiser, clipped, guided
from playground.samplers import ddim, run
from playground.schedules import Level, spaced
from playground.training.trainer import Trainer

STEPS = 10  # of the sampler, in a look


@dataclass(frozen=True)
class Shown:
    """What is looked at while a net learns: pictures noised to a level for it to denoise, and prompts to draw."""

    x0: Tensor  # (R, 3, S, S), or grey
    conditions: Sequence[Condition]  # one a row
    labels: Sequence[str]
    guidance_scale: float = 1.0
    sampler: Callable = ddim
    steps: int = STEPS
    share: float = 0.5  # of T: where the pictures are noised to
    known: Tensor | None = None  # (N, 3, S, S): pictures it learns from, to find the nearest one of what it draws


@torch.inference_mode()
def look(trainer: Trainer, shown: Shown, x: Tensor, level: Level) -> dict:
    """What the running mean of the net makes of the noised pictures, and pictures it draws from noises of its own."""
    net = trainer.mean
    denoise = UNetDenoiser(net)
    hats = denoise(x.double(), level, shown.conditions).x0
    draw = torch.Generator().manual_seed(2)

    def noise(shape: Sequence[int]) -> Tensor:
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    ask = clipped(guided(denoise, shown.guidance_scale))
    levels = spaced(net.schedule, min(shown.steps, net.schedule.T))
    start = noise((len(shown.x0), net.channels, net.size, net.size))
    drawn = run(shown.sampler(start, levels, noise), lambda x, level: ask(x, level, shown.conditions))
    hats, drawn = net.space.decode(hats), net.space.decode(drawn)
    seen = {"hats": packed(hats), "pictures": packed(drawn)}
    if shown.known is not None:
        distances, which = nearest(drawn.float(), shown.known)
        seen |= {"near": packed(shown.known[which]), "distances": [round(d, 4) for d in distances.tolist()]}
    return seen


def nearest(pictures: Tensor, known: Tensor, leave_own: bool = False) -> tuple[Tensor, Tensor]:
    """(distance, place) of the nearest known picture (N, 3, S, S) to each (M, 3, S, S): the root of the mean square of
    their difference. leave_own: they are the known ones themselves, and each is compared with all others."""
    apart = torch.cdist(pictures.flatten(1), known.flatten(1)) / pictures[0].numel() ** 0.5
    if leave_own:
        apart.fill_diagonal_(torch.inf)
    return apart.min(dim=1)


def packed(pictures: Tensor) -> str:
    """Pictures (N, 3, S, S) in [−1, 1] as base64 of N·S·S·3 bytes."""
    return encoded(to_pixels(pictures))


@torch.inference_mode()
def sample_sheet(trainer: Trainer, rows: int = 8, steps: int = 20, scale: float = 2.0) -> np.ndarray:
    """Held-out captions down, styles across, one noise for all: (rows·S, columns·S, 3) uint8."""
    net = trainer.mean
    texts = list(dict.fromkeys(trainer.held_out.texts))[:rows] or [""]
    styles = net.styles or [None] * rows
    conditions = [net.parse(text, style)[0] for text in texts for style in styles]
    noise = torch.randn(1, net.channels, net.size, net.size, generator=torch.Generator().manual_seed(7))
    x = noise.double().repeat(len(conditions), 1, 1, 1)
    denoise = clipped(guided(UNetDenoiser(net), scale))
    x = run(ddim(x, spaced(net.schedule, steps), torch.randn), lambda x, level: denoise(x, level, conditions))
    pixels = to_pixels(net.space.decode(x))
    return tiled(pixels[k : k + len(styles)] for k in range(0, len(pixels), len(styles)))
