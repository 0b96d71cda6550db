"""A step laid open, against the run that it is a step of, and the net asked by hand."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch

from playground.errors import UserError
from playground.images import to_pixels
from playground.models.denoiser import NOTHING, UNetDenoiser
from playground.runs import Live, lane_for
from playground.runs.experiments import seed_label
from playground.runs.opened import KEPT, keep, laid_open, opened
from playground.samplers import SAMPLERS
from playground.samplers.anatomy import FORMULAS
from playground.samplers.noise import noise_between

SETTINGS = {"prompt": "cat face", "style": "flat", "seed": 3, "sampler": "ddpm", "steps": 5, "guidance_scale": 3.0}


def begun(engine, run="a run", **settings):
    live = Live(engine, [lane_for(engine, SETTINGS | settings, seed_label(3))])
    keep(run, engine, live.lanes)
    return live


def steps_of(live):
    return list(live.engine.run([lane.job for lane in live.lanes]))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_its_parts_add_up_and_the_run_goes_on_from_them(engine, sampler):
    live = begun(engine, sampler=sampler)
    steps = steps_of(live)
    for index in (0, 2, len(steps) - 1):
        live = begun(engine, sampler=sampler)
        found = opened(engine, live.lanes[0].job, index)
        total = sum(part.weight * part.value for part in found.parts)
        assert (total - found.after).abs().max() < 1e-12 * max(1, float(found.after.abs().max()))
        assert (found.mean + found.fresh - found.after).abs().max() < 1e-12 * max(1, float(found.after.abs().max()))
        assert found.here == steps[index].level and (found.x - steps[index].x).abs().max() < 1e-4
        after = steps[index + 1].x if index + 1 < len(steps) else steps[index].final
        assert (found.after - after).abs().max() < 1e-3


@pytest.mark.parametrize(("sampler", "resamplings"), [("ddpm", 1), ("ddpm", 2), ("heun", 2), ("dpmpp_2m", 3)])
def test_the_parts_of_a_step_around_a_hole_add_up_too(engine, sampler, resamplings):
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[3:9, 4:12] = True
    start = torch.linspace(-1, 1, 3 * 16 * 16).view(1, 3, 16, 16)

    def filling():
        values = SETTINGS | {"sampler": sampler, "resamplings": resamplings, "jump": 2}
        live = Live(engine, [lane_for(engine, values, start=start, mask=mask)])
        keep("a hole", engine, live.lanes)
        return live

    steps = steps_of(filling())
    for index in range(len(steps)):
        found = opened(engine, filling().lanes[0].job, index)
        total = sum(part.weight * part.value for part in found.parts)
        assert (total - found.after).abs().max() < 1e-12 * max(1, float(found.after.abs().max()))
        assert found.here == steps[index].level and (found.x - steps[index].x).abs().max() < 1e-4
        after = steps[index + 1].x if index + 1 < len(steps) else steps[index].final
        assert (found.after - after).abs().max() < 1e-3
    assert [part.of for part in found.parts][-1] == "known" and torch.equal(found.after[:, ~mask], start[0, :, ~mask])
    told = laid_open("a hole", 0, 0)
    assert "known" in told["views"] and len(told["formula"]) == len(FORMULAS[sampler]) + 1 + (resamplings > 1)


def test_guidance_and_clipping_are_what_they_say(engine):
    live = begun(engine, guidance_scale=6.0)
    found = opened(engine, live.lanes[0].job, 1)
    condition, _ = engine.checkpoint.parse("cat face", "flat")
    net = UNetDenoiser(engine.checkpoint)
    without, told = (net(found.x[None], found.here, [each]) for each in (NOTHING, condition))
    assert (found.without - without.eps[0]).abs().max() < 1e-4 and (found.told - told.eps[0]).abs().max() < 1e-4
    assert (found.raw.eps - (found.without + 6 * (found.told - found.without))).abs().max() < 1e-9
    assert torch.equal(found.belief.x0, found.raw.x0.clamp(-1, 1)) and found.rows == 2
    assert (found.belief.x - found.x).abs().max() < 1e-9  # the picture in hand stays the same
    open_ended = opened(engine, live.lanes[0].job, 1, clipped=False)
    assert torch.equal(open_ended.belief.x0, open_ended.raw.x0)
    assert (found.raw.x0.abs() > 1).any() and not torch.equal(open_ended.after, found.after)
    alone = opened(engine, begun(engine, guidance_scale=1.0).lanes[0].job, 1)
    assert alone.rows == 1 and torch.equal(alone.raw.eps, alone.told)


def test_a_run_without_clipping_is_opened_without_it(engine):
    steps = steps_of(begun(engine, guidance_scale=6.0, clip=False))
    live = begun(engine, "unclipped", guidance_scale=6.0, clip=False)
    found = opened(engine, live.lanes[0].job, 2)
    assert (found.belief.x0.abs() > 1).any() and (found.after - steps[3].x).abs().max() < 1e-3
    assert laid_open("unclipped", 0, 2)["clipped"] is False and laid_open("unclipped", 0, 2, True)["clipped"] is True
    assert live.lanes[0].settings["clip"] is False


def test_the_page_gets_pictures_and_numbers_of_a_run_that_is_over(engine):
    live = begun(engine, "over")
    live.finish()
    told = laid_open("over", 0, 2)
    frame = live.lanes[0].frames[2]
    assert (told["t"], told["sampler"], told["rows"]) == (frame.t, "ddpm", 2) and told["off"] < 1e-12
    shown = np.frombuffer(base64.b64decode(told["views"]["x"]["pixels"]), np.uint8).reshape(16, 16, 3)
    assert np.abs(shown.astype(int) - frame.x).max() <= 1
    assert {part["of"] for part in told["parts"]} == {"x", "x0", "z"}
    last = laid_open("over", 0, 4)
    assert last["next"] == 0.0 and np.abs(
        np.frombuffer(base64.b64decode(last["views"]["after"]["pixels"]), np.uint8).reshape(16, 16, 3).astype(int)
        - to_pixels(live.lanes[0].final)
    ).max() <= 1  # fmt: skip


def test_between_two_seeds_and_from_a_picture_too(engine):
    start = torch.linspace(-1, 1, 3 * 16 * 16).reshape(1, 3, 16, 16)
    for more in ({"noise": noise_between(3, 4, 0.3)}, {"start": start}):
        live = Live(engine, [lane_for(engine, SETTINGS, **more)])
        keep("more", engine, live.lanes)
        live.finish()
        told = laid_open("more", 0, 1)
        shown = np.frombuffer(base64.b64decode(told["views"]["x"]["pixels"]), np.uint8).reshape(16, 16, 3)
        assert np.abs(shown.astype(int) - live.lanes[0].frames[1].x).max() <= 1


def test_what_cannot_be_opened_is_said_in_a_sentence(engine):
    begun(engine, "sentences")
    for run, lane, index, sentence in [
        ("nobody's", 0, 0, "not kept"), ("sentences", 1, 0, "not kept"), ("sentences", 0, 5, "no step"),
        ("sentences", 0, -1, "no step"),
    ]:  # fmt: skip
        with pytest.raises(UserError, match=sentence):
            laid_open(run, lane, index)


def test_only_so_many_are_kept(engine):
    begun(engine, "first")
    lanes = [lane_for(engine, SETTINGS)] * 16
    for k in range(KEPT // 16 + 1):
        keep(f"later {k}", engine, lanes)
    with pytest.raises(UserError, match="not kept"):
        laid_open("first", 0, 0)
