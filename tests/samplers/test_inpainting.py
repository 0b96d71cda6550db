"""Filling a hole: against RePaint's algorithm written down plainly, and against what is true of Gaussian data."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch import Tensor

from playground.predictions import Prediction, rates
from playground.samplers import SAMPLERS, run
from playground.samplers.inpainting import Hole, fill, filled, renoised, stretches
from playground.schedules import SCHEDULES, spaced
from playground.theory.exact import gaussian
from tests.references import draws, model

LINEAR = SCHEDULES["linear"].make(1000)
MASK = torch.zeros(1, 1, 4, 4, dtype=torch.bool)
MASK[..., 1:3, 1:4] = True


# -------------------------------------------------------------------------------------------- the order of the steps


def published(t_T: int, jump_length: int, jump_n_sample: int) -> list[int]:
    """RePaint's own schedule (get_schedule_jump of its authors' code): t goes down, and up again."""
    jumps = {j: jump_n_sample - 1 for j in range(0, t_T - jump_length, jump_length)}
    t, ts = t_T, []
    while t >= 1:
        t -= 1
        ts.append(t)
        if jumps.get(t, 0) > 0:
            jumps[t] -= 1
            for _ in range(jump_length):
                t += 1
                ts.append(t)
    return [*ts, -1]


@pytest.mark.parametrize("steps, jump, r", [(250, 10, 10), (250, 1, 3), (7, 3, 2), (4, 3, 2), (3, 3, 2), (1, 1, 5)])
def test_the_steps_come_in_the_published_order(steps, jump, r):
    walked = [steps - 1]  # what is left to do, less one: RePaint's t
    for stretch, times in stretches(steps, r, jump):
        for turn in range(times):
            walked += list(range(walked[-1] + 1, walked[-1] + len(stretch))) if turn else []
            walked += [steps - 1 - k for k in stretch[1:]]
    assert walked == published(steps, jump, r)


def test_going_back_is_what_the_links_of_the_chain_do_one_by_one():
    here, there = LINEAR.level(40), LINEAR.level(30)
    signal, variance = 1.0, 0.0
    for t in range(31, 41):
        signal, variance = signal * LINEAR.alpha[t].sqrt(), LINEAR.alpha[t] * variance + LINEAR.beta[t]
    one, nothing = torch.ones(1).double(), torch.zeros(1).double()
    assert torch.allclose(renoised(one, there, here, nothing), signal * one, atol=1e-13)
    assert torch.allclose(renoised(nothing, there, here, one), variance.sqrt() * one, atol=1e-13)


# -------------------------------------------------------------------------------------------- the law of what is made
#
# Three numbers that belong together, one of them known. The best denoiser of Gaussian data is linear, so each number of
# a run is a row of coefficients, of 1 and of every draw: its mean and covariance are exact, without a single draw.

COVARIANCE = np.array([[1.0, 0.8, 0.3], [0.8, 1.2, 0.5], [0.3, 0.5, 0.7]])
KNOWN, FREE = 0, [1, 2]
VALUE = 1.5


def belief(level) -> np.ndarray:
    """x̂0 of each x of noised N(0, COVARIANCE): a·C·(a²·C + s²)^−1."""
    a, s = level.signal_rate, level.noise_rate
    return a * COVARIANCE @ np.linalg.inv(a**2 * COVARIANCE + s**2 * np.eye(3))


def correlated(x: Tensor, level) -> Prediction:
    x0 = x @ torch.from_numpy(belief(level)).T
    a, s = rates(level, x)
    return Prediction(x0, (x - a * x0) / s, level)


def law(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the free numbers, of rows (symbols, 3) whose first symbol is 1."""
    free = rows[:, FREE]
    return free[0], free[1:].T @ free[1:]


def ours(levels, r: int, jump: int) -> tuple[np.ndarray, np.ndarray]:
    symbols = 1 + 3 * 4 * len(levels) * r
    fresh = iter(range(1, symbols, 3))

    def noise(shape):
        drawn, at = torch.zeros(*shape, dtype=torch.float64), next(fresh)
        drawn[0, at : at + 3, 0] = torch.eye(3, dtype=torch.float64)
        return drawn

    known = torch.zeros(1, symbols, 1, 3, dtype=torch.float64)
    known[0, 0, 0, KNOWN] = VALUE
    mask = torch.tensor([False, True, True]).view(1, 1, 1, 3)
    x = noise(known.shape)
    made = run(fill(SAMPLERS["ddpm"].function, x, levels, noise, Hole(known, mask, r, jump)), correlated)
    assert torch.equal(made[..., KNOWN], known[..., KNOWN])
    return law(made[0, :, 0].numpy())


def algorithm_1(levels, r: int, jump: int) -> tuple[np.ndarray, np.ndarray]:
    """Lugmayr et al. 2022, step by step in its own order: known from eq. 8a, unknown from 8b, joined by 8c; then back
    by q(x_t | x_{t−1}), a link at a time. Begins with the known number noised, as everywhere else."""
    symbols, fresh = 1 + 3 * 6 * len(levels) * r * jump, iter(range(1, 10**6))

    def one():
        row = np.zeros(symbols)
        row[next(fresh)] = 1
        return row

    def noised(level):
        row = level.noise_rate * one()
        row[0] += level.signal_rate * VALUE
        return row

    n = len(levels) - 1
    x = np.stack([noised(levels[0]), one(), one()], axis=1)  # (symbols, 3)
    times = published(n, jump, r)
    for now, then in zip(times, times[1:], strict=False):
        here, there = levels[n - 1 - now], levels[n - 1 - then]
        if then > now:
            alpha = there.alpha_bar / here.alpha_bar
            x = np.sqrt(alpha) * x + np.sqrt(1 - alpha) * np.stack([one(), one(), one()], axis=1)
            continue
        alpha = here.alpha_bar / there.alpha_bar
        x0 = x @ belief(here).T
        left = 1 - here.alpha_bar
        mean = (there.signal_rate * (1 - alpha) * x0 + np.sqrt(alpha) * (1 - there.alpha_bar) * x) / left
        spread = np.sqrt((1 - alpha) * (1 - there.alpha_bar) / left)
        x = mean + spread * np.stack([one(), one(), one()], axis=1)
        x[:, KNOWN] = noised(there)
    return law(x)


@pytest.mark.parametrize("r, jump", [(1, 1), (2, 3), (3, 1)])
def test_repaint_is_its_algorithm_1(r, jump):
    levels = spaced(LINEAR, 10)
    for mine, theirs in zip(ours(levels, r, jump), algorithm_1(levels, r, jump), strict=True):
        assert np.allclose(mine, theirs, atol=1e-12)


def test_resampling_brings_what_is_made_nearer_to_what_is_true():
    """The Gaussian's own conditional has the mean C_fk/C_kk·value. Replacement alone comes half-way there."""
    mean = COVARIANCE[FREE, KNOWN] / COVARIANCE[KNOWN, KNOWN] * VALUE
    off = [np.abs(ours(spaced(LINEAR, 40), r, 5)[0] - mean).max() for r in (1, 2, 4, 8)]
    assert all(before > 1.3 * after for before, after in zip(off, off[1:], strict=False)) and off[0] > 3 * off[-1], off


# -------------------------------------------------------------------------------------------- every sampler


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("r", [1, 2])
def test_what_is_known_stays_to_the_last_bit_and_is_shown_at_every_level(name, r):
    noise, x0 = draws(1), draws(2)((1, 3, 4, 4)).clamp(-1, 1)
    asked = []

    def seen(x, level):
        asked.append((x, level))
        return model()(x, level)

    hole = Hole(x0, MASK, r, 2)
    made = run(fill(SAMPLERS[name].function, noise((1, 3, 4, 4)), spaced(LINEAR, 6), noise, hole), seen)
    outside = ~MASK.expand_as(made)
    assert torch.equal(made[outside], x0[outside]) and not torch.equal(made[~outside], x0[~outside])
    assert made.isfinite().all()
    off = torch.cat([((x - level.signal_rate * x0) / level.noise_rate)[outside] for x, level in asked])
    assert abs(off.mean()) < 0.15 and abs(off.std() - 1) < 0.1  # x0 and standard noise, at whatever level


def test_what_is_made_does_not_depend_on_what_the_sampler_thinks_of_the_known_part():
    """Pixels that the model keeps apart are filled as if there were no mask at all."""
    denoise, x0, x = gaussian(0.3, 0.5), torch.zeros(1, 1, 4, 4).double(), draws(3)((1, 1, 4, 4))
    levels = spaced(LINEAR, 12)
    plain = run(SAMPLERS["unipc"].function(x, levels, draws(4)), denoise)
    masked = run(filled(SAMPLERS["unipc"].function(x, levels, draws(4)), Hole(x0, MASK), draws(5)), denoise)
    assert torch.equal(masked[MASK], plain[MASK])


def test_a_hole_travels():
    hole = pickle.loads(pickle.dumps(Hole(torch.ones(1, 1, 4, 4), MASK, 3, 4)))
    assert torch.equal(hole.mask, MASK) and hole.x0.sum() == 16 and (hole.resamplings, hole.jump) == (3, 4)
