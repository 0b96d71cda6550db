"""Duel through its endpoint: lanes, what each has spent, how far apart they are."""

from __future__ import annotations

import numpy as np
import pytest
from gradio_client.exceptions import AppError

from playground import checkpoints
from playground.runs.experiments import distances
from playground.runs.frames import Frame


@pytest.fixture(scope="module")
def ask(client, tiny_checkpoint):
    name = checkpoints.offer(str(tiny_checkpoint))
    common = {"checkpoint": name, "style": "flat", "prompt": "cat", "seed": 3}
    return lambda api_name, **values: client.predict(**common | values, api_name=api_name)


def test_lanes_have_one_seed_and_their_own_settings(ask):
    lanes = [{"sampler": "ddim", "steps": 4}, {"sampler": "ddim", "steps": 8, "guidance_scale": 1}, "dpmpp_2m"]
    files, used = ask("/compare_samplers", lanes=lanes, steps=5)
    assert len(files) == 3
    assert [made["nfe"] for made in used["pictures"]] == [8, 8, 10]
    assert [lane["steps"] for lane in used["lanes"]] == [4, 8, 5]
    assert {made["seed"] for made in used["pictures"]} == {3}
    assert {row["rms"] for row in used["apart"][0]} == {0.0}
    assert used["apart"][2][0]["rms"] == 0  # the first question is the same for all of equal guidance
    assert used["apart"][1][-1]["rms"] > 0


def test_equal_lanes_stay_together(ask):
    _, used = ask("/compare_samplers", lanes=["ddim", "ddim"], steps=4)
    assert max(row["rms"] for row in used["apart"][1]) < 1 / 127.5
    assert used["pictures"][0]["sha256"] == used["pictures"][1]["sha256"]


def test_distances_compare_equal_noise():
    def frame(alpha_bar: float, value: int) -> Frame:
        flat = np.full((2, 2, 3), value, np.uint8)
        return Frame(0, 0, 0.0, alpha_bar, 0, flat, flat, flat)

    first = [frame(0.1, 0), frame(0.5, 127), frame(0.9, 255)]
    other = [frame(0.1, 0), frame(0.3, 0), frame(0.7, 127), frame(0.9, 0)]
    assert [row["rms"] * 127.5 for row in distances(first, other)] == pytest.approx([0, 0, 0, 255])
    assert distances(first, other)[1]["log_snr"] == pytest.approx(np.log(0.3 / 0.7))


@pytest.mark.parametrize(
    ("lanes", "sentence"),
    [
        (["ddim"], "two to four"),
        (["ddim"] * 5, "two to four"),
        (["ddim", "magic"], "one of"),
        (["ddim", {"seed": 1}], "A lane is"),
        (["ddim", 7], "A lane is"),
    ],
)
def test_wrong_lanes_are_refused_in_a_sentence(ask, lanes, sentence):
    with pytest.raises(AppError, match=sentence):
        ask("/compare_samplers", lanes=lanes)
