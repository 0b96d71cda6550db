"""What a link may name: only what is here; anything else is left as it is, with one sentence."""

from __future__ import annotations

import pytest

from playground.page.widgets.link import wanted
from playground.runs.settings import DEFAULTS


@pytest.mark.parametrize("name, value", [
    ("checkpoint", "nothing-here"), ("style", "baroque"), ("picture", "mona lisa"), ("dataset", "torus"),
    ("device", "mps"), ("other_picture", "dog"),
])  # fmt: skip
def test_a_name_that_is_not_here_is_said_once_and_changes_nothing(name, value):
    told = wanted({name: value, "seed": "5"})
    assert told["settings"] == {"seed": 5}
    (sentence,) = told["messages"]
    assert f"“{value}”" in sentence and "there are" in sentence


@pytest.mark.parametrize("query", [
    {"checkpoint": "emoji-32", "style": "noto"}, {"style": ""}, {"picture": "cat", "dataset": "draw", "device": "cpu"},
    {"picture": "", "checkpoint": "emoji-64-latent"},
])  # fmt: skip
def test_what_is_here_is_taken(query):
    told = wanted(query)
    assert told["messages"] == [] and told["settings"] == query


def test_a_style_is_looked_for_in_the_model_that_the_link_names():
    assert "style" not in wanted({"checkpoint": "nothing-here", "style": "baroque"})["settings"]
    usual = DEFAULTS["style"].default
    assert wanted({"checkpoint": "nothing-here", "style": usual})["settings"] == {"style": usual}
