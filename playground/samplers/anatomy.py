"""A step taken apart: what each sampler makes of what it has seen, as a sum.

Between two questions every sampler only adds and scales: x at the next question is a sum of x at this one, of what was
believed here and at questions before, and of fresh noise, each times a number that the levels alone decide. `weights`
finds these numbers by running the sampler on symbols, so no formula is written a second time; `FORMULAS` says them in
the words of the papers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.predictions import Prediction
from playground.samplers import SAMPLERS
from playground.schedules import Level

BEFORE = 4  # questions that a sampler may look back: PNDM's Adams–Bashforth
SMALL = 1e-11  # a weight below this is none: what is left of numbers that cancel


@dataclass(frozen=True)
class Weight:
    """One term of a step: `of` is "x", "x0", "eps" or "z"; `ago` how many questions ago it was believed (0: at this
    one), and for "z" which of the draws of the step it is."""

    of: str
    ago: int
    weight: float


@dataclass(frozen=True)
class Anatomy:
    """A question of a sampler's run, and how x at the next one, or at the end, comes from it."""

    here: Level
    there: Level  # of the next question; the last level where it is the end
    weights: tuple[Weight, ...]


def weights(name: str, levels: Sequence[Level], until: int | None = None, **knobs: object) -> list[Anatomy]:
    """The anatomy of each question of a run, or of the first `until` + 1. Whatever is not among the latest beliefs is
    folded into x: x is taken as often as explains it."""
    symbols: list[tuple[str, int]] = [("start", 0)]  # what each place of a row stands for; rows grow as it goes on
    draws = 0

    def fresh(kind: str, number: int) -> Tensor:
        symbols.append((kind, number))
        return _unit(len(symbols) - 1)

    def noise(_shape: Sequence[int]) -> Tensor:
        nonlocal draws
        draws += 1
        return fresh("z", draws - 1)

    sampling = SAMPLERS[name].function(_unit(0), levels, noise, **knobs)
    found: list[Anatomy] = []
    x, here = next(sampling)
    while until is None or len(found) <= until:
        number, drawn = len(found), draws
        belief = Prediction(fresh("x0", number), fresh("eps", number), here)
        try:
            after, there = sampling.send(belief)
            ended = False
        except StopIteration as end:
            after, there, ended = end.value, levels[-1], True
        found.append(Anatomy(here, there, _terms(x[0], after[0], symbols, number, drawn)))
        if ended:
            break
        x, here = after, there
    return found


WIDTH = 16384  # places of a row: more than 4,000 questions with all that they bring


def _unit(place: int) -> Tensor:
    row = torch.zeros(1, WIDTH, dtype=torch.float64)
    row[0, place] = 1
    return row


def _terms(x: Tensor, after: Tensor, symbols: Sequence[tuple[str, int]], number: int, drawn: int) -> tuple[Weight, ...]:
    """`after` as a sum of x and of what is new or recent."""
    count = len(symbols)
    x, after = x[:count], after[:count]
    recent = torch.tensor(
        [k > number - BEFORE if of in ("x0", "eps") else of == "z" and k >= drawn for of, k in symbols]
    )
    old = torch.where(recent, torch.zeros_like(x), x)
    share = float(old @ after / (old @ old)) if old.any() else 0.0
    rest = after - share * x
    found = [Weight("x", 0, share)] if abs(share) > SMALL else []
    for place in torch.nonzero(rest.abs() > SMALL).flatten().tolist():
        of, k = symbols[place]
        found.append(Weight(of, k - drawn if of == "z" else number - k, float(rest[place])))
    return tuple(found)
