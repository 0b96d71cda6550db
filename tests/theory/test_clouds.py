"""Point clouds: what they promise about themselves, and that the page's arithmetic (field.js) is this package's."""

from __future__ import annotations

import math

import pytest
import torch

from playground.errors import UserError
from playground.samplers import SAMPLERS
from playground.schedules import SCHEDULES, Level, spaced
from playground.theory.clouds import (
    DRAWN,
    EXTENT,
    MOST_NUMBERS,
    MOST_PARTICLES,
    MOST_POINTS,
    SHAPES,
    cloud,
    trace,
)

PLACES = ((0.9, 1.3), (-0.4, -0.2), (0.0, 0.0), (3.1, -3.1), (-2.0, 0.05))


@pytest.mark.parametrize("alpha_bar", [0.9, 0.5, 0.02])
def test_the_score_is_the_gradient_of_the_log_density(alpha_bar):
    made, level = cloud("moons"), Level(1.0, alpha_bar)
    x = torch.tensor(PLACES, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(made.denoise.log_density(x, level).sum(), x)
    torch.testing.assert_close(made.denoise(x.detach(), level).score, gradient, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("name", SHAPES)
def test_a_cloud_has_the_mean_and_spread_of_noise_and_fits_the_page(name):
    made = cloud(name)
    torch.testing.assert_close(made.points.mean(0), torch.zeros(2, dtype=torch.float64), atol=1e-12, rtol=0)
    variance = made.points.var(0, correction=0).mean() + made.std**2
    assert variance.item() == pytest.approx(1, abs=1e-12)
    assert made.points.abs().max() + 3 * made.std < EXTENT


def test_samples_have_the_spread_of_the_cloud_and_do_not_depend_on_how_many_are_asked_for():
    made = cloud("rings")
    many, eps = made.sample(MOST_PARTICLES, seed=3)
    few, noise = made.sample(10, seed=3)
    assert torch.equal(few, many[:10]) and torch.equal(noise, eps[:10])
    assert many.square().mean().item() == pytest.approx(1, abs=0.05)
    assert (torch.cdist(many, made.points).min(1).values < 5 * made.std).all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_takes_particles_from_noise_to_the_cloud(name):
    made, schedule = cloud("grid"), SCHEDULES["cosine"].make(1000)
    run = trace(made, schedule, sampler=name, steps=50, particles=400)
    assert run.paths.shape == (len(run.levels), 400, 2)
    assert run.levels[0].t == 1000 and run.levels[-1].t == 0
    assert [level.t for level in run.levels] == sorted({level.t for level in run.levels}, reverse=True)
    assert run.evaluations >= 50 * SAMPLERS[name].evaluations - 2
    nearest = torch.cdist(run.paths[-1], made.points).min(1)
    assert (nearest.values < 5 * made.std).float().mean() > 0.97
    shares = torch.bincount(nearest.indices, minlength=9) / 400
    assert shares.min() > 0.05 and shares.max() < 0.2  # every mode is found, about as often as it should be


def test_a_frame_of_ddim_is_the_state_at_its_level():
    made, schedule = cloud("moons"), SCHEDULES["linear"].make(200)
    run = trace(made, schedule, steps=4, particles=5)
    x = run.paths[0]
    for here, there, frame in zip(run.levels, run.levels[1:], run.paths[1:], strict=False):
        belief = made.denoise(x, here)
        x = there.signal_rate * belief.x0 + there.noise_rate * belief.eps
        torch.testing.assert_close(frame, x)
    assert run.index == [0, 1, 2, 3, 4] and run.evaluations == 4
    assert [level.t for level in run.levels] == [level.t for level in spaced(schedule, 4)]


@pytest.mark.parametrize("name", ["ddpm", "ddim", "langevin"])
def test_a_particle_is_the_same_in_any_company(name):
    made, schedule = cloud("spiral"), SCHEDULES["cosine"].make(100)
    few, many = (trace(made, schedule, sampler=name, steps=10, particles=n, seed=5).paths for n in (3, 40))
    torch.testing.assert_close(few, many[:, :3])
    other = trace(made, schedule, sampler=name, steps=10, particles=3, seed=6).paths
    assert not torch.allclose(few, other)


def test_a_long_run_is_thinned_to_what_the_page_can_take_and_keeps_its_ends():
    made, schedule = cloud("grid"), SCHEDULES["cosine"].make(400)
    run = trace(made, schedule, steps=400, particles=1000)
    assert run.paths.numel() <= MOST_NUMBERS and run.paths.numel() * 4 * 4 / 3 < 1_000_000
    assert run.index[0] == 0 and run.index[-1] == 400 and run.evaluations == 400
    assert len(run.levels) == len(run.index) == len(run.paths)
    whole = trace(made, schedule, steps=400, particles=10).paths
    torch.testing.assert_close(run.paths[1, :10], whole[run.index[1]])


@pytest.mark.parametrize(
    "points",
    ["1,2", [[1]], [[1, 2, 3]], [["a", 0]], [[True, 0]], [[math.nan, 0]], [[0, 1e9]], [[0, 0]] * (MOST_POINTS + 1), 7],
)
def test_a_bad_drawing_is_refused_with_a_sentence(points):
    with pytest.raises(UserError, match="[Pp]oint"):
        cloud(DRAWN, points)


def test_too_much_work_is_refused_before_it_is_done():
    made, schedule = cloud("moons"), SCHEDULES["cosine"].make(1000)
    for asked in ({"particles": 2000}, {"sampler": "langevin", "particles": 100, "knobs": {"corrections": 20}}):
        with pytest.raises(UserError, match="fewer"):
            trace(made, schedule, steps=1000, **asked)


def test_an_unknown_cloud_is_refused_with_the_choices():
    with pytest.raises(UserError, match="moons, spiral, rings, grid, draw"):
        cloud("galaxy")
