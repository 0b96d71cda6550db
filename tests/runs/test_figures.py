"""Figures as Plotly reads them."""

import json
import math

import pytest
import torch


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
