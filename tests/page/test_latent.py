"""The Latent tab: what its endpoint returns, and what the page's questions are answered with."""

import base64

import numpy as np
import pytest
from PIL import Image

from playground.images import bundled
from playground.page.parts.easel import LARGEST
from playground.page.tabs.latent import questions


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def test_the_endpoint_gives_each_part_as_a_picture_and_the_numbers(client):
    pictures, used = client.predict(picture="cat", t=0, shift=0.0, checkpoint="emoji-64-latent", api_name="/latent")
    found = {path.rsplit("/", 1)[-1]: pixels(path) for path in pictures}
    assert used["shapes"] == {"picture": [3, 64, 64], "latent": [3, 16, 16]}
    apart = (found["picture.png"] - found["back.png"]) / 127.5
    assert used["psnr"] == pytest.approx(10 * np.log10(4 / (apart**2).mean()), abs=0.1)
    assert (found["latent.png"] == found["noised-latent.png"]).all()  # at t = 0 there is no noise
    assert np.abs(found["back.png"] - found["changed-back.png"]).max() <= 3  # nothing is changed, but for rounding
    assert found["walk.png"].shape == (128, 7 * 64, 3) and found["random.png"].shape == (64, 8 * 64, 3)
    assert np.abs(found["walk.png"][64:, :64] - found["picture.png"]).max() <= 1
    assert found["random-codes.png"].shape == (4 * 32, 8 * 32, 3) and used["codes"]["plain"]["frechet"]["normal"] > 0


def sent(**more):
    picture = base64.b64encode(np.asarray(bundled.picture("cat", 32)).tobytes()).decode()
    return {"part": "there", "n": 32, "picture": picture, "seed": 1, "checkpoint": "emoji-64-latent"} | more


@pytest.mark.parametrize(
    ("more", "sentence"),
    [({"picture": "AAAA"}, "wrong size"), ({"n": LARGEST + 1}, "wrong size"), ({"part": "secrets"}, "wrong size"),
     ({"part": "walk"}, "wrong size"), ({"part": "bent", "channel": 0, "shift": 9}, "between −2 and 2"),
     ({"part": "bent", "channel": "x", "shift": 0}, "between −2 and 2"), ({"part": "noised", "t": -3}, "between"),
     ({"checkpoint": "/etc"}, "no model"), ({"checkpoint": "emoji-32"}, "works on pixels")],
)  # fmt: skip
def test_what_the_page_cannot_ask_is_said_in_a_sentence(more, sentence):
    assert sentence in questions("cpu")(sent(**more))["error"]
    assert "error" in questions("cpu")(None)


def test_it_answers_with_pictures_and_numbers():
    found = questions("cpu")(sent())
    assert len(found["channels"]) == 3 and found["z"]["n"] == 16 and found["back"]["n"] == 64
    assert len(base64.b64decode(found["channels"][0]["pixels"])) == 3 * 16 * 16


def test_random_codes_come_beside_latents_with_what_was_measured():
    found = questions("cpu")(sent(part="drawn"))
    assert {name: (len(row), row[0]["n"]) for name, row in found["rows"].items()} == {
        "latents": (8, 64), "variational": (8, 32), "plain": (8, 32), "each": (8, 32), "together": (8, 32),
    }  # fmt: skip
    assert found["figures"]["latents"] is None  # nobody has measured this model's
