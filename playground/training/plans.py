"""What can be trained in front of a class: the digits of `digits`, with slips on purpose if one likes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch

from playground.samplers import ddim
from playground.training.data import PictureSet
from playground.training.digits import DIGITS, SIZE, digits
from playground.training.looks import Shown
from playground.training.recipe import Recipe
from playground.training.slips import Slipped, ddpm_without_denominator
from playground.training.trainer import Trainer
from playground.training.watched import Plan

DRAWN = 6000  # pictures that a net learns from, again and again
MINUTES = 10
GUIDANCE = 2.0  # of what is drawn on the way
ANCESTRAL_STEPS = 50
DATA = "digits drawn by code (`playground.training.digits`)"


@cache
def drawn() -> PictureSet:
    """The digits of every such training."""
    return digits(DRAWN)


def digits_recipe(
    prediction: str, loss: str, schedule: str, T: int, self_condition: bool, drop: float, seed: int
) -> Recipe:
    """The recipe of a net that draws recognisable digits after 30,000 pictures: half a minute of one core."""
    return Recipe(
        size=SIZE, schedule=schedule, T=T, prediction=prediction, loss=loss, dims=(32, 64), attention=(0, 1),
        emb_dim=64, condition_dim=128, self_condition=self_condition, sketch=0, sketch_batch=0, optimiser="adamw",
        batch=64, lr=1.5e-3, warmup=50, cooldown=0.5, ema=0.99, drop_words=0.0, drop_prompt=drop, drop_all=0.0,
        held_out=0, seed=seed,
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
