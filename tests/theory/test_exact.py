"""Closed-form denoisers against autograd, against integrals done by counting, and against their own flow."""

from __future__ import annotations

import pytest
import torch

from playground.samplers import SAMPLERS, run
from playground.schedules import SCHEDULES, spaced, zero_terminal_snr
from playground.theory.exact import dataset, gaussian, mixture
from tests.references import draws, flow_1d, numbers

COSINE = SCHEDULES["cosine"].make(1000)
LEVELS = [COSINE.level(t) for t in (1, 50, 400, 800, 1000)]


def cloud():
    return mixture(draws(0)((5, 2)), torch.tensor([0.3, 0.1, 0.2, 0.5, 0.05]), torch.tensor([1, 2, 3, 1, 1]))


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: f"t={level.t:.0f}")
def test_the_score_is_the_gradient_of_the_log_density(level):
    denoise, x = cloud(), draws(1)((7, 2)).requires_grad_()
    (gradient,) = torch.autograd.grad(denoise.log_density(x, level).sum(), x)
    assert torch.allclose(denoise(x, level).score, gradient, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("level", LEVELS[1:], ids=lambda level: f"t={level.t:.0f}")
def test_x0_is_the_posterior_mean_and_the_density_is_one(level):
    """By adding up over a fine grid of x0, and of x."""
    denoise, grid = numbers(), torch.linspace(-6, 6, 20001, dtype=torch.float64)[:, None]
    spread, step = denoise.stds, 12 / 20000
    prior = (denoise.weights * torch.exp(-(((grid - denoise.means.T) / spread) ** 2) / 2) / spread).sum(1)
    for x in (-1.5, 0.0, 0.7):
        noise = (x - level.signal_rate * grid[:, 0]) / level.noise_rate
        weight = prior * torch.exp(-(noise**2) / 2)
        mean = float((weight * grid[:, 0]).sum() / weight.sum())
        assert float(denoise(torch.full((1, 1), x, dtype=torch.float64), level).x0) == pytest.approx(mean, abs=1e-6)
    assert float(denoise.log_density(grid, level).exp().sum() * step) == pytest.approx(1, abs=1e-5)


def test_shares_are_the_chances_of_the_components():
    denoise, level, x = cloud(), COSINE.level(300), draws(1)((7, 2))
    variance = level.alpha_bar * denoise.stds**2 + level.noise_rate**2
    squares = ((x[:, None] - level.signal_rate * denoise.means) ** 2).sum(-1)
    density = denoise.weights * torch.exp(-squares / (2 * variance)) / variance
    assert torch.allclose(denoise.shares(x, level), density / density.sum(1, keepdim=True), rtol=1e-10)


def test_a_mixture_of_one_is_a_gaussian():
    x, mean = draws(2)((4, 1, 3, 3)), draws(3)((1, 3, 3))
    for level in (COSINE.level(0), *LEVELS, zero_terminal_snr(COSINE).level(1000)):
        one, other = mixture(mean[None], 0.4)(x, level), gaussian(mean, 0.4)(x, level)
        assert torch.allclose(one.x0, other.x0, rtol=0, atol=1e-12)
        assert torch.allclose(one.eps, other.eps, rtol=0, atol=1e-9)
        assert torch.allclose(other.x, x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("denoise", [gaussian(0.1, 0.4), cloud()], ids=["gaussian", "mixture"])
def test_rows_at_levels_of_their_own_are_what_they_are_alone(denoise):
    x = draws(2)((5, 2))
    together = denoise(x, LEVELS, conditions=None)
    for k, level in enumerate(LEVELS):
        alone = denoise(x[k : k + 1], level)
        assert torch.allclose(together.x0[k], alone.x0[0], rtol=0, atol=1e-12)
        assert torch.allclose(together.eps[k], alone.eps[0], rtol=0, atol=1e-9)


def test_the_flow_of_a_gaussian_solves_its_equation():
    """d(x/a)/dσ = ε̂, by a central difference; and it can be walked in pieces, and back."""
    denoise, x = gaussian(0.3, torch.tensor([0.2, 1.5])), draws(1)((6, 2))
    here, low, high = (COSINE.level(t) for t in (500, 499.9, 500.1))
    slope = denoise.flow(x, here, high) / high.signal_rate - denoise.flow(x, here, low) / low.signal_rate
    assert torch.allclose(slope / (high.sigma - low.sigma), denoise(x, here).eps, rtol=0, atol=1e-6)
    there, clean = COSINE.level(200), COSINE.level(0)
    pieces = denoise.flow(denoise.flow(x, here, there), there, clean)
    assert torch.allclose(denoise.flow(x, here, clean), pieces, rtol=0, atol=1e-12)
    assert torch.allclose(denoise.flow(pieces, clean, here), x, rtol=0, atol=1e-12)


def test_the_flow_of_numbers_is_the_gaussians_where_there_is_one_component():
    x, here, there = draws(1)((6, 1)), COSINE.level(900), COSINE.level(30)
    ours = flow_1d(mixture(torch.full((1, 1), 0.3, dtype=torch.float64), 0.5), x, here, there)
    assert torch.allclose(ours, gaussian(0.3, 0.5).flow(x, here, there), rtol=0, atol=1e-9)


def test_a_finite_set_of_pictures_gives_back_only_what_it_has_seen():
    pictures = draws(4)((6, 3, 8, 8)).clamp(-1, 1)
    denoise = dataset(pictures)
    at_noise = denoise(draws(5)((2, 3, 8, 8)), zero_terminal_snr(COSINE).level(1000)).x0
    assert torch.allclose(at_noise, pictures.mean(0).expand(2, -1, -1, -1), rtol=0, atol=1e-12)
    for name in SAMPLERS:
        end = run(SAMPLERS[name].function(draws(6)((4, 3, 8, 8)), spaced(COSINE, 60), draws(7)), denoise)
        distance = (end[:, None] - pictures).abs().amax((2, 3, 4)).amin(1)
        assert distance.max() < 1e-6, name
    seen = denoise(pictures, COSINE.level(0))
    assert torch.allclose(seen.x0, pictures, rtol=0, atol=1e-12) and bool(seen.eps.isfinite().all())


def test_weights_need_not_add_up_to_1():
    x, level = draws(1)((3, 2)), COSINE.level(300)
    means = draws(0)((2, 2))
    one = mixture(means, 0.2, torch.tensor([0.25, 0.75]))(x, level)
    assert torch.equal(one.x0, mixture(means, 0.2, torch.tensor([1, 3]))(x, level).x0)
