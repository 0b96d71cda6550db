"""How a training got there: losses, held-out errors and samples from fixed noises at about twenty points of the run.

They lie close together at its start, where most happens: evenly on a logarithmic scale of what is done of the run.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from playground.images import to_pixels
from playground.models.conditioning import Condition
from playground.models.denoiser import UNetDenoiser, clipped, guided
from playground.samplers import ddim, run
from playground.samplers.noise import noise_of
from playground.schedules import spaced

if TYPE_CHECKING:
    from playground.training.trainer import Trainer

POINTS = (0.0, *(10 ** (-3 + 3 * k / 19) for k in range(20)))  # of the run, 0 … 1
JSON, PICTURES = "history.json", "history.webp"
COLUMNS = 8
STEPS, GUIDANCE = 10, 2.0
MEASURED = 64  # held-out pictures


class History:
    """Points are added as the run passes them, kept in a folder of the run, and written beside the weights."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "history"
        self.folder.mkdir(parents=True, exist_ok=True)

    def points(self) -> list[dict]:
        """What was noted so far, in the order of the run: progress, step, images, seconds, loss and errors."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(self.folder.glob("*.json"))]

    def due(self, progress: float) -> bool:
        """Whether the last point that the run has passed is not there yet."""
        return not self._place(progress).exists()

    def _place(self, progress: float) -> Path:
        return self.folder / f"{bisect_right(POINTS, progress) - 1:02d}.json"

    def add(self, trainer: Trainer, progress: float) -> None:
        """What the run has come to, as the last of the points that it has passed."""
        place = self._place(progress)
        strip = np.concatenate(to_pixels(samples(trainer)), axis=1)  # (S, columns · S, 3)
        Image.fromarray(strip).save(place.with_suffix(".png"))
        point = {"progress": round(progress, 5), "step": trainer.step, "images": trainer.images}
        point |= {"seconds": round(trainer.seconds, 1), "loss": trainer.loss if trainer.step else None}
        point |= {"errors": {f"{level:g}": round(error, 5) for level, error in trainer.errors(MEASURED).items()}}
        place.write_text(json.dumps(point), encoding="utf-8")

    def write(self, out: Path, trainer: Trainer) -> None:
        """history.json and history.webp: a row for each point, a column for each noise."""
        strips = [np.asarray(Image.open(path)) for path in sorted(self.folder.glob("*.png"))]
        if not strips:
            return
        out.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.concatenate(strips)).save(out / PICTURES, quality=85, method=6)
        shown = [{"prompt": prompt, "style": style, "seed": seed} for prompt, style, seed in asked(trainer)]
        about = {"file": PICTURES, "side": trainer.mean.picture_size, "pictures": shown}
        about |= {"sampler": "ddim", "steps": STEPS, "guidance_scale": GUIDANCE}
        content = {"points": self.points(), "samples": about}
        (out / JSON).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def asked(trainer: Trainer) -> list[tuple[str, str | None, int]]:
    """(prompt, style, seed) of each sample: a held-out picture's of every style, and nothing at all for the last."""
    held = trainer.held_out
    firsts = {style: text for text, style in zip(reversed(held.texts), reversed(held.styles), strict=True)}
    prompts = [(text, style or None) for style, text in sorted(firsts.items())][: COLUMNS - 1]
    prompts = prompts if trainer.mean.conditional else []
    prompts += [("", None)] * (1 if prompts else COLUMNS)
    return [(*prompt, seed) for seed, prompt in enumerate(prompts)]


@torch.inference_mode()
def samples(trainer: Trainer) -> Tensor:
    """Pictures (N, 3, S, S) in [−1, 1] of the running mean, from the same noises each time."""
    net, wanted = trainer.mean, asked(trainer)
    conditions = [net.parse(prompt, style)[0] if prompt or style else Condition() for prompt, style, _ in wanted]
    x = torch.cat([noise_of(seed)((1, net.channels, net.size, net.size)) for *_, seed in wanted])
    denoise = clipped(guided(UNetDenoiser(net), GUIDANCE))
    levels = spaced(net.schedule, min(STEPS, net.T))
    x = run(ddim(x, levels, torch.randn), lambda x, level: denoise(x, level, conditions))
    return net.space.decode(x).float()
