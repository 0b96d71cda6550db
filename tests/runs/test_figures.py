"""Figures as Plotly reads them, and the numbers that curve.js must agree with.

``python -m tests.runs.test_figures`` writes tests/js/curves.fixture.json anew.
"""

import base64
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

FILE = Path(__file__).parents[1] / "js" / "curves.fixture.json"
DRAWN = [([1, 0.5], 3), ([1, 0.95, 0.89, 0.76, 0.5, 0.19, 0.05, 0.004], 50), ([0.3, 0.4, 0.4, 0.0], 40), ([1, 0], 1)]


def fixture() -> dict:
    from playground.runs.figures import SCHEDULE_VIEWS, numbers
    from playground.runs.wire import encoded
    from playground.schedules import SCHEDULES, drawn, zero_terminal_snr

    made = [kind.make(T) for kind in SCHEDULES.values() for T in (1, 20)]
    made.append(zero_terminal_snr(SCHEDULES["linear"].make(20)))
    return {
        "schedules": [
            {
                "name": schedule.name,
                "alpha_bar": encoded(schedule.alpha_bar.numpy()),
                "views": {key: numbers(view.values(schedule)) for key, view in SCHEDULE_VIEWS.items()},
            }
            for schedule in made
        ],
        "drawn": [
            {"points": points, "T": T, "alpha_bar": encoded(drawn.through(points, T).numpy())} for points, T in DRAWN
        ],
    }


def test_the_fixture_of_the_page_is_fresh():
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    assert close(kept, fixture()), "run: python -m tests.runs.test_figures"


def close(one, two):
    """Equal, but for the last bits of numbers: another processor's log and cos end in others."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(close(one[key], two[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(close, one, two))
    if isinstance(one, str) and len(one) >= 20:  # float64 in base64
        return close(*(np.frombuffer(base64.b64decode(value)).tolist() for value in (one, two)))
    return one == two or isinstance(one, float) and math.isclose(one, two, rel_tol=1e-8, abs_tol=1e-14)


def test_plotly_itself_takes_the_figures():
    go = pytest.importorskip("plotly.graph_objects")
    from playground.runs.figures import SCHEDULE_VIEWS, schedule_curves
    from playground.schedules import SCHEDULES

    schedules = {name: kind.make(100) for name, kind in SCHEDULES.items()}
    labels = {name: kind.title for name, kind in SCHEDULES.items()}
    for view in SCHEDULE_VIEWS:
        for dark in (False, True):
            made = schedule_curves(schedules, labels, view, dark)
            drawn = go.Figure(json.loads(json.dumps(made, allow_nan=False)))  # Plotly validates every property
            assert [trace.name for trace in drawn.data] == list(labels.values())
            assert all((trace.x0, trace.dx, len(trace.y)) == (0, 1, 101) for trace in drawn.data)


def test_a_range_is_told_in_the_units_of_y():
    from playground.runs.figures import STYLES, Line, figure

    line = Line("a", "A", [0, 1, 2], torch.tensor([1.0, math.inf, math.nan]), STYLES[0], measured=True)
    made = figure([line], x_title="t", y_title="y", log=True, y_range=(1e-3, 10))
    assert made["layout"]["yaxis"]["range"] == [-3, 1]
    assert made["data"][0]["y"] == [1.0, None, None] and "markers" in made["data"][0]["mode"]
    assert figure([line], x_title="t", y_title="y", y_range=(0, 2))["layout"]["yaxis"]["range"] == [0, 2]


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_lines_stand_out_on_both_pages_and_from_each_other():
    from playground.runs.figures import SCHEDULE_STYLES, STYLES
    from playground.schedules import SCHEDULES

    for style in STYLES:  # WCAG AA for the labels in the same colour: 4.5 to 1
        assert 1.05 / (luminance(style.light) + 0.05) >= 4.5, style
        assert (luminance(style.dark) + 0.05) / (luminance("#1f2937") + 0.05) >= 4.5, style
    assert len({(style.light, style.dash) for style in STYLES}) == len(STYLES)
    assert set(SCHEDULE_STYLES) == set(SCHEDULES)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    FILE.write_text(json.dumps(fixture()) + "\n", encoding="utf-8")
