"""Digits drawn by code: what a net is trained on in front of a class. No data file; the same seed gives the same set.

Each digit is a skeleton of strokes in the unit square. A copy of it is slanted, turned, stretched, shifted and bent a
little, and drawn with a pen of some width and blackness, dark on white.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from playground.training.data import PictureSet

SIZE = 16
DIGITS = tuple("0123456789")
POINTS = 28  # of each skeleton
TOGETHER = 250  # pictures that are drawn at a time: some 7 MB of distances, which a processor keeps near


def _arc(x: float, y: float, width: float, height: float, start: float, end: float, points: int = 14) -> list:
    """Part of an ellipse about (x, y), angles in degrees, clockwise from the right (y grows downwards)."""
    angles = [math.radians(start + (end - start) * k / (points - 1)) for k in range(points)]
    return [(x + width * math.cos(a), y + height * math.sin(a)) for a in angles]


STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "0": [_arc(0.5, 0.5, 0.3, 0.46, -90, 270, 28)],
    "1": [[(0.3, 0.22), (0.55, 0.04), (0.55, 0.96)]],
    "2": [[*_arc(0.49, 0.29, 0.28, 0.25, 190, 380), (0.2, 0.95), (0.82, 0.95)]],
    "3": [[*_arc(0.46, 0.27, 0.27, 0.23, 205, 440), *_arc(0.46, 0.72, 0.31, 0.24, -80, 155)]],
    "4": [[(0.62, 0.96), (0.62, 0.04), (0.16, 0.66), (0.86, 0.66)]],
    "5": [[(0.78, 0.05), (0.3, 0.05), (0.25, 0.46), *_arc(0.47, 0.67, 0.31, 0.27, 235, 510)]],
    "6": [[(0.7, 0.04), (0.42, 0.25), *_arc(0.5, 0.68, 0.29, 0.27, 190, 550, 22)]],
    "7": [[(0.18, 0.05), (0.82, 0.05), (0.42, 0.96)]],
    "8": [[*_arc(0.5, 0.27, 0.24, 0.22, 90, 450, 18), *_arc(0.5, 0.73, 0.29, 0.24, -90, 270, 18)]],
    "9": [[*_arc(0.49, 0.31, 0.29, 0.27, 10, 370, 22), (0.76, 0.5), (0.62, 0.96)]],
}


def skeleton(digit: str) -> Tensor:
    """POINTS points evenly along the strokes of a digit: (POINTS, 2), x and y in the unit square."""
    path = torch.tensor([point for stroke in STROKES[digit] for point in stroke], dtype=torch.float32)
    lengths = (path[1:] - path[:-1]).norm(dim=1)
    along = torch.cat([torch.zeros(1), lengths.cumsum(0)])
    wanted = torch.linspace(0, float(along[-1]), POINTS)
    after = torch.searchsorted(along, wanted).clamp(1, len(path) - 1)
    share = ((wanted - along[after - 1]) / lengths[after - 1])[:, None]
    return path[after - 1] + share * (path[after] - path[after - 1])


def digits(count: int, seed: int = 0, size: int = SIZE) -> PictureSet:
    """`count` grey pictures (1, size, size), each digit as often as the others; a caption says which it is."""
    draw = torch.Generator().manual_seed(seed)
    which = torch.arange(count) % len(DIGITS)
    paths = torch.stack([skeleton(digit) for digit in DIGITS])
    pixels = [_drawn(paths[part], size, draw) for part in which.split(TOGETHER)]
    texts = [DIGITS[k] for k in which.tolist()]
    return PictureSet(torch.cat(pixels), texts, [""] * count, torch.ones(count))


def _drawn(paths: Tensor, size: int, draw: torch.Generator) -> Tensor:
    """Skeletons (N, POINTS, 2) as pictures (N, 1, size, size) uint8, each in its own hand."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(len(paths), *shape, generator=draw)

    x, y = (paths - 0.5).unbind(-1)  # (N, POINTS)
    slant, angle = uniform(-0.3, 0.3, 1), uniform(-0.18, 0.18, 1)
    x, y = uniform(0.75, 1.1, 1) * x, uniform(0.85, 1.05, 1) * y
    x = x - slant * y
    x, y = x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()
    # The pen wanders: a slow wave across the picture, in x and in y.
    bend, phase = uniform(-0.05, 0.05, 2, 1), uniform(0, 2 * math.pi, 2, 1)
    x, y = x + bend[:, 0] * (4 * y + phase[:, 0]).sin(), y + bend[:, 1] * (4 * x + phase[:, 1]).sin()
    scale, centre = 0.66 * size, size / 2 + uniform(-0.04, 0.04, 2, 1) * size
    x, y = centre[:, 0] + scale * x, centre[:, 1] + scale * y

    # The distance of each pixel's centre from the nearest piece of the stroke, columns and rows apart until they meet.
    grid = torch.arange(size)[None, :, None] + 0.5
    along_x, along_y = x.diff()[:, None], y.diff()[:, None]  # (N, 1, POINTS − 1)
    right, down = grid - x[:, None, :-1], grid - y[:, None, :-1]  # (N, size, POINTS − 1)
    length = (along_x.square() + along_y.square()).clamp(min=1e-9)
    share = ((right * along_x / length)[:, None] + (down * along_y / length)[:, :, None]).clamp_(0, 1)
    aside = (right[:, None] - share * along_x[:, None]).square_()
    aside += (down[:, :, None] - share * along_y[:, None]).square_()  # (N, size, size, POINTS − 1), rows first
    distance = aside.amin(-1).sqrt().flatten(1)
    ink = (uniform(0.035, 0.075, 1) * size + 0.5 - distance).clamp(0, 1) * uniform(0.8, 1.0, 1)
    grey = (255 * (1 - ink)).round().to(torch.uint8)
    return grey.reshape(-1, 1, size, size)
