"""The museum's pieces: each shows its symptom by its measure, on the model it is offered for; its faults are what they
say."""

import math

import pytest
import torch

from playground import checkpoints
from playground.engine.known import Known
from playground.errors import UserError
from playground.images import to_pixels
from playground.predictions import Prediction, q_sample
from playground.runs import faults
from playground.runs.faults import Fault, of_unit_range, to_unit_range
from playground.runs.lanes import lane_for
from playground.runs.live import Live
from playground.runs.museum import PIECES, measured, museum
from playground.runs.opened import opened
from playground.runs.rows import MUSEUM, SYMPTOMS
from playground.schedules import SCHEDULES, spaced
from playground.theory.exact import gaussian


@pytest.mark.parametrize("name", PIECES)
def test_a_piece_shows_its_symptom(name):
    piece, run = PIECES[name], museum({"museum": name, "device": "cpu"})
    run.finish()
    seen = measured(piece, run.lanes)
    assert piece.least * seen["right"] <= seen["faulty"] <= piece.most * seen["right"], seen
    assert piece.least > 1 or piece.most < 1  # the measure can fail
    right, faulty = run.lanes[: piece.pictures], run.lanes[piece.pictures :]
    assert [lane.settings["seed"] for lane in right] == [lane.settings["seed"] for lane in faulty]
    assert {lane.settings["museum"] for lane in run.lanes} == {name}


def test_every_symptom_has_a_piece_and_every_piece_a_symptom():
    assert tuple(PIECES) == MUSEUM
    assert {symptom for piece in PIECES.values() for symptom in piece.symptoms} == set(SYMPTOMS)


def test_without_a_fault_the_picture_is_the_right_one(engine):
    """What alters a run alters nothing where nothing is to be altered, clipping by itself included."""
    values = {"seed": 3, "steps": 4, "sampler": "ddpm", "prompt": "cat", "style": "flat", "guidance_scale": 3.0}
    lanes = [lane_for(engine, values) for _ in range(2)]
    faults.spoil(lanes[1], Fault(), engine)
    run = Live(engine, lanes)
    run.finish()
    assert torch.equal(lanes[0].final, lanes[1].final)
    for one, other in zip(lanes[0].frames, lanes[1].frames, strict=True):
        assert (one.t, one.alpha_bar) == (other.t, other.alpha_bar)
        assert (one.x == other.x).all() and abs(one.x0_hat.astype(int) - other.x0_hat).max() <= 1


def test_what_is_shown_of_a_faulty_step_is_what_its_sampler_was_told(engine):
    """Not what the net said to it."""
    lane = lane_for(engine, {"seed": 3, "steps": 3, "sampler": "ddim"})
    answer = lambda said, x, level: Prediction.from_output("x0", torch.full_like(x, 0.5), x, level)  # noqa: E731
    faults.spoil(lane, Fault(answer=answer), engine)
    Live(engine, [lane]).finish()
    assert all((frame.x0_hat == 191).all() for frame in lane.frames)  # 0.5 as a grey level
    with pytest.raises(UserError, match="on purpose"):
        opened(engine, lane.job, 0)


def test_a_net_of_pictures_in_0_1_by_one_of_pictures_in_minus_1_1():
    """What its question and its answer make of the ideal denoiser is the ideal denoiser of (x0 + 1)/2."""
    schedule = SCHEDULES["cosine"].make()
    whole, half = gaussian(0.3, 0.1), gaussian(0.65, 0.05)
    draw = torch.Generator().manual_seed(0)
    for t in (5, 200, 600, 900):
        level = schedule.level(t)
        eps = torch.randn(4, 3, 2, 2, generator=draw, dtype=torch.float64)
        x = q_sample(torch.full_like(eps, 0.6), level, eps)
        asked, there = of_unit_range(x, level, schedule)
        assert there.log_snr == pytest.approx(level.log_snr - math.log(4))
        made = to_unit_range(whole(asked, there), x, level)
        torch.testing.assert_close(made.x0, half(x, level).x0)
        torch.testing.assert_close(made.x, x)


def test_the_missing_scale_is_that_of_algorithm_2():
    """x' of the faulty step is √α times DDPM's mean: one step of both from the same belief."""
    schedule = SCHEDULES["linear"].make(10)
    here, there = schedule.level(10), schedule.level(9)
    x = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    eps = 0.3 * x

    def quiet(shape):
        return torch.zeros(tuple(shape), dtype=torch.float64)

    sampling = faults.unscaled_ddpm(x, [here, there, schedule.level(8)], quiet)
    next(sampling)
    after, _level = sampling.send(Prediction.from_output("eps", eps, x, here))
    beta, alpha_bar = schedule.beta[10], schedule.alpha_bar[10]
    torch.testing.assert_close(after, x - beta / (1 - alpha_bar).sqrt() * eps)  # without 1/√α before it


def test_numbers_cut_to_whole_are_0_but_for_white():
    x = torch.tensor([-1.0, 0.0, 0.99, 1.0]).view(1, 1, 2, 2)
    cut = faults.cut_to_whole(Known(gaussian(), SCHEDULES["cosine"].make(), 2, 1).space, x)
    assert to_pixels(cut[0].expand(3, -1, -1))[..., 0].tolist() == [[0, 0], [0, 1]]


def test_an_exact_model_runs_as_any_other():
    """DDIM on a Gaussian keeps to the flow that is known in closed form; and clipping is the job's."""
    schedule, model = SCHEDULES["linear"].make(), gaussian(0.2, 0.3)
    engine = Known(model, schedule, 4)
    from playground.engine import job_for

    jobs = [job_for(engine, "ddim", steps=500, seed=seed) for seed in (1, 2)]
    for job in jobs:
        job.clip = False
    starts = [job.recipe[1].clone() for job in jobs]
    steps = list(engine.run(jobs))
    ends = {step.job: step.final for step in steps if step.final is not None}
    for k, start in enumerate(starts):
        levels = spaced(schedule, 500)
        want = model.flow(start, levels[0], levels[-1])[0]
        assert (ends[k] - want).abs().max() < 0.02
    assert len(steps) == 1000


def test_a_seed_of_ones_own_and_a_piece_that_is_not_there():
    run = museum({"museum": "dark", "seed": 9})
    assert {lane.settings["seed"] for lane in run.lanes} == {9}
    with pytest.raises(UserError, match="one of"):
        museum({"museum": "ghosts"})
    assert all(piece.checkpoint is None or checkpoints.known(piece.checkpoint) for piece in PIECES.values())
