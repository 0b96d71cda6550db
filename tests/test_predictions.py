"""Conversions, the forward process and its posterior, against diffusers and against Bayes' rule."""

from __future__ import annotations

import math

import pytest
import torch
from diffusers import DDPMScheduler

from playground.errors import UserError
from playground.predictions import (
    KINDS,
    Prediction,
    beliefs,
    clip,
    guide,
    posterior,
    posterior_weights,
    q_sample,
    q_step,
)
from playground.schedules import SCHEDULES, Level, zero_terminal_snr

LINEAR = SCHEDULES["linear"].make(1000)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X0, EPS = randn(4, 3, 5, 5), randn(4, 3, 5, 5, seed=1)
ROWS = [LINEAR.level(t) for t in (1, 20, 500, 999)]


def close(one: torch.Tensor, other: torch.Tensor, atol: float = 1e-11) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=atol)


@pytest.mark.parametrize("level", [LINEAR.level(1), LINEAR.level(300.5), LINEAR.level(1000), ROWS], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_any_output_gives_back_what_went_in(kind, level):
    x = q_sample(X0, level, EPS)
    truth = Prediction(X0, EPS, level)
    prediction = Prediction.from_output(kind, getattr(truth, kind), x, level)
    assert close(prediction.x0, X0, 1e-10) and close(prediction.eps, EPS, 1e-10)
    for other in KINDS:
        assert close(getattr(prediction, other), getattr(truth, other), 1e-8), other
    assert close(prediction.x, x)


def test_forward_process_and_velocity_are_those_of_diffusers():
    scheduler = DDPMScheduler(1000)
    scheduler.alphas_cumprod = LINEAR.alpha_bar[1:]
    i = torch.tensor([level.t for level in ROWS]).long() - 1
    assert close(q_sample(X0, ROWS, EPS), scheduler.add_noise(X0, EPS, i), 1e-14)
    assert close(Prediction(X0, EPS, ROWS).v, scheduler.get_velocity(X0, EPS, i), 1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_at_levels_of_their_own_are_what_they_are_alone(kind):
    x, output = randn(4, 3, 5, 5, seed=2), randn(4, 3, 5, 5, seed=3)
    together = Prediction.from_output(kind, output, x, ROWS)
    for k, level in enumerate(ROWS):
        alone = Prediction.from_output(kind, output[k : k + 1], x[k : k + 1], level)
        for name in ("x0", "eps", "v", "score", "x"):
            assert close(getattr(together, name)[k : k + 1], getattr(alone, name), 1e-8), name
        assert close(clip(together).eps[k : k + 1], clip(alone).eps)
    assert Prediction.from_output(kind, output.float(), x.float(), ROWS).x0.dtype == torch.float32


def test_where_no_signal_is_left_v_and_x0_work_and_eps_is_refused_in_a_sentence():
    noise = zero_terminal_snr(LINEAR).level(1000)
    x = randn(4, 3, 5, 5)
    assert torch.equal(Prediction.from_output("v", -X0, x, noise).x0, X0)
    assert torch.equal(Prediction.from_output("v", -X0, x, noise).eps, x)
    assert torch.equal(Prediction.from_output("x0", X0, x, noise).eps, x)
    for kind in ("eps", "score"):
        for level in (noise, [noise, *ROWS[1:]]):
            with pytest.raises(UserError, match="zero terminal SNR"):
                Prediction.from_output(kind, EPS, x, level)
    with pytest.raises(ValueError, match="kind"):
        Prediction.from_output("sample", EPS, x, noise)


def test_on_the_clean_picture_everything_is_finite_but_the_score():
    clean = LINEAR.level(0)
    for kind in KINDS:
        for level in (clean, [clean, *ROWS[1:]]):
            prediction = Prediction.from_output(kind, X0 if kind == "x0" else EPS, X0, level)
            assert torch.equal(prediction.x0[0], X0[0]) and bool(prediction.eps.isfinite().all())
            assert bool(clip(prediction).eps.isfinite().all())


# -------------------------------------------------------------------------------------------- the chain


def test_the_chain_adds_up_to_the_closed_form():
    """x_t is linear in x0 and in the noise of each step: their weights give mean and variance exactly."""
    for schedule in (SCHEDULES["cosine"].make(50), zero_terminal_snr(SCHEDULES["linear"].make(50))):
        unit = torch.eye(51, dtype=torch.float64)
        x = unit[0]
        for t in range(1, 51):
            x = q_step(x, schedule, t, unit[t])
            level = schedule.level(t)
            assert float(x[0]) == pytest.approx(level.signal_rate, abs=1e-12)
            assert float((x[1:] ** 2).sum()) == pytest.approx(level.noise_rate**2, abs=1e-12)


@pytest.mark.parametrize("t", [1, 2, 400, 1000])
@pytest.mark.parametrize("schedule", [LINEAR, zero_terminal_snr(LINEAR)], ids=["linear", "zero"])
def test_posterior_is_bayes_rule(schedule, t):
    """Condition the joint Gaussian of (x_{t−1}, x_t) given x0 on x_t."""
    before, here = schedule.level(t - 1), schedule.level(t)
    keep = math.sqrt(float(schedule.alpha[t]))
    v, gain = 1 - before.alpha_bar, keep * (1 - before.alpha_bar) / (1 - here.alpha_bar)
    mean, variance = posterior(X0, EPS, schedule, t)
    assert close(mean, before.signal_rate * X0 + gain * (EPS - keep * before.signal_rate * X0))
    assert variance == pytest.approx(v - gain * keep * v, abs=1e-14)
    assert variance == pytest.approx(float(schedule.posterior_variance[t]), abs=1e-14)


def test_posterior_over_many_steps_is_that_of_the_single_ones_put_together():
    there, between, here = LINEAR.level(100), LINEAR.level(400), LINEAR.level(700)
    (a0, ax, av), (b0, bx, bv) = posterior_weights(here, between), posterior_weights(between, there)
    assert posterior_weights(here, there) == pytest.approx((b0 + bx * a0, bx * ax, bv + bx**2 * av))


def test_posterior_of_the_first_step_is_the_picture():
    mean, variance = posterior(X0, EPS, LINEAR, 1)
    assert close(mean, X0) and variance == 0


# -------------------------------------------------------------------------------------------- guidance, clipping


def test_guidance_1_is_conditional_and_0_unconditional_to_the_last_bit():
    level = LINEAR.level(300)
    x = randn(4, 3, 5, 5, seed=4)
    uncond, cond = (Prediction.from_output("eps", randn(4, 3, 5, 5, seed=seed), x, level) for seed in (5, 6))
    for one, zero in ((1.0, 0.0), (1, 0), (torch.ones(4, 1, 1, 1).double(), torch.zeros(4, 1, 1, 1).double())):
        assert torch.equal(guide(uncond, cond, one).eps, cond.eps) and torch.equal(guide(uncond, cond, one).x0, cond.x0)
        assert torch.equal(guide(uncond, cond, zero).eps, uncond.eps)
        assert torch.equal(guide(uncond, cond, zero).x0, uncond.x0)
    for w in (-1.0, 0.3, 2.0, 7.5):
        guided = guide(uncond, cond, w)
        assert close(guided.eps, uncond.eps + w * (cond.eps - uncond.eps)) and close(guided.x, x)
    mixed = guide(uncond, cond, torch.tensor([0.0, 1.0, 2.0, 3.0]).double().view(4, 1, 1, 1))
    assert torch.equal(mixed.eps[1], cond.eps[1]) and close(mixed.eps[3:], guide(uncond, cond, 3.0).eps[3:])


def test_clipping_keeps_x():
    for level in (LINEAR.level(500), ROWS):
        x = q_sample(3 * X0, level, EPS)
        clipped = clip(Prediction(3 * X0, EPS, level))
        assert clipped.x0.abs().max() == 1 and close(clipped.x, x, 1e-10)
        inside = (3 * X0).abs() <= 1
        assert torch.equal(clipped.x0[inside], (3 * X0)[inside]) and torch.equal(clipped.eps[inside], EPS[inside])
    assert clip(Prediction(X0, EPS, Level(1, 0.5)), 0.5).x0.abs().max() == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_beliefs_of_many_at_once_are_those_of_each_to_the_bit(kind):
    """Read, guided and clipped one after the other, as one operation does it for all."""
    draw = torch.Generator().manual_seed(3)
    x, output = torch.randn(7, 3, 8, 8, generator=draw).double(), torch.randn(7, 3, 8, 8, generator=draw)
    levels = [SCHEDULES["cosine"].make().level(t) for t in (999, 20, 500, 20, 1, 500, 3)]
    told, without, scales = [0, 1, 2, 4, 6], [0, 3, 5, 4, 6], [1.0, 2.5, -3.0, 1.0, 0.0]
    limits = [1.0, math.inf, 1.0, 0.5, math.inf]
    for pictures in (range(5), (0, 3, 4)):  # some of them guided, and none
        rows = sorted({told[k] for k in pictures} | {without[k] for k in pictures})
        place = {row: number for number, row in enumerate(rows)}
        seen = beliefs(
            kind,
            output[rows],
            x[rows],
            [levels[row] for row in rows],
            [scales[k] for k in pictures],
            [limits[k] for k in pictures],
            [place[told[k]] for k in pictures],
            [place[without[k]] for k in pictures],
        )
        for k, (x0, eps) in zip(pictures, seen, strict=True):
            with_it, without_it = (
                Prediction.from_output(kind, output[row : row + 1].double(), x[row : row + 1], levels[row])
                for row in (told[k], without[k])
            )
            wanted = clip(guide(without_it, with_it, scales[k]) if told[k] != without[k] else with_it, limits[k])
            assert torch.equal(x0, wanted.x0) and torch.equal(eps, wanted.eps)
            assert x0.untyped_storage().nbytes() == 3 * 8 * 8 * 8


@pytest.mark.parametrize("kind", ["eps", "score"])
def test_beliefs_of_noise_where_no_signal_is_left_are_refused(kind):
    nothing = torch.zeros(1, 3, 8, 8)
    with pytest.raises(UserError, match="no signal is left"):
        beliefs(kind, nothing, nothing.double(), [Level(1000.0, 0.0)], [1.0], [1.0], [0], [0])
