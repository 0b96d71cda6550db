"""Makes the film of the first minute, film.js: three runs of DDIM, by starting noise and the guess at each step."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from playground.engine import get_engine, job_for
from playground.images import encoded, to_pixels
from playground.samplers.noise import noise_of
from playground.schedules import spaced

MODEL = "emoji-32"
RUNS = (("rocket", 3), ("cat face", 5), ("sunflower", 2))  # prompt, seed
STYLE = "noto"
STEPS = 12
SCALE = 2.0
SPREAD = 32  # a noise of 1 is so many steps of a byte
FILE = Path(__file__).with_name("film.js")


def film() -> tuple[list[float], list[torch.Tensor], list[torch.Tensor]]:
    """ᾱ of each level; and of each run the noise it starts from, (3, n, n), and its guesses, (STEPS, 3, n, n)."""
    engine = get_engine(MODEL, "cpu")
    levels = spaced(engine.schedule, STEPS)
    starts, guesses = [], []
    for prompt, seed in RUNS:
        condition, _unknown = engine.checkpoint.parse(prompt, STYLE)
        job = job_for(engine, "ddim", steps=STEPS, seed=seed, condition=condition, guidance_scale=SCALE)
        believed = [step.prediction.x0.squeeze(0) for step in engine.run([job]) if step.prediction is not None]
        guesses.append(torch.stack([guess.float().cpu() for guess in believed[:STEPS]]))
        starts.append(noise_of(seed)((1, 3, engine.size, engine.size))[0])
    return [level.alpha_bar for level in levels], starts, guesses


def sheet(guesses: list[torch.Tensor]) -> Image.Image:
    """All guesses as one picture, a row for each run."""
    rows = [np.concatenate(list(to_pixels(run)), axis=1) for run in guesses]
    return Image.fromarray(np.concatenate(rows, axis=0))


def write(path: Path = FILE) -> None:
    """Makes the film and writes it as a module of the page."""
    levels, starts, guesses = film()
    file = io.BytesIO()
    sheet(guesses).save(file, "WEBP", quality=92)
    whole = [(start * SPREAD).round().clamp(-127, 127).to(torch.int8) for start in starts]
    noises = [start.permute(1, 2, 0).contiguous() for start in whole]  # r, g, b of each pixel
    parts = {
        "SIDE": starts[0].shape[-1],
        "SPREAD": SPREAD,
        "LEVELS": [round(level, 6) for level in levels],
        "STARTS": [encoded(noise.numpy()) for noise in noises],
        "SHEET": f"data:image/webp;base64,{encoded(file.getvalue())}",
    }
    lines = [f"export const {name} = {json.dumps(value)};" for name, value in parts.items()]
    path.write_text("/* Made by making.py. */\n" + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
