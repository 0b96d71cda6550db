"""A model's card in the page: its own pictures and nothing from elsewhere."""

import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from playground import checkpoints
from playground.page.about import LONGEST, ROUTE, about

CARD = """---
license: mit
---
# mine

![all](sheet.png)
![other](other.png) ![far](https://example.org/sheet.png) ![up](../sheet.png)
<img src="https://example.org/x.png">

## Limits

Few, see [there](evaluation.json) and [the paper](https://arxiv.org/abs/2006.11239).
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "README.md").write_text(CARD)
    for file in ("sheet.png", "other.png"):
        (folder / file).write_bytes(b"picture")
    checkpoints.lend(folder)
    yield folder
    checkpoints.take_back(folder.name)


def test_a_card_shows_its_own_pictures_alone(folder):
    text = about("a b")
    assert text.startswith("![all](lab/card/a%20b/sheet.png)")
    assert "Few, see there and [the paper](https://arxiv" in text
    assert text.count("![") == 1 and "example" not in text and "img" not in text
    (folder / "sheet.png").unlink()
    assert "![" not in about("a b")


def test_pictures_are_served_of_known_models_and_no_other_file(folder):
    asked = TestClient(Starlette(routes=[ROUTE]))
    there = asked.get("/lab/card/a%20b/sheet.png")
    assert there.content == b"picture" and there.headers["content-type"] == "image/png"
    assert there.headers["x-content-type-options"] == "nosniff"
    for path in ("a%20b/other.png", "a%20b/README.md", "nobody/sheet.png", f"{folder.parent}/a%20b/sheet.png", "x"):
        assert asked.get(f"/lab/card/{path}").status_code == 404, path
    checkpoints.take_back("a b")
    assert asked.get("/lab/card/a%20b/sheet.png").status_code == 404


@pytest.mark.parametrize("name", ["avatars-64", "avatars-64-turbo", "emoji-32", "emoji-64-latent"])
def test_the_shipped_cards_are_shown_whole(name):
    text = about(name)
    assert len(text) < LONGEST and not text.endswith("…")
    shown = re.findall(r"!\[[^\]]+\]\((.*?)\)", text)
    assert shown and len(shown) == checkpoints.card(name).count("![")
