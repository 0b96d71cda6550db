"""A step as a sum: its weights against the papers' formulas, and its parts against what the sampler does."""

from __future__ import annotations

import math

import pytest
import torch

from playground.predictions import posterior_weights
from playground.samplers import SAMPLERS, count_evaluations, run
from playground.samplers.anatomy import BEFORE, FORMULAS, weights
from playground.schedules import SCHEDULES, spaced, zero_terminal_snr
from tests.references import draws, model

LINEAR, COSINE = SCHEDULES["linear"].make(1000), SCHEDULES["cosine"].make(1000)
KNOBS = [
    *((name, {}) for name in SAMPLERS),
    ("ddim", {"eta": 0.7}), ("ddpm", {"variance": "beta"}), ("heun", {"churn": 30.0}), ("dpmpp_2m_sde", {"eta": 0.5}),
    ("langevin", {"predictor": "none", "corrections": 2}), ("euler_ancestral", {"eta": 0.3}),
]  # fmt: skip


def lived(name, levels, **knobs):
    """Every question of a run on a real denoiser with its answer, the draws between, and the end."""
    asked, noise = [], draws(2)
    drawn = []

    def recorded(shape):
        drawn.append(noise(shape))
        return drawn[-1]

    before = []

    def record(x, level, prediction):
        asked.append((x, level, prediction))
        before.append(len(drawn))

    x = draws(1)((2, 3, 4, 4))
    end = run(SAMPLERS[name].function(x, levels, recorded, **knobs), model(), record)
    return asked, drawn, [*before[1:], len(drawn)], before, end


@pytest.mark.parametrize("schedule", [LINEAR, COSINE, zero_terminal_snr(LINEAR)], ids=["linear", "cosine", "zero"])
@pytest.mark.parametrize(("name", "knobs"), KNOBS)
def test_the_parts_of_every_step_add_up_to_the_next_x(name, knobs, schedule):
    levels = spaced(schedule, 9)
    asked, drawn, until, since, end = lived(name, levels, **knobs)
    found = weights(name, levels, **knobs)
    assert len(found) == len(asked) == count_evaluations(name, levels, **knobs)
    for k, step in enumerate(found):
        x, level, _ = asked[k]
        after, there = asked[k + 1][:2] if k + 1 < len(asked) else (end, levels[-1])
        assert (step.here, step.there) == (level, there)
        total = torch.zeros_like(x)
        for term in step.weights:
            if term.of in ("x0", "eps"):
                value = getattr(asked[k - term.ago][2], term.of)
            else:
                value = x if term.of == "x" else drawn[since[k] : until[k]][term.ago]
            total += term.weight * value
        assert (total - after).abs().max() < 1e-12 * max(1, float(after.abs().max())), (k, step.weights)
        assert all(term.ago < BEFORE for term in step.weights)


def of(step) -> dict:
    return {(term.of, term.ago): term.weight for term in step.weights}


def test_ddpm_is_equations_6_and_7():
    levels = spaced(LINEAR, 10)
    for step in weights("ddpm", levels)[:-1]:
        x0, x, variance = posterior_weights(step.here, step.there)
        assert of(step) == pytest.approx({("x0", 0): x0, ("x", 0): x, ("z", 0): math.sqrt(variance)}, rel=1e-9)


def test_ddim_is_equation_12():
    for step in weights("ddim", spaced(LINEAR, 10), eta=0.5)[:-1]:
        variance = 0.25 * posterior_weights(step.here, step.there)[2]
        a, s = step.there.signal_rate, step.there.noise_rate
        wanted = {("x0", 0): a, ("eps", 0): math.sqrt(s**2 - variance), ("z", 0): math.sqrt(variance)}
        assert of(step) == pytest.approx(wanted, rel=1e-9)
    assert set(of(weights("ddim", spaced(LINEAR, 10))[3])) == {("x0", 0), ("eps", 0)}


def test_second_orders_look_one_question_back():
    levels = spaced(COSINE, 10, "log_snr")
    step = weights("dpmpp_2m", levels)[4]
    before, here, there = levels[3:6]
    h, r = (there.log_snr - here.log_snr) / 2, (here.log_snr - before.log_snr) / (there.log_snr - here.log_snr)
    whole = there.signal_rate * -math.expm1(-h)
    wanted = {("x0", 0): whole * (1 + 0.5 / r), ("x0", 1): -whole * 0.5 / r}
    wanted[("x", 0)] = there.noise_rate / here.noise_rate
    assert of(step) == pytest.approx(wanted, rel=1e-9)
    step = weights("heun", spaced(LINEAR, 10))[9]  # the second question of a step: the mean of both slopes
    turn = (step.there.sigma - weights("heun", spaced(LINEAR, 10))[8].here.sigma) / 2 * step.there.signal_rate
    assert of(step) == pytest.approx({("x", 0): 1.0, ("eps", 0): turn, ("eps", 1): -turn}, rel=1e-9)


def test_a_part_of_the_run_is_enough_and_every_sampler_has_a_formula():
    levels = spaced(LINEAR, 12)
    for name in SAMPLERS:
        assert weights(name, levels, 5) == weights(name, levels)[:6]
        assert any("x′" in line for line in FORMULAS[name])
    assert set(FORMULAS) == set(SAMPLERS)
