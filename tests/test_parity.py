"""tests/js/fixture.json, which the page's scripts are held to in node, is what the server computes."""

from __future__ import annotations

import base64
import json
import math

import numpy as np
import pytest

from playground.runs.forward import strip_levels
from playground.runs.settings import as_text
from tests.parity import FILE, LEVELS, parity

KEPT = json.loads(FILE.read_text(encoding="utf-8"))
NOW = parity()


def close(one, two, tolerance=1e-8) -> bool:
    """Equal, but for the last bits of numbers: another processor's log and cos end in others."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(close(one[key], two[key], tolerance) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(close(*pair, tolerance) for pair in zip(one, two, strict=True))
    if isinstance(one, str) and len(one) >= 20 and one != two:  # float64 in base64
        return close(*(np.frombuffer(base64.b64decode(value)).tolist() for value in (one, two)), tolerance)
    return one == two or isinstance(one, float) and math.isclose(one, two, rel_tol=tolerance, abs_tol=1e-12)


@pytest.mark.parametrize("part", sorted(set(NOW) - {"forward"}))
def test_the_fixture_is_fresh(part):
    # far from every point ε̂ = (x − a·x̂0)/s loses digits where s is small
    assert close(KEPT[part], NOW[part], 1e-6 if part == "field" else 1e-8), "run: python -m tests.parity"


def test_the_pictures_of_the_fixture_are_fresh_to_a_grey_level():
    kept, now = KEPT["forward"], NOW["forward"]
    assert np.allclose(kept["alpha_bar"], now["alpha_bar"], rtol=1e-12)
    raw = [np.frombuffer(base64.b64decode(d["picture"]["eps"]), "<i2").astype(int) for d in (kept, now)]
    assert np.abs(raw[0] - raw[1]).max() <= 1
    assert kept["picture"]["x0"] == now["picture"]["x0"]
    for t, a, b in zip(LEVELS, kept["x_t"], now["x_t"], strict=True):
        a, b = (np.frombuffer(base64.b64decode(text), np.uint8).astype(int) for text in (a, b))
        assert np.abs(a - b).max() <= 1 and (a != b).mean() < 0.01, t


def test_a_strip_names_every_level_once():
    for T in range(1, 300):
        levels = strip_levels(T)
        assert levels == sorted(set(levels)) and (levels[0], levels[-1]) == (0, T) and len(levels) == min(10, T + 1)


@pytest.mark.parametrize("value", [0.5, 1 / 3, 1e-5, 1.5e-7, 1e10, 3e21, -2.5, 123456789.123456])
def test_a_number_in_a_link_keeps_ten_digits(value):
    assert float(as_text(value)) == float(f"{value:.10g}")
