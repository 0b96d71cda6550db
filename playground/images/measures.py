"""What is measured of pictures, in [−1, 1]."""

from __future__ import annotations

import math

from torch import Tensor


def peak_signal_to_noise(pictures: Tensor, wanted: Tensor) -> float:
    """In dB, over all of them: 10·log10(peak² / mean squared error), the peak being 2; ∞ where they are equal."""
    error = (pictures - wanted).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(4 / error) if math.isfinite(error) else -math.inf


def sharpness(pictures: Tensor) -> float:
    """Mean size of the Laplacian of pictures (N, C, H, W), four neighbours less four times the middle: how much a value
    differs from those around it. Blur lowers it."""
    middle = pictures[..., 1:-1, 1:-1]
    around = pictures[..., :-2, 1:-1] + pictures[..., 2:, 1:-1] + pictures[..., 1:-1, :-2] + pictures[..., 1:-1, 2:]
    return (around - 4 * middle).abs().mean().item()
