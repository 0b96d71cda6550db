"""A training from its start or its last state to its end: log, samples, checkpoint and card on the way."""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from pathlib import Path

from tqdm import tqdm

from playground.errors import UserError
from playground.images import to_png
from playground.training.cards import write_card
from playground.training.trainer import Trainer


def train(trainer: Trainer, out: Path, runs: Path, images: int, minutes: float, data: str) -> None:
    """Trains until `images` were seen or `minutes` are up, whichever comes first; writes to `out` and `runs`."""
    runs.mkdir(parents=True, exist_ok=True)
    state = runs / "state.safetensors"
    if state.exists():
        trainer.resume(state)
        print(f"going on from step {trainer.step}, {trainer.images} images")
    saved, looked = time.monotonic(), time.monotonic()
    bar = tqdm(total=images, initial=trainer.images, unit="img", unit_scale=True, smoothing=0.05)

    def look(final: bool) -> None:
        """Held-out errors to the log, a grid of samples, and the checkpoint with its card as of now."""
        errors = trainer.errors()
        line = {"step": trainer.step, "images": trainer.images, "minutes": round(trainer.seconds / 60, 1)}
        line |= {"loss": round(trainer.loss, 5), "error": {f"{k:g}": round(v, 5) for k, v in errors.items()}}
        with open(runs / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        (runs / f"samples-{trainer.step:07d}.png").write_bytes(to_png(trainer.sample_grid()))
        trainer.mean.save(out, write_card(trainer, out.name, data, trainer.loss, errors, final))
        bar.write(json.dumps(line))

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while (progress := max(trainer.images / images, trainer.seconds / 60 / minutes)) < 1:
            start = time.monotonic()
            loss = trainer.train_step(progress)
            trainer.loss = loss if math.isnan(trainer.loss) else trainer.loss + 0.01 * (loss - trainer.loss)
            trainer.seconds += time.monotonic() - start
            bar.update(trainer.recipe.batch)
            bar.set_postfix(loss=f"{trainer.loss:.4f}", refresh=False)
            if not math.isfinite(loss):
                raise UserError("The loss is no longer a number at step {step}; try a smaller --lr.", step=trainer.step)
            if time.monotonic() - saved > 120:
                trainer.save(state)
                saved = time.monotonic()
            if time.monotonic() - looked > 900:
                look(final=False)
                looked = time.monotonic()
    except KeyboardInterrupt:
        trainer.save(state)
        sys.exit(f"\nstopped at step {trainer.step}; the same command goes on from here")
    trainer.save(state)
    look(final=True)
    bar.close()
    print(f"{out}: {trainer.images} images in {trainer.seconds / 60:.0f} minutes")
