"""What decides how a training goes: its recipe, the command line that sets it, and the optimisers."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from .checkpoints import PREDICTIONS, Checkpoint
from .muon import Muon
from .schedules import SCHEDULES


@dataclass
class Recipe:
    """Everything that decides how a training goes. The numbers are those of the shipped emoji-32 on two cores."""

    size: int = 32
    schedule: str = "cosine"
    T: int = 1000
    prediction: str = "v"  # the target's scale is the same at every t, so no level drowns the others
    loss: str = "mse"  # or "l1", as in the annotated-diffusion tutorial
    dims: tuple[int, ...] = (64, 128, 192)
    attention: tuple[int, ...] = (0, 1, 1)  # 16² positions attending to each other cost more than they give
    blocks: int = 1
    patch: int = 2  # 4 × fewer positions: the largest single gain on a CPU
    self_condition: bool = False
    sketch: int = 1024  # width of the MLP that says what a prompt looks like before there is anything to see
    sketch_batch: int = 256  # captions a step that only the MLP sees: it costs next to nothing
    sketch_dropout: float = 0.1  # of its hidden units; without, it learns the training pictures by heart
    optimiser: str = "muon"  # for the matrices; "adamw" for all, as everybody else
    batch: int = 48
    lr: float = 1e-3
    warmup: int = 300  # steps
    cooldown: float = 0.6  # share of the run over which the learning rate falls to zero
    ema: float = 0.998
    drop_words: float = 0.05  # each word on its own, so that part of a caption is a prompt too
    drop_prompt: float = 0.05  # all the words, for classifier-free guidance
    drop_style: float = 0.1
    flip: float = 0.0  # chance of mirroring; arrows and letters have a right way round
    held_out: int = 256
    seed: int = 0


CHOICES = {
    "schedule": tuple(SCHEDULES),
    "prediction": PREDICTIONS,
    "loss": ("mse", "l1"),
    "optimiser": ("muon", "adamw"),
}


def arguments(about: str) -> argparse.ArgumentParser:
    """The command line: where from and where to, how long, and every field of Recipe."""
    parser = argparse.ArgumentParser(prog="python -m playground.train", description=about)
    parser.add_argument("--data", required=True, help="folder or zip of pictures, plain or with a metadata.jsonl")
    parser.add_argument("--out", required=True, type=Path, help="where the checkpoint goes: checkpoints/NAME")
    parser.add_argument("--images", type=int, default=1_000_000, help="stop after having seen so many")
    parser.add_argument("--minutes", type=float, default=math.inf, help="or after so long, whichever is first")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--compile", action="store_true", help="torch.compile: faster, needs a C++ compiler")
    parser.add_argument("--autoencoder", type=Path, help="train on its latents of --size: see playground.autoencode")
    parser.add_argument("--start", help="begin with the weights of this checkpoint: same net, words and styles")
    parser.add_argument("--about-data", default="", help="a sentence for the model card: sources and licences")
    for field in fields(Recipe):
        name, default = "--" + field.name.replace("_", "-"), field.default
        if isinstance(default, bool):
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=default)
        elif isinstance(default, tuple):
            parser.add_argument(name, type=int, nargs="+", default=list(default))
        else:
            choices = CHOICES.get(field.name)
            parser.add_argument(name, type=type(default), default=default, choices=choices, help=f"({default})")
    return parser


def optimisers(net: Checkpoint, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for the matrices within the net; AdamW for what touches the data or the words, and for vectors. Seen here:
    the loss after as many minutes was a tenth lower than with AdamW alone."""
    parts = ("model.stem", "model.stem_sketch", "model.sketch", "model.head", "conditioner.word", "conditioner.style")
    outer = tuple(f"{part}." for part in parts)
    matrices, others = [], []
    for name, weight in net.named_parameters():
        inner = recipe.optimiser == "muon" and weight.ndim >= 2 and not name.startswith(outer)
        (matrices if inner else others).append(weight)
    adamw = torch.optim.AdamW(others, lr=recipe.lr, betas=(0.9, 0.99), fused=True)
    return [adamw, Muon(matrices, lr=recipe.lr)] if matrices else [adamw]
