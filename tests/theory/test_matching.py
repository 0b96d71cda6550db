"""Score matching by numbers: against closed forms of a Gaussian, autograd, and the theorems on a mixture."""

import pytest
import torch

from playground.errors import UserError
from playground.schedules import SCHEDULES
from playground.theory.clouds import cloud
from playground.theory.exact import mixture
from playground.theory.matching import draws, losses

LEVEL = SCHEDULES["cosine"].make().level(400)


def test_the_divergence_is_that_of_the_score():
    model = mixture(torch.tensor([[0.3, -1.0], [1.0, 0.2], [-0.5, 0.4]]), [0.2, 0.5, 0.1], [1.0, 2.0, 1.5])
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    score = model(x, LEVEL).score
    rows = [torch.autograd.grad(score[:, k].sum(), x, retain_graph=True)[0][:, k] for k in range(2)]
    torch.testing.assert_close(model.divergence(x, LEVEL), sum(rows))


def test_a_gaussian_has_its_closed_forms():
    """Data N(0, σ²) at a level is N(0, v); the score is −x/v, and −c·x/v has these losses, per dimension."""
    model, sigma2 = mixture(torch.zeros(1, 2), 0.5), 0.25
    v, noise = LEVEL.alpha_bar * sigma2 + LEVEL.noise_rate**2, LEVEL.noise_rate
    factors = (0.5, 0.8, 1.0, 1.3)
    made, constants = losses(model, LEVEL, factors, count=200_000)
    for c, seen in zip(factors, made, strict=True):
        assert seen.explicit == pytest.approx((1 - c) ** 2 / (2 * v), rel=0.01, abs=1e-12)
        assert seen.implicit == pytest.approx(c**2 / (2 * v) - c / v, rel=0.01)
        assert seen.denoising == pytest.approx((c**2 - 2 * c) / (2 * v) + 1 / (2 * noise**2), rel=0.01)
    assert constants.implicit == pytest.approx(-1 / (2 * v), rel=0.01)
    assert constants.denoising == pytest.approx(1 / (2 * noise**2) - 1 / (2 * v), rel=0.02)


@pytest.mark.parametrize("name", ["moons", "grid"])
def test_all_three_differ_by_the_constants_of_the_theorems_and_have_one_best_score(name):
    factors = (0.6, 0.8, 1.0, 1.2, 1.4)
    made, constants = losses(cloud(name).denoise, LEVEL, factors)
    for seen in made:
        pairs = (seen.implicit_above, constants.implicit), (seen.denoising_above, constants.denoising)
        for (gap, error), told in pairs:
            assert abs(gap - told) < 4 * error
    for loss in ("explicit", "implicit", "denoising"):
        assert min(range(5), key=lambda k: getattr(made[k], loss)) == 2  # the true score


def test_draws_are_noised_data_and_there_are_none_at_0():
    model = cloud("rings").denoise
    x, eps = draws(model, LEVEL, 50_000, seed=1)
    variance = LEVEL.alpha_bar + LEVEL.noise_rate**2  # a cloud has variance 1 per axis, on average over both
    assert x.var(0).mean().item() == pytest.approx(variance, rel=0.02)
    assert (x * eps).mean().item() == pytest.approx(LEVEL.noise_rate, rel=0.03)
    with pytest.raises(UserError, match="t = 0"):
        draws(model, SCHEDULES["cosine"].make().level(0), 10, seed=1)
