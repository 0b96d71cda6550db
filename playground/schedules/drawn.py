"""A schedule drawn by hand: ᾱ through a few points, and those points as the text that settings carry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

import torch
from torch import Tensor

from playground.errors import UserError

POINTS = "1 0.95 0.89 0.83 0.76 0.5 0.19 0.05 0.004"  # where drawing begins
MOST = 33


def read(text: str) -> list[float]:
    """ᾱ at 2 … 33 places even over t = 0 … T, from numbers between spaces or commas. Raises UserError."""
    words = re.split(r"[\s,;]+", text.strip())
    try:
        points = [float(word) for word in words]
    except ValueError:
        points = []
    if not 2 <= len(points) <= MOST or not all(0 <= point <= 1 for point in points):
        raise UserError(
            "A drawn curve needs 2 to {most} numbers, each between 0 and 1, such as: {points}.",
            most=MOST,
            points=POINTS,
        )
    return points


def write(points: Sequence[float]) -> str:
    """The inverse of `read`, to four decimals."""
    places = Decimal("0.0001")
    rounded = (format(Decimal(point).quantize(places, ROUND_HALF_UP), "f") for point in points)
    return " ".join(point.rstrip("0").rstrip(".") for point in rounded)


def fallen(points: Sequence[float]) -> list[float]:
    """The points made to start at 1 and never to rise: one above its left neighbour is lowered to it."""
    return torch.cummin(torch.tensor([1.0, *points[1:]], dtype=torch.float64), 0).values.tolist()


def through(points: Sequence[float], T: int) -> Tensor:
    """(T+1,) ᾱ through the `fallen` points by monotone cubics (Fritsch & Butland 1984: no overshoot).

    A flat stretch falls by one part in a million a step, never to 0 (`zero_terminal_snr` can do that), so
    that every level has a log-SNR of its own. curve.js draws the same.
    """
    y = torch.tensor(fallen(points), dtype=torch.float64)
    slope = y.diff()  # of each interval, taken as 1 long; none is above 0
    harmonic = 2 * slope[:-1] * slope[1:] / (slope[:-1] + slope[1:]).clamp(max=-1e-300)
    tangent = torch.cat([slope[:1], harmonic, slope[-1:]])
    u = torch.linspace(0, len(y) - 1, T + 1, dtype=torch.float64)
    k = u.long().clamp(max=len(y) - 2)
    f = u - k
    curve = (y[k] * (1 + 2 * f) * (1 - f) ** 2 + y[k + 1] * f**2 * (3 - 2 * f)
             + tangent[k] * f * (1 - f) ** 2 - tangent[k + 1] * f**2 * (1 - f))  # fmt: skip
    fall = torch.exp(-torch.linspace(0, T * 1e-6, T + 1, dtype=torch.float64))
    curve = torch.cummin(curve.clamp(1e-9, 1), 0).values * fall
    return torch.cat([torch.ones(1, dtype=torch.float64), curve[1:]])
