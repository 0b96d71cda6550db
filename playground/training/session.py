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
from playground.training.history import History
from playground.training.trainer import Trainer

LOOK = 25  # steps after which the loss is looked at on a GPU


def train(trainer: Trainer, out: Path, runs: Path, images: int, minutes: float, data: str) -> None:
    """Trains until `images` were seen or `minutes` are up, whichever comes first; writes to `out` and `runs`."""
    runs.mkdir(parents=True, exist_ok=True)
    state = runs / "state.safetensors"
    if state.exists():
        trainer.resume(state)
        print(f"going on from step {trainer.step}, {trainer.images} images")
    history = History(runs)
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
        history.write(out, trainer)
        bar.write(json.dumps(line))

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while (progress := max(trainer.images / images, trainer.seconds / 60 / minutes)) < 1:
            if history.due(progress):
                history.add(trainer, progress)
            start = time.monotonic()
            trainer.train_step(progress)
            look_at_loss = trainer.step % LOOK == 0 or trainer.device.type == "cpu"
            loss = trainer.loss if look_at_loss else 0.0  # a GPU has to be waited for
            trainer.seconds += time.monotonic() - start
            bar.update(trainer.recipe.batch)
            if look_at_loss:
                bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
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
    if history.due(1.0):
        history.add(trainer, 1.0)
    look(final=True)
    bar.close()
    print(f"{out}: {trainer.images} images in {trainer.seconds / 60:.0f} minutes")
