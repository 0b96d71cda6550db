"""How good a checkpoint is, measured on pictures it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .conditioning import Condition
from .denoiser import UNetDenoiser
from .predictions import q_sample

LOG_SNRS = (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0)


@torch.inference_mode()
def denoising_error(
    checkpoint, x0: Tensor, conditions: Sequence[Condition], log_snrs: Sequence[float] = LOG_SNRS, seed: int = 0
) -> dict[float, float]:
    """Mean squared error of x̂0 at each log-SNR, over pictures x0 (N, C, H, W) in [−1, 1]; one noise for all levels.

    Pixels are in [−1, 1], so an error of 1 is that of guessing grey on black and white.
    """
    denoise = UNetDenoiser(checkpoint)
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(seed))
    errors = {}
    for log_snr in log_snrs:
        level = checkpoint.schedule.level_at(log_snr)
        total = 0.0
        for rows in torch.arange(len(x0)).split(64):
            prediction = denoise(
                q_sample(x0[rows], level, eps[rows]), level, [conditions[i] for i in rows.tolist()]
            )
            total += (prediction.x0 - x0[rows]).square().mean(dim=(1, 2, 3)).sum().item()
        errors[log_snr] = total / len(x0)
    return errors
