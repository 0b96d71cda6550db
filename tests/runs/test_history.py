"""How a model got there, as its folder says; whatever else stands there is no history."""

import json
import shutil

import pytest

from playground import checkpoints
from playground.runs.history import history_of


def test_a_shipped_models_history_is_whole():
    told = history_of("avatars-64")
    points = told["points"]
    assert len(points) > 15
    assert [point["images"] for point in points] == sorted(point["images"] for point in points)
    assert points[-1]["errors"]["0"] < points[0]["errors"]["0"]
    assert told["sheet"].startswith("data:image/webp;base64,") and told["side"] == 64
    assert len(told["columns"]) == 8 and told["columns"][-1] == ""


def test_a_model_without_one_says_so():
    assert history_of("emoji-32") == {"name": "emoji-32", "points": [], "columns": [], "side": 0, "sheet": ""}


@pytest.mark.parametrize(
    "content", ["", "[]", '{"points": [1]}', '{"points": [{"images": 1, "seconds": "NaN", "errors": {}}]}']
)
def test_what_cannot_be_read_is_none(tmp_path, content):
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "history.json").write_text(content)
    checkpoints.lend(folder)
    assert history_of("odd")["points"] == []
    checkpoints.take_back("odd")


def test_pictures_of_another_size_are_left_out(tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(checkpoints.FOLDER / "avatars-64", folder)
    content = json.loads((folder / "history.json").read_text())
    content["points"].pop()
    (folder / "history.json").write_text(json.dumps(content))
    checkpoints.lend(folder)
    told = history_of("cut")
    assert len(told["points"]) > 15 and told["sheet"] == "" and told["columns"] == []
    checkpoints.take_back("cut")
