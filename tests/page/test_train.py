"""The Train tab: what the page's own training is given, and that its fixture is PyTorch's."""

import json

import pytest

from playground.errors import UserError
from playground.page.tabs.train import points_of
from tests import points


def test_the_fixture_of_the_pages_net_is_what_pytorch_says_now():
    kept, now = json.loads(points.FILE.read_text(encoding="utf-8")), points.fixture()
    assert [case.keys() for case in kept["cases"]] == [case.keys() for case in now["cases"]]
    for old, new in zip(kept["cases"], now["cases"], strict=True):
        assert old["after"] == pytest.approx(new["after"], abs=1e-9)
        assert old["losses"] == pytest.approx(new["losses"], abs=1e-9)
    assert kept["alpha_bar"] == pytest.approx(now["alpha_bar"], abs=1e-12)


def test_points_are_given_as_the_settings_say():
    value = points_of({"dataset": "rings", "T": 50, "prediction": "v", "width": 16, "learning_rate": 0.01})
    assert value["cloud"] == "rings" and value["T"] == 50
    assert value["settings"] == {
        "prediction": "v", "width": 16, "layers": 3, "seed": 7, "loss": "mse", "batch": 64, "rate": 0.01,
    }  # fmt: skip
    assert points_of({"dataset": "draw"})["points"] == []
    with pytest.raises(UserError):
        points_of({"width": 5000})
