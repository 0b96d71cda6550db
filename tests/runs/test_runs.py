"""Runs: what the player is sent and the endpoints return, against the sampler driven by hand."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from playground import checkpoints, runs, samplers
from playground.engine import Step
from playground.engine.tasks import Request
from playground.errors import UserError
from playground.images import to_pixels
from playground.models.denoiser import UNetDenoiser, clipped, guided
from playground.predictions import Prediction
from playground.runs import Live, experiments, lane_for, lanes, live
from playground.runs.receipts import read_receipt, to_json
from playground.runs.records import sha256
from playground.samplers.noise import noise_of
from playground.schedules import spaced

SETTINGS = {"prompt": "cat face", "style": "flat", "seed": 3, "sampler": "ddim", "steps": 6, "guidance_scale": 2.0}


def by_hand(engine, seed: int, scale: float = 2.0) -> tuple[torch.Tensor, list]:
    """(final, every step's (x, level, prediction)) of DDIM with `SETTINGS`, without the engine's queue."""
    condition, _ = engine.checkpoint.parse("cat face", "flat")
    denoise = clipped(guided(UNetDenoiser(engine.checkpoint), scale))
    noise, steps = noise_of(seed), []
    x = noise((1, engine.channels, engine.size, engine.size))
    sampler = samplers.SAMPLERS["ddim"].function(x, spaced(engine.schedule, 6), noise)
    final = samplers.run(sampler, lambda x, level: denoise(x, level, [condition]), lambda *step: steps.append(step))
    return final[0], steps


def test_frames_are_the_samplers_steps(engine):
    run = Live(engine, [lane_for(engine, SETTINGS)])
    run.finish()
    lane = run.lanes[0]
    final, steps = by_hand(engine, 3)
    assert [frame.step for frame in lane.frames] == list(range(7))
    assert [frame.nfe for frame in lane.frames] == [2, 4, 6, 8, 10, 12, 12]
    for frame, (x, level, prediction) in zip(lane.frames, steps, strict=False):
        assert (frame.t, frame.alpha_bar) == (level.t, level.alpha_bar)
        for ours, theirs in ((frame.x, x), (frame.x0_hat, prediction.x0), (frame.eps_hat, prediction.eps)):
            assert np.abs(ours.astype(int) - to_pixels(theirs[0])).max() <= 1
    assert lane.frames[-1].last and (lane.frames[-1].x == to_pixels(lane.final)).all()
    assert np.abs(to_pixels(lane.final).astype(int) - to_pixels(final)).max() <= 1


def test_the_message_is_the_frames_and_comes_lane_by_lane(engine):
    lanes = [lane_for(engine, SETTINGS | {"seed": seed}, f"seed {seed}") for seed in (3, 4)]
    run = Live(engine, lanes)
    opened, *rest = list(run.messages())
    assert [lane["label"] for lane in opened["start"]["lanes"]] == ["seed 3", "seed 4"]
    assert {message["run"] for message in rest} == {opened["run"]}
    assert [message["seq"] for message in [opened, *rest]] == list(range(len(rest) + 1))
    sent = [frame for message in rest for frame in message.get("frames", [])]
    assert len(sent) == 2 * 7
    for message in sent:
        frame = next(f for f in lanes[message["lane"]].frames if f.step == message["step"])
        assert base64.b64decode(message["x"]) == frame.x.tobytes()
        assert base64.b64decode(message["eps"]) == frame.eps_hat.tobytes()
        assert ("x0" in message) != frame.last
    end = rest[-1]["end"]
    assert end["status"] == "done"
    assert end["steps"] == 12 and end["seconds"] > lanes[1].seconds - 1e-3 > 0
    told = json.loads(to_json([lane.record() for lane in lanes]))["pictures"][1]["timing"]
    assert told["steps"] == 6 and told["seconds"] == pytest.approx(lanes[1].seconds, abs=1e-4)
    assert told["steps_per_second"] * told["seconds_per_step"] == pytest.approx(1, rel=0.05)
    receipt = read_receipt(base64.b64decode(end["lanes"][1]["png"]))
    assert receipt.settings["seed"] == 4 and receipt.settings["prompt"] == "cat face"
    assert receipt.sha256 == sha256(to_pixels(lanes[1].final))


def ramp(engine) -> torch.Tensor:
    """A picture (1, C, S, S) whose values all differ."""
    shape = (1, engine.channels, engine.size, engine.size)
    return torch.linspace(-1, 1, engine.channels * engine.size**2).reshape(shape)


def test_a_known_picture_gives_the_error_of_the_guess(engine):
    start, asked = ramp(engine), SETTINGS | {"strength": 0.5, "prompt": "", "style": ""}
    run = Live(engine, [lane_for(engine, asked, start=start)], curve="error")
    eps = noise_of(3)(start.shape)
    ((frame, *_),) = list(run.frames())[:1]
    level = spaced(engine.schedule, 6)[3]
    assert frame.alpha_bar == level.alpha_bar
    x = level.signal_rate * start.double() + level.noise_rate * eps
    assert (frame.x == to_pixels(x[0])).all()
    seen = clipped(UNetDenoiser(engine.checkpoint))(x, level)
    gap = (seen.x0 - start)[0].numpy()
    assert frame.error == pytest.approx(np.sqrt((gap**2).mean()), rel=1e-4)
    shown = np.clip(np.abs(gap).mean(axis=0), 0, 2) * 127.5
    assert np.abs(frame.gap - shown).max() <= 1
    # of the noise that is in x_t it is the same error by another name
    same = np.sqrt(level.alpha_bar / (1 - level.alpha_bar)) * frame.error
    assert (seen.eps - eps).square().mean().sqrt().item() == pytest.approx(same, rel=1e-4)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "langevin", "lcm", "heun"])
def test_who_knows_the_picture_makes_no_error_at_any_step(engine, sampler):
    """Whatever noise the sampler draws on its way: it was not in the picture to begin with, and nobody could see it."""
    start, asked = ramp(engine), SETTINGS | {"strength": 0.6, "prompt": "", "style": "", "sampler": sampler}
    lane = lane_for(engine, asked, start=start)
    live, steps = Live(engine, [lane]), []

    def knows(x, level):
        return Prediction(start.double(), (x - level.signal_rate * start) / level.noise_rate, level)

    samplers.run(lane.job.sampler, knows, lambda *step: steps.append(step))
    for index, (x, level, belief) in enumerate(steps):
        row = Prediction(belief.x0[0], belief.eps[0], level)
        (frame,) = live._frames(Step(0, index, len(steps), level, x[0], row, None))
        assert frame.error == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("asked, known", [
    ({"prompt": "", "style": ""}, True), ({"prompt": "cat", "style": ""}, False),
    ({"prompt": "", "style": "flat"}, False), ({"prompt": "cat", "guidance_scale": 0}, True),
])  # fmt: skip
def test_where_a_prompt_asks_for_another_picture_nothing_is_an_error(tiny_checkpoint, asked, known):
    checkpoints.offer(str(tiny_checkpoint))
    image = Image.new("RGB", (16, 16), "teal")
    values = {"checkpoint": "tiny", "start": "picture", "image": image, "steered": True, "steps": 4, **asked}
    painted = experiments.painted(values | {"strength": 0.5}, image)
    for run in (experiments.prepared(values), experiments.editing(values, image, [0.5, 1]), painted):
        assert run.curve == ("error" if known else "change")
        opened, *rest = list(run.messages())
        assert ("truth" in opened["start"]) == known
        assert all(("error" in frame) == known for message in rest for frame in message.get("frames", []))


def test_strength_0_gives_the_picture_back_and_asks_nobody(engine):
    start = ramp(engine)
    run = Live(engine, [lane_for(engine, SETTINGS | {"strength": 0, "prompt": "", "style": ""}, start=start)])
    opened, *rest = list(run.messages())
    assert rest[-1]["end"]["status"] == "done"
    assert (to_pixels(run.lanes[0].final) == to_pixels(start[0])).all()
    assert run.lanes[0].nfe == 0 and run.rate == 0
    assert [frame.error for frame in run.lanes[0].frames] == [None, None]


def test_a_run_too_large_to_keep_is_thinned(engine, monkeypatch):
    monkeypatch.setattr(live, "MAX_FRAME_BYTES", 3 * 9 * engine.size**2)
    run = Live(engine, [lane_for(engine, SETTINGS)])
    run.finish()
    assert [frame.step for frame in run.lanes[0].frames] == [0, 2, 4, 6]


def test_closing_the_messages_frees_the_engine(engine):
    run = Live(engine, [lane_for(engine, SETTINGS | {"steps": 1000})])
    messages = run.messages()
    for _ in range(4):
        next(messages)
    messages.close()
    done = Live(engine, [lane_for(engine, SETTINGS)])
    done.finish()
    assert engine.stats()["live"] == 0


def test_a_failure_ends_the_run_on_the_page_too(engine):
    def broken():
        yield torch.zeros(1, engine.channels, engine.size, engine.size, dtype=torch.float64), engine.schedule.level(500)
        raise UserError("It broke.")

    lane = lane_for(engine, SETTINGS)
    lane.job.sampler = broken()
    messages = []
    with pytest.raises(UserError, match="It broke"):
        messages.extend(iter_all(Live(engine, [lane]).messages(), messages))
    assert messages[-1]["end"] == {"status": "failed"}


@pytest.mark.parametrize("scale, far", [(1.0, False), (1.05, False), (1.5, True), (1e8, True)])
def test_a_sampler_that_flew_off_says_so(engine, scale, far):
    """Pixels of 10⁸ look like a picture once they are clipped: so it is said."""

    def flies():
        prediction = yield ramp(engine).double(), engine.schedule.level(500)
        return scale * (prediction.x0.sign() + 0.5).sign()

    lane = lane_for(engine, SETTINGS)
    lane.job.sampler = flies()
    run = Live(engine, [lane])
    *_, last = run.messages()
    assert last["end"].get("strayed") == ([0] if far else None)
    assert run.report()["pictures"][0].get("strayed", False) == far


@pytest.mark.parametrize("asked", [
    {}, {"prompt": "", "style": ""}, {"prompt": "zeppelin", "style": ""}, {"guidance_scale": 1}, {"guidance_scale": 0},
    {"start": "picture", "strength": 0.45}, {"start": "picture", "strength": 0.5, "steered": True},
    {"start": "picture", "strength": 0},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("sampler", list(samplers.SAMPLERS))
def test_what_is_announced_is_what_is_asked(tiny_checkpoint, sampler, asked):
    name = checkpoints.offer(str(tiny_checkpoint))
    values = SETTINGS | {"checkpoint": name, "steps": 10, "schedule": "cosine"} | asked
    values |= {"sampler": sampler, "corrections": 2, "spacing": "trailing"}
    nfe, guided = lanes.announced(values)
    run = experiments.prepared(values | {"image": Image.new("RGB", (16, 16), "teal")})
    assert nfe == (run.lanes[0].job.steps_hint or 0) * run.lanes[0].rows
    if sampler in ("ddim", "heun", "pndm", "langevin"):
        run.finish()
        assert run.lanes[0].nfe == nfe and guided == (run.lanes[0].rows == 2)


def iter_all(source, into):
    for message in source:
        into.append(message)
    return []


def test_words_and_names_that_nobody_knows(engine):
    assert lane_for(engine, SETTINGS | {"prompt": "cat on a zeppelin"}).unknown == ("on", "a", "zeppelin")
    with pytest.raises(UserError, match="no style"):
        lane_for(engine, SETTINGS | {"style": "baroque"})
    with pytest.raises(UserError, match="no model"):
        runs.engine_for("../../etc/passwd")
    with pytest.raises(UserError, match="Steps"):
        lane_for(engine, SETTINGS | {"steps": 0})


def sent_at(steps, pause=1.0, running=2):
    """When a reader who rests is given how many of some steps, (lane, second at which it comes); the last one ends."""
    now = [0.0]
    request = Request(running, lambda: pause, clock=lambda: now[0])
    given = []
    for k, (lane, second) in enumerate(steps, start=1):
        now[0] = second
        if k == len(steps):
            request.live = 1
        request.tell(SimpleNamespace(job=lane, final=k if k == len(steps) else None))
        if request.due:
            given.append((now[0], len(request.take())))
    assert request.take() == []
    return given


@pytest.mark.parametrize(
    ("frames", "sent"),
    [
        ([(0, 5.0), (0, 5.5), (1, 5.9), (0, 6.2)], [(5.0, 1), (6.2, 3)]),  # at once; then both lanes, a pause later
        ([(0, 0.0), (0, 1.2), (0, 1.9), (0, 2.1), (0, 2.2)], [(0.0, 1), (2.1, 3), (2.2, 1)]),  # one lane lags behind
        ([(0, 0.0), (1, 0.1), (0, 0.2)], [(0.0, 1), (0.2, 2)]),  # the end waits for nothing
        ([(k % 2, k / 8) for k in range(25)], [(0.0, 1), (1.125, 9), (2.25, 9), (3.0, 6)]),
        ([(0, k / 100) for k in range(50)], [(0.0, 1), (0.32, 32), (0.49, 17)]),  # nor do those who work wait for it
    ],
)
def test_steps_are_given_in_handfuls_to_who_rests(frames, sent):
    assert sent_at(frames) == sent


def test_steps_are_given_one_by_one_where_there_is_time():
    assert sent_at([(0, 0.0), (0, 1.5), (0, 3.0)], running=1) == [(0.0, 1), (1.5, 1), (3.0, 1)]


@pytest.mark.parametrize(
    ("people", "followed", "a_second"), [(1, False, 15), (2, False, 15), (1, True, 30), (30, False, 1), (30, True, 2)]
)
def test_a_crowd_is_sent_fewer_messages_and_a_line_more(engine, monkeypatch, people, followed, a_second):
    run = Live(engine, [lane_for(engine, SETTINGS)])
    monkeypatch.setattr(run, "frames", lambda pause: pause())
    run.engine = SimpleNamespace(people=people)
    line = SimpleNamespace(followed=followed)
    assert run._handfuls(line if followed else None) == pytest.approx(1 / a_second)


def place(message: dict) -> tuple[int, int]:
    return message["lane"], message["step"]


@pytest.mark.parametrize("runner", ["an engine", "any other"])
def test_who_rests_is_given_the_same_frames(engine, runner):
    """Of several steps at once, from an engine that lets its reader sleep and from what only has steps to give."""
    lanes = [lane_for(engine, SETTINGS | {"seed": seed}) for seed in (3, 4)]
    one_by_one = Live(engine, lanes)
    expected = [frame.message() for frames in one_by_one.frames() for frame in frames]
    lanes = [lane_for(engine, SETTINGS | {"seed": seed}) for seed in (3, 4)]
    run = Live(engine, lanes)
    if runner == "any other":
        steps = engine.run([lane.job for lane in lanes])
        run.engine = SimpleNamespace(run=lambda *_, **__: (step for step in steps), space=engine.space)
    handfuls = list(run.frames(lambda: 3600.0))
    assert len(handfuls) <= 2  # the first step, with what has come before its reader is awake; and the rest
    seen = [frame.message() for frames in handfuls for frame in frames]
    assert sorted(seen, key=place) == sorted(expected, key=place)
    assert run.steps == 12 and 0 < lanes[0].seconds <= run.seconds
