"""`python -m playground.train --data FOLDER_OR_ZIP --out checkpoints/NAME`: trains a U-Net on pictures of one's own.

Draw a picture, a t and a noise; take a gradient step on the difference between what the net says and what it should
have said (see `trainer`). The state lies in runs/NAME, is written every two minutes and on Ctrl-C, and the same
command goes on from there.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from dataclasses import fields
from pathlib import Path

import torch
from tqdm import tqdm

from .autoencoder import load_autoencoder
from .cards import write_card
from .checkpoints import load
from .data import in_latents, read_pictures
from .errors import UserError
from .images import to_png
from .recipe import Recipe, arguments
from .runtimes import choose_device, threads
from .trainer import Trainer


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


def main(argv: list[str] | None = None) -> None:
    args = arguments(__doc__.split("\n")[0]).parse_args(argv)
    values = {field.name: getattr(args, field.name) for field in fields(Recipe)}
    recipe = Recipe(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    try:
        device = choose_device(args.device)
        torch.set_num_threads(threads())
        autoencoder = load_autoencoder(args.autoencoder).to(device) if args.autoencoder else None
        pictures = read_pictures(args.data, recipe.size * (autoencoder.factor if autoencoder else 1))
        pictures = in_latents(pictures, autoencoder) if autoencoder else pictures
        start = load(args.start) if args.start else None
        trainer = Trainer(recipe, pictures, device, args.compile, start, autoencoder)
        about = args.about_data or Path(args.data).name
        train(trainer, args.out, Path("runs") / args.out.name, args.images, args.minutes, about)
    except UserError as error:
        sys.exit(f"playground.train: {error}")


if __name__ == "__main__":
    main()
