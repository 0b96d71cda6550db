"""Inside the net at a step of a run, against the net asked by hand about the x of that step."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import torch

from playground.checkpoints import Checkpoint
from playground.engine import Engine
from playground.errors import UserError
from playground.models.inside import look
from playground.runs import Live, lane_for
from playground.runs.inside import inside, look_at, question, sheet
from playground.runs.opened import keep, opened

SETTINGS = {"prompt": "cat face", "style": "flat", "seed": 3, "sampler": "ddim", "steps": 5, "guidance_scale": 3.0}


def finished(engine, run, **more):
    live = Live(engine, [lane_for(engine, SETTINGS, **more)])
    keep(run, engine, live.lanes)
    steps = list(live.engine.run([lane.job for lane in live.lanes]))
    return live.lanes[0], steps


def unpacked(values: str, dtype: type, *shape: int) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(base64.b64decode(values), dtype).reshape(shape).astype(np.float32))


def test_the_page_gets_what_the_block_says(engine):
    lane, steps = finished(engine, "in")
    for name, told in (("up.1.0.0.0", True), ("down.1.0.0.1", False), ("embed_time", True)):
        condition = lane.job.condition if told else type(lane.job.condition)()
        truth = look(engine.checkpoint, steps[2].x[None], steps[2].level, condition, name)
        given = inside("in", 0, 2, name, told=told)
        output = truth.output if truth.output.ndim == 3 else truth.output.reshape(1, 1, -1)
        peaks = torch.tensor(given["maps"]["peaks"])
        maps = unpacked(given["maps"]["values"], np.int8, *given["maps"]["shape"]) * peaks[:, None, None] / 127
        assert (maps - output).abs().max() <= peaks.max() / 254 + 1e-3
        assert given["t"] == steps[2].level.t and given["asked_twice"] and "self" in given["code"]
        assert [b["name"] for b in given["blocks"]] == [b.name for b in truth.blocks]
        if truth.attention is None:
            assert given["attention"] is None
            continue
        rows, cells = truth.attention.shape[1:]
        for head in (None, 1):
            seen = inside("in", 0, 2, name, head, told)["attention"]
            wanted = truth.attention.mean(dim=0) if head is None else truth.attention[head]
            shares = unpacked(seen["values"], np.uint8, rows, cells) / 255 * torch.tensor(seen["peaks"])[:, None]
            assert (shares - wanted).abs().max() < wanted.max() / 500 + 1e-3
            assert (seen["heads"], seen["to"], seen["words"]) == (2, cells, [])


def test_first_the_blocks_alone_then_one_of_them(engine):
    finished(engine, "blocks")
    given = inside("blocks", 0, 4)
    assert given["maps"] is None and given["code"] == "" and given["blocks"][-1]["kind"] == "head"
    for run, lane, index, name, sentence in [
        ("nobody's", 0, 0, "", "not kept"), ("blocks", 0, 5, "", "no step"), ("blocks", 0, 1, "nothing", "no block"),
    ]:  # fmt: skip
        with pytest.raises(UserError, match=sentence):
            inside(run, lane, index, name)


def test_a_run_that_fills_a_hole_can_be_looked_into_too(engine):
    _lane, steps = finished(engine, "hole", start=torch.zeros(1, 3, 16, 16), mask=torch.ones(16, 16, dtype=torch.bool))
    x, level = question(engine, _lane.job, 3)
    assert level == steps[3].level and (x[0] - steps[3].x).abs().max() < 1e-4


def test_a_net_that_is_told_what_it_believed_is_told_so_again(tiny_checkpoint):
    torch.manual_seed(0)
    unet = {"dims": [8, 16], "attention": [False, True], "emb_dim": 16, "head_dim": 8, "self_condition": True}
    net = Checkpoint(size=16, words=("cat", "face"), styles=("flat",), condition_dim=8, unet=unet)
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    engine = Engine(net, "cpu")
    try:
        lane, steps = finished(engine, "self")
        x, _level = question(engine, lane.job, 2)
        assert torch.equal(x[0, 3:], steps[1].prediction.x0) and x.shape == (1, 6, 16, 16)
        assert (opened(engine, lane.job, 2).belief.x0 - steps[2].prediction.x0).abs().max() < 1e-4
    finally:
        engine.close()


def test_for_scripts_as_pictures(engine, monkeypatch):
    monkeypatch.setattr("playground.runs.inside.engine_for", lambda *_asked: engine)
    _lane, steps = finished(engine, "scripts")
    pictures, about = look_at(SETTINGS, 2, "middle_attention", place=[1, 2])
    assert [name for name, _picture in pictures] == ["maps.png", "looks.png"] and about["t"] == steps[2].level.t
    found = look(engine.checkpoint, steps[2].x[None], steps[2].level, _lane.job.condition, "middle_attention")
    row = found.attention.mean(dim=0)[1 * found.grid[1] + 2].reshape(found.grid)
    assert np.abs(pictures[1][1][..., 0] - 255 * (row / row.max()).numpy()).max() < 2
    assert pictures[0][1].shape[0] == -(-32 // 16) * (found.grid[0] + 1)
    warm, cold = sheet(torch.tensor([[[2.0, -2.0, 0.0]]]))[0, :2]
    assert warm[0] > warm[2] and cold[2] > cold[0]
    with pytest.raises(UserError, match="up to 3"):
        look_at(SETTINGS, 2, "middle_attention", place=[1, 4])
