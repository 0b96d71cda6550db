"""Writes tests/js/fixture.json: what the server computes, for the page's scripts to agree with.

One file for all that both compute; the net that learns in the page has its own (tests/points.py).
Run by hand when one of these is meant to change: ``python -m tests.parity``. tests/test_parity.py recomputes it, and
the node tests read it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from playground.images import encoded, to_pixels
from playground.models.conditioning import Vocabulary, split_words
from playground.predictions import q_sample
from playground.runs.experiments import distances
from playground.runs.figures import SCHEDULE_VIEWS, numbers
from playground.runs.forward import chosen_picture, strip_levels
from playground.runs.settings import as_text
from playground.runs.wire import picture_value
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, Level, drawn, zero_terminal_snr
from playground.theory.clouds import DRAWN, cloud

FILE = Path(__file__).parent / "js" / "fixture.json"
LEVELS = (0, 1, 37, 137, 400, 700, 999, 1000)
CURVES = [([1, 0.5], 3), ([1, 0.95, 0.89, 0.76, 0.5, 0.19, 0.05, 0.004], 50), ([0.3, 0.4, 0.4, 0.0], 40), ([1, 0], 1)]
ALPHA_BARS = (1.0, 0.9999, 0.9, 0.5, 0.1, 1e-3, 1e-9)
PLACES = ((0.9, 1.3), (-0.4, -0.2), (0.0, 0.0), (3.1, -3.1), (-2.0, 0.05))
VALUES = (
    0.5, 0.1 + 0.2, 1 / 3, 0.123456789, 1234.56789, 123456789.123456, 1e-5, 1.5e-7, 1e-9, 1e10, 3e21, -0.0, -2.5, 100.0,
    7, 2**31 - 1, True, False, "red cat", ["linear", "cosine"], [],
)  # fmt: skip
POINTS = ([1, 0.25, 0.123456, 0], [0.03125, 0.15625, 0.00015, 0.12345], [1 / 3, 0.99995, 0.00005, 1e-9])
PROMPTS = ("Cat\u2019s Face, #1!", "cats, faces and boxes", "", "  red RED réd 猫 ", "a & b*c", "don't-stop")
WORDS = ("cat", "face", "box", "red", "#", "1")


def forward() -> dict:
    """A 16 × 16 picture, its noise as the page gets it, and for some levels ᾱ and the bytes of x_t."""
    schedule = SCHEDULES["cosine"].make(T=1000)
    x0 = chosen_picture(None, "cat", 16)
    eps = noise_of(7)(x0.shape)
    pixels = [to_pixels(q_sample(x0, schedule.level(t), eps))[0] for t in LEVELS]
    return {
        "picture": picture_value(x0, eps),
        "alpha_bar": [schedule.level(t).alpha_bar for t in LEVELS],
        "x_t": [encoded(each) for each in pixels],
    }


def schedules() -> list[dict]:
    """Every view of every schedule, and ᾱ between whole t."""
    made = [kind.make(T) for kind in SCHEDULES.values() for T in (1, 20)]
    made.append(zero_terminal_snr(SCHEDULES["linear"].make(20)))
    between = (0, 0.001, 0.4, 1, 1.5, 10.25, 18.9, 19.01, 19.5, 19.99, 20)
    return [
        {
            "name": schedule.name,
            "alpha_bar": encoded(schedule.alpha_bar.numpy()),
            "views": {key: numbers(view.values(schedule)) for key, view in SCHEDULE_VIEWS.items()},
            "between": [[t, schedule.level(t).alpha_bar] for t in between if t <= schedule.T],
        }
        for schedule in made
    ]


def curves() -> list[dict]:
    """ᾱ through drawn points."""
    return [{"points": points, "T": T, "alpha_bar": encoded(drawn.through(points, T).numpy())} for points, T in CURVES]


def field() -> list[dict]:
    """Score, ε̂, x̂0 and log-density of two clouds at some places and levels, by the exact denoiser in float64."""
    cases = []
    for made in (cloud("spiral"), cloud(DRAWN, [[-1.5, 0.5], [-1.2, 0.9], [0.3, -1.1], [2.2, 1.4]])):
        for alpha_bar in ALPHA_BARS:
            level, x = Level(0.0, alpha_bar), torch.tensor(PLACES, dtype=torch.float64)
            belief = made.denoise(x, level)
            variance = alpha_bar * made.std**2 + 1 - alpha_bar
            centre = made.denoise.shares(x, level) @ made.points  # so that the score has no 0/0 at t = 0
            cases.append({
                "points": made.points.flatten().tolist(), "std": made.std, "alpha_bar": alpha_bar,
                "places": x.tolist(), "log_density": made.denoise.log_density(x, level).tolist(),
                "score": ((math.sqrt(alpha_bar) * centre - x) / variance).tolist(), "eps": belief.eps.tolist(),
                "x0": belief.x0.tolist(),
            })  # fmt: skip
    return cases


def apart() -> dict:
    """Two lanes of a run, x̂0 as bytes, and how far the second is from the first."""
    draw = np.random.default_rng(5)

    def lane(alpha_bars) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(t=1000 * (1 - ab), alpha_bar=ab, x0_hat=draw.integers(0, 256, (2, 2, 3), dtype=np.uint8))
            for ab in alpha_bars
        ]

    lanes = lane((0.0, 0.1, 0.3, 0.6, 1.0)), lane((0.0, 0.05, 0.2, 0.3, 0.45, 0.9, 0.95, 1.0))
    return {
        "lanes": [[{"t": f.t, "alpha_bar": f.alpha_bar, "x0": encoded(f.x0_hat)} for f in frames] for frames in lanes],
        "rms": [row["rms"] for row in distances(*lanes)],
    }


def parity() -> dict:
    """All of it, as JSON has it."""
    made = {
        "forward": forward(),
        "schedules": schedules(),
        "drawn": curves(),
        "field": field(),
        "apart": apart(),
        "as_text": [[value, as_text(value)] for value in VALUES],
        "written": [[list(points), drawn.write(points)] for points in POINTS],
        "levels": [[T, strip_levels(T)] for T in (*range(1, 14), 20, 999, 1000, 4000)],
        "words": {
            "known": list(WORDS),
            "prompts": [[text, split_words(text), list(Vocabulary(WORDS).parse(text)[1])] for text in PROMPTS],
        },
    }
    return json.loads(json.dumps(made))


if __name__ == "__main__":
    FILE.write_text(json.dumps(parity(), ensure_ascii=False) + "\n", encoding="utf-8")
