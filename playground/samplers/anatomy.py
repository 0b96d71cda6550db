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
from playground.samplers import SAMPLERS, count_evaluations
from playground.schedules import Level

BEFORE = 16  # questions that a sampler may look back: PNDM's Adams–Bashforth over Runge–Kutta steps of four each
SMALL = 1e-11  # a weight below this is none: what is left of numbers that cancel


# a and s are signal_rate and noise_rate here, a prime marks the next level; σ = s/a, h the step in log(a/s).
# What was believed one question before has the index −1, two before −2, …
FORMULAS: dict[str, tuple[str, ...]] = {
    "ddpm": ("x′ = μ̃ + √σ²·z, μ̃ = (a′β·x̂0 + √α·s′²·x)/s², α = a²/a′², β = 1 − α",),
    "ddim": ("x′ = a′·x̂0 + √(s′² − η²β̃)·ε̂ + η√β̃·z",),
    "euler_ancestral": ("x′ = a′·(x̂0 + σ_down·ε̂ + σ_up·z), σ_down² + σ_up² = σ′²",),
    "heun": (
        "first x′ = a′·x̂0 + s′·ε̂",
        "then x′ = x + a′(σ′ − σ)/2·(ε̂ − ε̂₋₁)",
    ),
    "dpmpp_2m": ("x′ = (s′/s)·x + a′(1 − e^−h)·(x̂0 + (x̂0 − x̂0₋₁)/2r)",),
    "dpmpp_2s": (
        "first x′ = (s′/s)·x + a′(1 − e^−h)·x̂0",
        "then the same from the level before, with x̂0₋₁ + (x̂0 − x̂0₋₁)/2r",
    ),
    "dpmpp_2m_sde": ("x′ = (s′/s)q^η·x + a′(1 − q^(1+η))·(x̂0 + (x̂0 − x̂0₋₁)/2r) + s′√(1 − q^2η)·z, q = e^−h",),
    "unipc": (
        "first the step before is corrected by what is seen now",
        "then x′ = (s′/s)·x + a′(1 − e^−h)·(x̂0 + (x̂0 − x̂0₋₁)/2r)",
    ),
    "deis": ("x′ = a′·x̂0 + s′·ε̂ + a′·c·(ε̂₋₁ − ε̂), c the integral of log σ/log σ₋₁ from σ to σ′",),
    "pndm": (
        "first three times Runge–Kutta: x′ = a′(x/a + (σ′ − σ)·(ε̂ + 2ε̂₂ + 2ε̂₃ + ε̂₄)/6)",
        "then x′ = a′(x/a + (σ′ − σ)·(55ε̂ − 59ε̂₋₁ + 37ε̂₋₂ − 9ε̂₋₃)/24)",
    ),
    "lcm": ("x′ = a′·x̂0 + s′·z",),
    "langevin": (
        "between levels the step of DDPM",
        "at a level x′ = x + s·(√2δ·z − δ·ε̂)",
    ),
}


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
    symbols: list[tuple[str, int]] = []  # what each place of a row stands for
    questions = count_evaluations(name, levels, **knobs) if until is None else until + 1
    width, draws = 4 * questions + 8, 0  # x̂0, ε̂ and one or two draws a question

    def fresh(kind: str, number: int) -> Tensor:
        symbols.append((kind, number))
        row = torch.zeros(1, width, dtype=torch.float64)
        row[0, len(symbols) - 1] = 1
        return row

    def noise(_shape: Sequence[int]) -> Tensor:
        nonlocal draws
        draws += 1
        return fresh("z", draws - 1)

    sampling = SAMPLERS[name].function(fresh("start", 0), levels, noise, **knobs)
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


def _terms(x: Tensor, after: Tensor, symbols: Sequence[tuple[str, int]], number: int, drawn: int) -> tuple[Weight, ...]:
    """`after` as the shortest sum of x and of what is new or recent; of sums as short, one that has x in it."""
    count = len(symbols)
    x, after = x[:count], after[:count]
    recent = torch.tensor(
        [k > number - BEFORE if of in ("x0", "eps") else of == "z" and k >= drawn for of, k in symbols]
    )
    old = torch.where(recent, torch.zeros_like(x), x)
    held = torch.nonzero(recent & (x.abs() > SMALL)).flatten().tolist()
    held.sort(key=lambda place: symbols[place][0] != "x0")
    shares = [float(old @ after / (old @ old))] if old.any() else [0.0]
    if not old.any():  # nothing but recent beliefs is in x: it may be taken as a whole, or not at all
        shares += [float(after[place] / x[place]) for place in held]
    best: tuple[Weight, ...] | None = None
    for share in shares:
        rest = after - share * x
        found = [Weight("x", 0, share)] if abs(share) > SMALL else []
        for place in torch.nonzero(rest.abs() > SMALL).flatten().tolist():
            of, k = symbols[place]
            found.append(Weight(of, k - drawn if of == "z" else number - k, float(rest[place])))
        with_x = bool(found) and found[0].of == "x"
        if best is None or len(found) < len(best) or (len(found) == len(best) and with_x and best[0].of != "x"):
            best = tuple(found)
    return best
