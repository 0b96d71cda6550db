"""Generate through its endpoints: seeds, costs, hashes; and the sphere between two seeds."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image, ImageOps

from playground import checkpoints
from playground.images import drawn_lines
from playground.runs.experiments import guidance_pair
from playground.samplers.noise import noise_between, noise_of, slerp
from tests.models.test_conditions import everything


@pytest.fixture(scope="module")
def ask(client, tiny_checkpoint):
    """The endpoint of a name with the tiny checkpoint: (pixels of each picture, settings)."""
    name = checkpoints.offer(str(tiny_checkpoint))

    def call(api_name: str, **values):
        files, used = client.predict(**{"checkpoint": name, "style": "flat", "steps": 4} | values, api_name=api_name)
        return [np.asarray(Image.open(file)) for file in files], used

    return call


def test_picture_k_has_seed_plus_k_alone_and_in_company(ask):
    pictures, used = ask("/generate", prompt="cat face", seed=5, count=3)
    alone, single = ask("/generate", prompt="cat face", seed=6, count=1)
    assert [made["seed"] for made in used["pictures"]] == [5, 6, 7]
    assert len(pictures) == 3 and pictures[0].shape == (16, 16, 3)
    assert np.abs(pictures[1].astype(int) - alone[0]).max() <= 1
    assert (pictures[0] != pictures[1]).any()
    for pixels, made in zip(pictures, used["pictures"], strict=True):
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == made["sha256"]
    again, _ = ask("/generate", prompt="cat face", seed=6, count=1)
    assert (again[0] == alone[0]).all() and single["pictures"][0]["seed"] == 6


@pytest.mark.parametrize(
    ("values", "nfe"),
    [
        ({}, 4 * 2),  # guidance asks twice
        ({"guidance_scale": 1}, 4),
        ({"guidance_scale": 0}, 4),
        ({"sampler": "heun", "guidance_scale": 1}, 2 * 4 - 2),  # out of pure noise and into t = 0 it asks once
    ],
)
def test_what_it_costs(ask, values, nfe):
    _, used = ask("/generate", prompt="cat", count=1, **values)
    assert used["nfe"] == used["pictures"][0]["nfe"] == nfe


def test_settings_come_back_and_unknown_words_are_named(ask):
    _, used = ask("/generate", prompt="red zeppelin", seed=2, count=1, sampler="ddim", eta=0.5, spacing="log_snr")
    assert used["unknown_words"] == ["zeppelin"]
    wanted = {"prompt": "red zeppelin", "seed": 2, "sampler": "ddim", "eta": 0.5, "spacing": "log_snr", "steps": 4}
    assert {name: used[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"count": 17}, "between 1 and 16"),
        ({"style": "baroque"}, "flat"),
        ({"sampler": "magic"}, "one of"),
        ({"checkpoint": "../secret"}, "no model"),
    ],
)
def test_what_is_wrong_is_said(ask, values, sentence):
    with pytest.raises(AppError, match=sentence):
        ask("/generate", **values)


def test_between_two_seeds_the_ends_are_theirs(ask):
    pictures, used = ask("/interpolate", prompt="cat", seed=5, other_seed=9, count=3)
    first, _ = ask("/generate", prompt="cat", seed=5, count=1)
    last, _ = ask("/generate", prompt="cat", seed=9, count=1)
    assert np.abs(pictures[0].astype(int) - first[0]).max() <= 1
    assert np.abs(pictures[2].astype(int) - last[0]).max() <= 1
    assert used["other_seed"] == 9


def test_slerp_keeps_to_the_sphere_and_turns_evenly():
    a, b = torch.tensor([3.0, 0.0]).double(), torch.tensor([0.0, 3.0]).double()
    for share in (0.0, 0.25, 0.5, 1.0):
        point = slerp(a, b, share)
        assert float(point.norm()) == pytest.approx(3)
        assert float(torch.atan2(point[1], point[0])) == pytest.approx(share * np.pi / 2)
    assert torch.equal(slerp(a, a, 0.3), a)


def test_noise_between_is_of_both_in_every_draw():
    noise, one, two = noise_between(1, 2, 0.25), noise_of(1), noise_of(2)
    shape = (1, 3, 16, 16)
    for _ in range(3):
        torch.testing.assert_close(noise(shape), slerp(one(shape), two(shape), 0.25))


def test_guidance_on_against_off_has_one_seed(tiny_checkpoint):
    values = {"checkpoint": checkpoints.offer(str(tiny_checkpoint)), "style": "flat", "seed": 4, "guidance_scale": 0.5}
    run = guidance_pair(values)
    assert [lane.settings["seed"] for lane in run.lanes] == [4, 4]
    assert [lane.settings["guidance_scale"] for lane in run.lanes] == [1.0, 2.0]


def test_lines_of_a_drawing_become_those_of_the_pictures(ask, tmp_path):
    everything(words=("cat",), styles=("flat",)).save(tmp_path / "lined", "# lined\n")
    name = checkpoints.offer(str(tmp_path / "lined"))
    drawing = Image.new("RGB", (160, 160), "white")
    drawing.paste((0, 0, 0), (40, 40, 44, 120))
    drawing.save(tmp_path / "lines.png")
    asked = {"prompt": "cat", "count": 1, "seed": 3, "checkpoint": name}
    (plain,), _ = ask("/generate", **asked)
    (lined,), _ = ask("/generate", **asked, lines=handle_file(tmp_path / "lines.png"))
    assert np.abs(plain.astype(int) - lined).max() > 2
    with pytest.raises(AppError, match="takes no lines"):
        ask("/generate", lines=handle_file(tmp_path / "lines.png"), count=1)


def test_thin_lines_of_a_large_drawing_stay():
    drawing = Image.new("RGB", (640, 640), "white")
    drawing.paste((0, 0, 0), (105, 0, 107, 640))  # two pixels of 640, a fifth of one of 64
    lines = drawn_lines(drawing, 64)
    assert lines.shape == (64, 64) and (lines[:, 10] == 1).all() and lines.sum() == 64
    assert torch.equal(drawn_lines(ImageOps.invert(drawing), 64), lines)  # light on dark
    assert not drawn_lines(Image.new("RGB", (9, 9), "white"), 8).any()
