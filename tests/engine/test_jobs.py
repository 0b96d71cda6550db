"""Jobs from plain settings, against the levels and the noise that they should have."""

import pickle

import pytest
import torch

from playground.checkpoints import load
from playground.engine import job_for
from playground.errors import UserError
from playground.samplers import SAMPLERS, run
from playground.samplers.inpainting import Hole
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, spaced
from playground.theory.exact import gaussian

MODEL = gaussian(torch.zeros(3, 16, 16, dtype=torch.float64), 0.3)


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint):
    return load(tiny_checkpoint)


def asked(job):
    """What the sampler asks on its way: (x, level) of every question, and the picture."""
    queries = []
    final = run(job.sampler, MODEL, lambda x, level, prediction: queries.append((x, level)))
    return queries, final


def test_starts_from_the_first_draw_of_the_seed_on_a_cpu_generator(checkpoint):
    (x, level), *_ = asked(job_for(checkpoint, seed=5))[0]
    torch.manual_seed(5)
    assert torch.equal(x, torch.randn(1, 3, 16, 16).double()) and level == checkpoint.schedule.level(1000)


def test_a_seed_is_a_sequence_of_its_own():
    a, b = noise_of(3), noise_of(3)
    torch.manual_seed(99)  # nobody's business
    first, second = a((1, 3, 4, 4)), a((1, 3, 4, 4))
    assert torch.equal(first, b((1, 3, 4, 4))) and torch.equal(second, b((1, 3, 4, 4)))
    assert not torch.equal(first, second) and first.dtype == torch.float64


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_asks_as_often_as_the_hint_says(checkpoint, name):
    job = job_for(checkpoint, name, steps=6, seed=1)
    queries, final = asked(job)
    assert len(queries) == job.steps_hint and final.shape == (1, 3, 16, 16)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("r", [1, 3])
def test_a_hole_is_filled_in_as_many_questions_as_the_hint_says_and_travels(checkpoint, name, r):
    x0 = torch.full((1, 3, 16, 16), 0.5).double()
    mask = torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    mask[..., :8, :] = True
    job = job_for(checkpoint, name, steps=6, seed=1, hole=Hole(x0, mask, r, 2))
    sent = pickle.loads(pickle.dumps(job))
    queries, final = asked(job)
    assert len(queries) == job.steps_hint and (r == 1) == (job.steps_hint == job_for(checkpoint, name, 6).steps_hint)
    assert torch.equal(final[..., 8:, :], x0[..., 8:, :]) and torch.equal(asked(sent)[1], final)


@pytest.mark.parametrize(("strength", "steps"), [(1.0, 10), (0.6, 6), (0.05, 0), (0.0, 0)])
def test_a_start_picture_is_noised_to_the_strength_and_only_the_rest_is_run(checkpoint, strength, steps):
    start = torch.linspace(-1, 1, 3 * 16 * 16).reshape(3, 16, 16)
    queries, final = asked(job_for(checkpoint, steps=10, seed=2, start=start, strength=strength))
    assert len(queries) == steps
    if not steps:
        assert torch.equal(final[0], start.double())
        return
    x, level = queries[0]
    assert level == spaced(checkpoint.schedule, 10)[10 - steps]
    noise = noise_of(2)((1, 3, 16, 16))
    torch.testing.assert_close(x, level.signal_rate * start.double()[None] + level.noise_rate * noise)


def test_another_schedules_levels_are_told_in_the_networks_own_time(checkpoint):
    linear = SCHEDULES["linear"].make(T=1000)
    queries, _ = asked(job_for(checkpoint, steps=10, seed=2, schedule=linear))
    wanted = spaced(linear, 10)[:-1]
    assert [level.alpha_bar for _, level in queries] == [level.alpha_bar for level in wanted]
    for _, level in queries[1:]:
        assert checkpoint.schedule.level(level.t).alpha_bar == pytest.approx(level.alpha_bar, rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sampler": "magic"}, "no sampler “magic”; there are .*ddim"),
        ({"churn": 1.0}, "sampler ddim has no setting called churn"),
        ({"eta": 7.0}, "between 0.0 and 1.0; you gave 7.0"),
        ({"steps": 0}, "Steps must be"),
        ({"spacing": "odd"}, "Spacing must be"),
        ({"start": torch.zeros(3, 16, 16), "strength": 1.5}, "Strength must be between 0 and 1"),
        ({"start": torch.zeros(3, 16, 16), "strength": float("nan")}, "Strength must be between 0 and 1"),
    ],
)
def test_what_cannot_be_done_is_said(checkpoint, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        job_for(checkpoint, **settings)


def test_a_knob_left_open_is_the_samplers_own(checkpoint):
    open_, set_ = (asked(job_for(checkpoint, steps=4, seed=1, **k))[1] for k in ({"eta": None}, {"eta": 0.0}))
    assert torch.equal(open_, set_)
