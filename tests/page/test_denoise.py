"""Denoise through its endpoint: from noise and from a picture, with the numbers of every step."""

from __future__ import annotations

import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image

from playground import checkpoints
from playground.images import bundled, to_pixels, to_tensor
from playground.images.sheets import FILM, film
from playground.page.tabs.denoise import timed


@pytest.fixture(scope="module")
def ask(client, tiny_checkpoint):
    name = checkpoints.offer(str(tiny_checkpoint))
    return lambda **values: client.predict(**{"checkpoint": name, "steps": 20} | values, api_name="/denoise")


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "cat.jpg"
    bundled.picture("cat", 200).save(path, quality=95)
    return path


def test_from_noise(ask):
    (final, strip), used = ask(seed=4)
    assert Image.open(final).size == (16, 16)
    assert Image.open(strip).size == (16 * FILM, 16)
    assert (np.asarray(Image.open(strip))[:, -16:] == np.asarray(Image.open(final))).all()
    assert used["start"] == "noise" and used["seed"] == 4 and used["device"] == "cpu"
    t = [step["t"] for step in used["numbers"]]
    assert t[0] == 1000 and t[-1] == 0 and t == sorted(t, reverse=True) and len(t) == 21
    assert all(step["error"] is None for step in used["numbers"])
    assert used["steps_per_second"] > 0


def test_from_a_picture_of_some_strength(ask, photo):
    (_, strip), used = ask(image=handle_file(photo), strength=0.5, seed=4)
    assert used["start"] == "picture" and used["strength"] == 0.5
    assert [step["t"] for step in used["numbers"]][0] == 500
    assert all(0 < step["error"] < 2 for step in used["numbers"])
    _, used = ask(image=handle_file(photo), strength=0.5, seed=4, prompt="cat")
    assert all(step["error"] is None for step in used["numbers"])
    first = np.asarray(Image.open(strip))[:, :16].astype(float)
    clean = to_pixels(to_tensor(Image.open(photo), 16))[0].astype(float)
    assert np.corrcoef(first.ravel(), clean.ravel())[0, 1] > 0.3  # half noise, half picture


def test_strength_0_is_the_picture_itself(ask, photo):
    (final, _), used = ask(image=handle_file(photo), strength=0)
    assert (np.asarray(Image.open(final)) == to_pixels(to_tensor(Image.open(photo), 16))[0]).all()
    assert used["nfe"] == 0


def test_a_short_film_has_all_its_pictures():
    frames = [np.full((2, 2, 3), k, np.uint8) for k in range(3)]
    assert np.asarray(film(frames))[0, ::2, 0].tolist() == [0, 1, 2]
    assert film(frames[:1]).size == (2, 2)


def test_devices_are_timed(tiny_checkpoint):
    *_, before, told = timed(checkpoints.offer(str(tiny_checkpoint)))
    assert before["here"]["rows"] == told["here"]["rows"] and (before["done"], told["done"]) == (False, True)
    assert told["note"].startswith("cpu: PyTorch, frozen") and " dB" in told["note"]
    assert [row["pictures"] for row in told["here"]["rows"][:3]] == [1, 4, 16]
    assert len(told["csv"].splitlines()) == 1 + len(told["here"]["rows"]) and told["others"] == []


def test_a_run_may_go_without_clipping(ask):
    _, used = ask(seed=4, steps=5, clip=False)
    _, clipped = ask(seed=4, steps=5)
    assert (used["clip"], clipped["clip"]) == (False, True)
    assert used["pictures"][0]["sha256"] != clipped["pictures"][0]["sha256"]
