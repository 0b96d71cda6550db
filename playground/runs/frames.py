"""What the player shows: the frames of a run, and the messages that carry them.

The first message of a run opens it (`opening`), the next ones carry what is new (`news`), the last one ends it.
Messages of a run that is no longer shown are passed over by the page, by their run id.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from playground.images import encoded, to_pixels

ERROR_SCALE = 2.0  # |x̂0 − x0| that the error map shows as its brightest


@dataclass(frozen=True)
class Frame:
    """What the player shows of one lane at one step; pictures are uint8 (H, W, 3), `gap` is uint8 (H, W)."""

    lane: int
    step: int  # questions asked before it
    t: float
    alpha_bar: float
    nfe: int  # network evaluations spent
    x: np.ndarray
    x0_hat: np.ndarray
    eps_hat: np.ndarray
    error: float | None = None  # root mean square of x̂0 − x0, where the model is after a picture that is known
    gap: np.ndarray | None = None
    last: bool = False

    def message(self) -> dict:
        """As JSON; the finished picture is its own x̂0 and needs no second copy."""
        sent = {"lane": self.lane, "step": self.step, "t": self.t, "ab": self.alpha_bar, "nfe": self.nfe}
        sent |= {"x": encoded(self.x), "eps": encoded(self.eps_hat)}
        if self.last:
            sent["last"] = True
        else:
            sent["x0"] = encoded(self.x0_hat)
        if self.gap is not None:
            sent |= {"error": self.error, "gap": encoded(self.gap)}
        return sent


def error_map(x0_hat: torch.Tensor, x0: torch.Tensor) -> tuple[float, np.ndarray]:
    """(root mean square of x̂0 − x0, its size per pixel as uint8: 255 is `ERROR_SCALE`); both are (C, H, W).

    Of the noise the same is known: x_t is one picture, so ε̂ − ε is −√(ᾱ/(1−ᾱ))·(x̂0 − x0), with the ε that is really in
    x_t, (x_t − √ᾱ·x0)/√(1−ᾱ): after the first step that is no longer the noise that was added.
    """
    gap = (x0_hat.double() - x0.double()).cpu()
    size = gap.abs().mean(dim=0) * (255 / ERROR_SCALE)
    return float(gap.square().mean().sqrt()), size.clamp(0, 255).round().to(torch.uint8).numpy()


def opening(
    size: int,
    lanes: Sequence[dict],
    *,
    device: str = "",
    curve: str = "change",
    truth: tuple[torch.Tensor, torch.Tensor] | None = None,
    latent: int | None = None,
    example: bool = False,
) -> dict:
    """The first message of a run.

    Args:
        size: side of the pictures in pixels.
        lanes: one dict each: `label` (text, or a label of film.js and its values), `note` (small print), `steps`
            (questions it will ask).
        curve: "change" of x̂0 a step, "error" of x̂0, or how far lanes are "apart".
        truth: (x0, ε), each (C, H, W), where the run starts from a known picture.
        latent: side of the latents that the model works on, where it does not see the pictures themselves.
        example: plays by itself once when it has arrived, but for those who ask for less motion.
    """
    start = {"born": time.time(), "size": size, "lanes": list(lanes), "device": device, "curve": curve}
    if truth is not None:
        start["truth"] = {"x0": encoded(to_pixels(truth[0])), "eps": encoded(to_pixels(truth[1]))}
    if latent is not None:
        start["latent"] = latent
    if example:
        start["example"] = True
    return {"run": secrets.token_urlsafe(9), "seq": 0, "start": start}


def news(run: str, seq: int, frames: Sequence[Frame], rate: float | None = None) -> dict:
    """A message with the steps that are new, and the steps per second so far."""
    message = {"run": run, "seq": seq, "frames": [frame.message() for frame in frames]}
    return message | ({"rate": round(rate, 1)} if rate else {})
