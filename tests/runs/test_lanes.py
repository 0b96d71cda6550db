"""What a run is said to cost is what it takes."""

from __future__ import annotations

import json

import pytest

from playground import checkpoints
from playground.errors import UserError
from playground.runs.experiments import duel, guidance_pair
from playground.runs.lanes import announced, lane_for
from playground.runs.live import Live
from playground.samplers import SAMPLERS


@pytest.fixture(scope="module")
def name(tiny_checkpoint):
    return checkpoints.offer(str(tiny_checkpoint))


@pytest.mark.parametrize("steps", [1, 3, 8])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_picture_takes_as_many_evaluations_as_were_said(engine, name, sampler, steps):
    for prompt, scale in (("cat", 2.0), ("", 2.0), ("cat", 1.0)):
        values = {"sampler": sampler, "steps": steps, "prompt": prompt, "guidance_scale": scale, "style": ""}
        live = Live(engine, [lane_for(engine, values)])
        live.finish()
        assert announced(values | {"checkpoint": name})[0] == live.lanes[0].nfe


def test_heun_takes_38_for_20_steps_and_an_empty_prompt_is_not_doubled(name):
    values = {"sampler": "heun", "steps": 20, "guidance_scale": 3.0, "style": "", "checkpoint": name}
    assert announced(values | {"prompt": "cat"}) == (76, True)
    assert announced(values | {"prompt": ""}) == (38, False)


@pytest.fixture(scope="module")
def pupil(tiny_checkpoint, tmp_path_factory):
    """The name of a distilled model with a guidance of 2 inside."""
    config = json.loads((tiny_checkpoint / "config.json").read_text())
    distilled = {"guidance": 2.0, "steps": 4, "teacher": "tiny"}
    folder = tmp_path_factory.mktemp("distilled") / "pupil"
    checkpoints.Checkpoint(**config | distilled).save(folder, "# pupil")
    return checkpoints.offer(str(folder))


def test_a_distilled_model_is_asked_once_a_step(pupil):
    values = {"sampler": "ddim", "steps": 4, "prompt": "cat", "style": "", "guidance_scale": 2.0}
    assert announced(values | {"checkpoint": pupil}) == (4, False)


def test_the_guidance_inside_a_distilled_model_is_the_one_that_is_told_and_has_nothing_beside_it(pupil):
    values = {"checkpoint": pupil, "prompt": "cat", "style": "", "steps": 4, "guidance_scale": 5.0}
    lanes = duel(values, [{"guidance_scale": 1.0}, {"guidance_scale": 5.0}, {"guidance_scale": 0.0}]).lanes
    assert [lane.note for lane in lanes] == ["w 2", "w 2", "w 0"]
    assert [lane.settings["guidance_scale"] for lane in lanes] == [2, 2, 0]
    with pytest.raises(UserError, match="inside"):
        guidance_pair(values)
