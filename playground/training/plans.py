"""What can be trained on the page: the digits of `digits`, with slips on purpose if one likes; a person's pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from playground.checkpoints import load, locate, outline
from playground.errors import UserError
from playground.samplers import ddim
from playground.training.data import PictureSet, in_latents, with_lines
from playground.training.digits import DIGITS, SIZE, digits
from playground.training.distilling import recipe_of
from playground.training.looks import Shown
from playground.training.own import own_pictures
from playground.training.recipe import Recipe
from playground.training.slips import Slipped, ddpm_without_denominator
from playground.training.trainer import Trainer
from playground.training.watched import Plan

DRAWN = 6000  # pictures that a net learns from, again and again
MINUTES = 10
GUIDANCE = 2.0  # of what is drawn on the way
ANCESTRAL_STEPS = 50
COLUMNS = 8  # pictures that a net of somebody's own pictures draws in a look
DATA = "digits drawn by code (`playground.training.digits`)"


@cache
def drawn() -> PictureSet:
    """The digits of every such training."""
    return digits(DRAWN)


def digits_recipe(
    prediction: str, loss: str, schedule: str, T: int, self_condition: bool, drop: float, seed: int
) -> Recipe:
    """The recipe of a net that draws recognisable digits after 10,000 pictures, 16 seconds of one core: 98 of 100
    are read right. (With AdamW in Muon's place 72 were, after as many seconds.)"""
    return Recipe(
        size=SIZE, schedule=schedule, T=T, prediction=prediction, loss=loss, dims=(32, 64), attention=(0, 1),
        emb_dim=64, condition_dim=128, self_condition=self_condition, sketch=0, sketch_batch=0, batch=32, lr=2e-3,
        warmup=50, cooldown=0.5, ema=0.99, drop_words=0.0, drop_prompt=drop, drop_all=0.0, held_out=0, seed=seed,
    )  # fmt: skip


def digits_plan(recipe: Recipe, images: int, slips: Sequence[str] = (), shared: bool = True) -> Plan:
    """A training on digits. Where it is shared, equal recipes, numbers and slips are one training."""
    slips = tuple(sorted(slips))
    wrong_variance = "variance" in slips

    def make() -> tuple[Trainer, Shown]:
        trainer = Slipped(recipe, drawn(), torch.device("cpu"), slips)
        fresh = digits(len(DIGITS), seed=1)  # none of those it learns from
        conditions = [trainer.mean.parse(digit)[0] for digit in DIGITS]
        way = (ddpm_without_denominator, ANCESTRAL_STEPS) if wrong_variance else (ddim, Shown.steps)
        return trainer, Shown(fresh.x0(), conditions, DIGITS, GUIDANCE, *way)

    return Plan(make, images, MINUTES, "my-digits", DATA, (repr(recipe), images, slips) if shared else None)


def pictures_recipe(prediction: str, loss: str, schedule: str, T: int, seed: int) -> Recipe:
    """The recipe of a net that learns some pictures from nothing, 32 × 32, in small batches: it needs steps."""
    return Recipe(
        size=32, schedule=schedule, T=T, prediction=prediction, loss=loss, dims=(32, 64, 64), attention=(0, 0, 1),
        emb_dim=64, condition_dim=64, sketch=0, sketch_batch=0, batch=8, lr=2e-3, warmup=50, cooldown=0.5,
        ema=0.995, drop_words=0.0, drop_prompt=0.1, drop_all=0.0, held_out=0, seed=seed,
    )  # fmt: skip


def going_on(config: dict, loss: str, seed: int) -> Recipe:
    """The recipe of a net that goes on from one with this config: gently, that it forgets what it knew more slowly."""
    recipe = recipe_of(config, loss=loss, optimiser="adamw", batch=16, lr=3e-4, warmup=20, cooldown=0.5, ema=0.99)
    return replace(recipe, sketch_batch=16 if recipe.sketch else 0, held_out=0, seed=seed)


def pictures_plan(recipe: Recipe, files: Sequence[Path], word: str, minutes: float, start: str = "") -> Plan:
    """A training on a person's pictures, for so many minutes; `recipe` is of a net that begins at nothing, and goes on
    from the checkpoint `start` where one is named. Nobody shares it. The pictures are read at once.

    Raises:
        UserError: they are too few or too many or can't be read, or the checkpoint is not one to go on from.
    """
    side = recipe.size
    if start:
        if not outline(start).trainable:
            raise UserError("Only models that were trained here can be gone on from.")
        config = json.loads((locate(start) / "config.json").read_text("utf-8"))
        recipe, side = going_on(config, recipe.loss, recipe.seed), outline(start).side
    pictures = own_pictures(files, side, word)

    def make() -> tuple[Trainer, Shown]:
        before = load(start) if start else None
        seen = with_lines(pictures) if recipe.lines else pictures
        space = before.space if before and before.space.factor > 1 else None
        seen = in_latents(seen, space) if space else seen
        trainer = Trainer(recipe, seen, torch.device("cpu"), start=before, autoencoder=space)
        some = torch.arange(COLUMNS) * len(pictures) // COLUMNS
        called = trainer.mean.parse(pictures.texts[0])[0]
        labels = [f"{k + 1}" for k in range(COLUMNS)]
        scale = GUIDANCE if called.words else 1.0
        return trainer, Shown(pictures.x0(some), [called] * COLUMNS, labels, scale, known=pictures.x0())

    data = f"{len(pictures)} pictures of somebody's own" + (f", going on from {start}" if start else "")
    return Plan(make, None, minutes, "my-pictures", data)
