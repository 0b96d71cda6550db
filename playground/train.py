"""`python -m playground.train --data FOLDER_OR_ZIP --out checkpoints/NAME`: trains a U-Net on pictures of one's own.

Draw a picture, a t and a noise; take a gradient step on the difference between what the net says and what it should
have said (see `trainer`). The state lies in a folder of runs/, is written every two minutes and on Ctrl-C, and the same
command goes on from there.
"""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from playground.checkpoints import load
from playground.errors import UserError
from playground.models.autoencoder import load_autoencoder
from playground.models.checkpoint import PREDICTIONS
from playground.schedules import SCHEDULES
from playground.training import command, many
from playground.training.data import in_latents, read_pictures, with_lines
from playground.training.recipe import Recipe
from playground.training.session import runs_of, train
from playground.training.trainer import Trainer

CHOICES = {
    "schedule": tuple(SCHEDULES),
    "prediction": PREDICTIONS,
    "loss": ("mse", "l1", "huber"),
    "optimiser": ("muon", "adamw"),
    "text": ("mean", "transformer"),
}


def arguments() -> argparse.ArgumentParser:
    """The command line: where from and where to, how long, and every field of Recipe."""
    data = "pictures, plain or with a metadata.jsonl"
    parser = command.arguments("train", __doc__, data, "where the checkpoint goes: checkpoints/NAME", 1_000_000)
    parser.add_argument("--accumulate", type=int, default=1, help="parts of a batch, one after the other (1)")
    parser.add_argument("--autoencoder", type=Path, help="train on its latents of --size: see playground.autoencode")
    parser.add_argument("--start", help="begin with the weights of this checkpoint: same net, words and styles")
    parser.add_argument("--about-data", default="", help="a sentence for the model card: sources and licences")
    for field in fields(Recipe):
        name, default = "--" + field.name.replace("_", "-"), field.default
        if isinstance(default, bool):
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=default)
        elif isinstance(default, tuple):
            parser.add_argument(name, type=int, nargs="*", default=list(default))
        else:
            choices = CHOICES.get(field.name)
            parser.add_argument(name, type=type(default), default=default, choices=choices, help=f"({default})")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = arguments().parse_args(argv)
    values = {field.name: getattr(args, field.name) for field in fields(Recipe)}
    recipe = Recipe(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    with command.told("train"):
        if recipe.lines and recipe.text != "transformer":
            raise UserError("--lines needs --text transformer.")
        with many.team(command.ready(args)) as (team, device):
            autoencoder = load_autoencoder(args.autoencoder).to(device) if args.autoencoder else None
            pictures = read_pictures(args.data, recipe.size * (autoencoder.factor if autoencoder else 1))
            pictures = with_lines(pictures, device) if recipe.lines else pictures
            pictures = in_latents(pictures, autoencoder, recipe.flip > 0) if autoencoder else pictures
            start = load(args.start) if args.start else None
            trainer = Trainer(recipe, pictures, device, args.compile, start, autoencoder, team, args.accumulate)
            about = args.about_data or Path(args.data).name
            train(trainer, args.out, runs_of(args.out), args.images, args.minutes, about)


if __name__ == "__main__":
    main()
