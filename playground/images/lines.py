"""Lines of a picture, thin as somebody would draw them, on a canvas of its size."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

CONTRAST = 0.2  # of the range from black to white, within 3 × 3 pixels, from which there is a line
ROUNDS = 6  # of thinning: half the thickest band in pixels that becomes a line
RING = (
    (0, 1),
    (0, 2),
    (1, 2),
    (2, 2),
    (2, 1),
    (2, 0),
    (1, 0),
    (0, 0),
)  # (y, x) of the neighbours, clockwise from above


def line_map(pictures: Tensor, contrast: float = CONTRAST) -> Tensor:
    """(N, 3, S, S) in [−1, 1] → (N, 1, S, S) of 0 and 1: where the colour changes, thinned to one pixel.

    The change is taken over 3 × 3 pixels, so that both sides of a drawn outline run together into one line.
    """
    around = F.pad(pictures.float(), (1, 1, 1, 1), mode="replicate")
    change = F.max_pool2d(around, 3, stride=1) + F.max_pool2d(-around, 3, stride=1)  # (N, 3, S, S), 0 … 2
    return thinned(change.amax(dim=1, keepdim=True) > 2 * contrast).to(pictures.dtype)


def thinned(drawn: Tensor, rounds: int = ROUNDS) -> Tensor:
    """Bands (N, 1, H, W) of bool → their middle lines, one pixel wide: Zhang & Suen 1984."""
    tables = _leaves().to(drawn.device)
    h, w = drawn.shape[-2:]
    drawn = drawn.to(torch.uint8)
    for turn in range(2 * rounds):
        around = F.pad(drawn, (1, 1, 1, 1))
        code = torch.zeros_like(drawn)  # a bit for each neighbour
        for bit, (y, x) in enumerate(RING):
            code |= around[..., y : y + h, x : x + w] << bit
        drawn = drawn & tables[turn % 2][code.int()]
    return drawn.bool()


@cache
def _leaves() -> Tensor:
    """(2, 256) of 0 and 1, for either half of a round: whether a pixel with these neighbours stays.

    It goes if two to six of them are drawn, these hang together, and it lies on the side whose turn it is.
    """
    ring = (torch.arange(256)[:, None] >> torch.arange(8)) & 1  # (256, 8)
    count, pieces = ring.sum(dim=1), ((1 - ring) * ring.roll(-1, dims=1)).sum(dim=1)
    up, right, down, left = ring[:, ::2].unbind(dim=1)
    sides = (up * right * down + right * down * left == 0, up * right * left + up * down * left == 0)
    goes = [(count >= 2) & (count <= 6) & (pieces == 1) & side for side in sides]
    return (~torch.stack(goes)).to(torch.uint8)


def by_hand(lines: Tensor, draw: torch.Generator) -> Tensor:
    """Lines as different people would draw them: (B, K, S, S) of 0 and 1, from K contrasts → (B, 1, S, S) uint8, 255 on
    a line. For each picture one of the K maps, two thirds of a pixel off on average, every third with a pen of two
    pixels; of a half something is missing, and of some of these all but a part."""
    count, maps, _, side = lines.shape

    def random(*shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=draw, device=lines.device)

    drawn = lines.gather(1, (random(1, 1, 1) * maps).long().expand(-1, 1, side, side)) > 0
    places = torch.arange(side, device=lines.device)
    for dim, shape in ((2, (-1, 1, side, 1)), (3, (-1, 1, 1, side))):
        moved = places + (random(1) * 3).long() - 1  # (B, S)
        outside = (moved < 0) | (moved >= side)
        found = drawn.gather(dim, moved.clamp(0, side - 1).view(shape).expand_as(drawn))
        drawn = found & ~outside.view(shape)
    below, right = F.pad(drawn, (0, 0, 1, 0))[..., :-1, :], F.pad(drawn, (1, 0))[..., :-1]
    drawn = drawn | ((below | right) & (random(1, 1, 1) < 1 / 3))
    centre, reach = side * random(2), side * (0.1 + 0.3 * random(2))
    near = [(places - centre[:, k : k + 1]).abs() < reach[:, k : k + 1] for k in (0, 1)]  # (B, S) down and across
    box = (near[0][:, :, None] & near[1][:, None, :])[:, None]  # (B, 1, S, S)
    how = random(1, 1, 1)
    missing = (box & (how < 0.35)) | (~box & (how > 0.85))
    return (drawn & ~missing).to(torch.uint8) * 255
