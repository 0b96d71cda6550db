"""The bound's terms against closed forms: where the data is Gaussian and the denoiser exact, all of them are known."""

import math

import pytest
import torch

from playground.errors import UserError
from playground.predictions import Prediction, posterior
from playground.samplers import run
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, NoiseSchedule, zero_terminal_snr
from playground.theory.exact import Gaussian
from playground.theory.objective import (
    Misses,
    asking,
    bound,
    chances,
    discretised_nll,
    drawn,
    interpolated,
    loss_weight,
    mean_misses,
    misses,
    normal_kl,
    posterior_coefficients,
    prior_kl,
    reverse_variance,
    step_weight,
)

f64 = torch.float64
KINDS = ("linear", "cosine", "quadratic", "sigmoid_alpha_bar")


def integral(values, x):
    return torch.trapezoid(values, x).item()


def normal(x, mean, variance):
    return torch.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


@pytest.mark.parametrize("mean1, var1, mean2, var2", [(0.0, 1.0, 0.0, 1.0), (0.3, 0.5, -0.2, 2.0), (1, 2, 0, 0.1)])
def test_kl_of_normals_is_the_integral_it_stands_for(mean1, var1, mean2, var2):
    x = torch.linspace(-20, 20, 400_001, dtype=f64)
    p, q = normal(x, mean1, var1), normal(x, mean2, var2)
    want = integral(torch.where(p > 1e-300, p * (p.clamp(min=1e-300).log() - q.clamp(min=1e-300).log()), 0 * p), x)
    got = normal_kl(*(torch.tensor(v, dtype=f64) for v in (mean1, var1, mean2, var2))).item()
    assert got == pytest.approx(want, abs=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_posterior_coefficients_are_those_of_the_posterior(name):
    schedule = SCHEDULES[name].make(50)
    x0, x = torch.tensor([[0.3, -1.0]], dtype=f64), torch.tensor([[1.2, 0.4]], dtype=f64)
    of_x0, of_x = posterior_coefficients(schedule)
    for t in (1, 2, 25, 50):
        mean, variance = posterior(x0, x, schedule, t)
        assert torch.allclose(of_x0[t] * x0 + of_x[t] * x, mean, atol=1e-14)
        variance = variance if t > 1 else posterior(x0, x, schedule, 2)[1]
        assert reverse_variance(schedule)[t].item() == pytest.approx(variance)
    assert of_x0[1] == 1 and of_x[1] == 0  # at t = 1 the posterior is x0 itself


@pytest.mark.parametrize("variance", ["beta", "beta_tilde"])
@pytest.mark.parametrize("name", KINDS)
def test_a_step_costs_the_kl_of_its_two_gaussians(name, variance):
    """L_{t−1} from the error of x̂0 is KL(q(x_{t−1}|x_t, x0) ‖ N(μ̃(x_t, x̂0), σ²)), written out."""
    schedule = SCHEDULES[name].make(40)
    x0, x0_hat, x = (torch.tensor([[v]], dtype=f64) for v in (0.4, 0.1, 0.7))
    weight, constant = step_weight(schedule, variance)
    for t in (2, 3, 20, 39):
        mean, beta_tilde = posterior(x0, x, schedule, t)
        guess, _ = posterior(x0_hat, x, schedule, t)
        sigma2 = reverse_variance(schedule, variance)[t]
        want = normal_kl(mean, torch.tensor(beta_tilde, dtype=f64), guess, sigma2).item()
        assert (weight[t] * (x0 - x0_hat) ** 2 + constant[t]).item() == pytest.approx(want, rel=1e-9)
    assert weight[0] == weight[1] == constant[1] == 0


@pytest.mark.parametrize("name", KINDS)
def test_lambda_is_the_weight_of_the_noise_error(name):
    """‖x0 − x̂0‖² = (1−ᾱ)/ᾱ·‖ε − ε̂‖² at one x_t, so λ_t must be step_weight·(1−ᾱ)/ᾱ (Ho et al. 2020, eq. 10, 12)."""
    schedule = SCHEDULES[name].make(100)
    ab = schedule.alpha_bar
    for variance in ("beta", "beta_tilde"):
        want = step_weight(schedule, variance)[0] * (1 - ab) / ab
        assert torch.allclose(loss_weight(schedule, variance)[2:], want[2:], rtol=1e-9)
    # half the fall of the signal-to-noise ratio, in units of the x0 error: Kingma et al. 2021, eq. 14
    snr = ab / (1 - ab)
    assert torch.allclose(step_weight(schedule, "beta_tilde")[0][2:], 0.5 * (snr[1:-1] - snr[2:]), rtol=1e-9)
    assert math.isnan(loss_weight(schedule)[0])


def test_prior_kl_is_the_integral():
    schedule = SCHEDULES["linear"].make(100)  # much signal is left at T
    ab = schedule.alpha_bar[-1].item()
    x = torch.linspace(-12, 12, 200_001, dtype=f64)
    p, q = normal(x, math.sqrt(ab) * 0.6, 1 - ab), normal(x, 0, 1)
    want = integral(torch.where(p > 1e-300, p * (p.clamp(min=1e-300) / q.clamp(min=1e-300)).log(), 0 * p), x)
    assert prior_kl(torch.tensor([0.6]), schedule).item() == pytest.approx(want, abs=1e-8)


@pytest.mark.parametrize("mean, std", [(0.1, 0.02), (-0.97, 0.006), (1.0, 0.3), (0.5, 0.001), (0.0, 1.0)])
def test_the_decoder_is_the_mass_of_each_grey_level(mean, std):
    levels = (torch.arange(256, dtype=f64) / 127.5) - 1
    masses = torch.exp(-discretised_nll(levels, torch.tensor(mean, dtype=f64), std**2))
    assert masses.sum().item() == pytest.approx(1, abs=1e-12)
    near = int(round((mean + 1) * 127.5))
    for k in {0, 255, near, min(255, near + 1), max(0, near - 2)}:
        low = -60.0 * std + mean if k == 0 else levels[k].item() - 1 / 255
        high = 60.0 * std + mean if k == 255 else levels[k].item() + 1 / 255
        x = torch.linspace(min(low, high), high, 200_001, dtype=f64)
        want = integral(normal(x, mean, std**2), x) if high > low else 0.0
        assert masses[k].item() == pytest.approx(want, rel=1e-6, abs=1e-12)


def test_the_decoder_is_finite_far_off_the_mark():
    got = discretised_nll(torch.tensor([0.5, -0.5], dtype=f64), torch.tensor([-0.5, 0.5], dtype=f64), 1e-4)
    # 1 away at σ = 0.01: nearly (1 − 1/255)²/2σ²
    assert got.isfinite().all() and torch.allclose(got, torch.tensor(4960.0 + 5.5, dtype=f64), rtol=1e-2)
    assert got[0].item() == pytest.approx(got[1].item(), rel=1e-12)


def measured(schedule, mean, std, count, ts, seed=0):
    """Errors of the exact denoiser of N(mean, std²) on its own data, and that data."""
    noise = noise_of(seed)
    x0 = mean + std * noise((1, count))
    denoise = Gaussian(torch.tensor(mean, dtype=f64), torch.tensor(std, dtype=f64))
    errors = []
    run(
        asking(x0, [schedule.level(t) for t in ts], noise), denoise,
        lambda x, level, prediction: errors.append(misses(x0, x, level, prediction)),
    )  # fmt: skip
    return errors, x0


def test_errors_of_the_exact_denoiser_are_the_posterior_variance():
    schedule, std = SCHEDULES["cosine"].make(1000), 0.5
    errors, _ = measured(schedule, 0.2, std, 100_000, [1, 50, 300, 700, 990])
    for row in errors:
        ab = schedule.alpha_bar[int(row.t)].item()
        variance = std**2 * (1 - ab) / (ab * std**2 + 1 - ab)
        assert row.x0 == pytest.approx(variance, rel=0.02)
        assert row.eps == pytest.approx(variance * ab / (1 - ab), rel=0.02)
        # v̂ − v = (x0 − x̂0)/s at one x: s·(x0 − x̂0) + a·(ε̂ − ε) with ε̂ − ε = (a/s)(x0 − x̂0)
        assert row.v == pytest.approx(row.x0 / (1 - ab), rel=1e-9)
        assert row.score == pytest.approx(row.eps, rel=1e-9)


def exact_steps(schedule, std, variance="beta_tilde", power=None):
    """L_{t−1}, (T+1,) nats, of the exact model of N(0, std²): at every t, on data of mean square `power`, std² if it is
    its own. x̂0 = k·x_t, so x0 − x̂0 = (1 − k·a)·x0 − k·s·ε."""
    a2, s2 = schedule.alpha_bar, 1 - schedule.alpha_bar
    k = a2.sqrt() * std**2 / (a2 * std**2 + s2)
    weight, constant = step_weight(schedule, variance)
    return weight * ((1 - k * a2.sqrt()) ** 2 * (std**2 if power is None else power) + k**2 * s2) + constant


def grey(std, count, seed=3):
    """A "picture" of independent values N(0, std²) on the 256 levels, and the bits that each of them takes."""
    levels = torch.arange(256, dtype=f64) / 127.5 - 1
    masses = torch.exp(-discretised_nll(levels, torch.zeros((), dtype=f64), std**2))
    chosen = torch.multinomial(masses, count, replacement=True, generator=torch.Generator().manual_seed(seed))
    return levels[chosen][None], -(masses * masses.log2()).sum().item()


def estimate(schedule, std, x0, seed, variance="beta_tilde", count=64):
    """The bound of the exact model, as a run of the page measures it."""
    noise, errors, decoders = noise_of(seed), [], []
    levels = [schedule.level(t) for t in drawn(schedule, count, noise.generator)]
    decoded = reverse_variance(schedule, variance)[1]

    def record(x, level, prediction):
        errors.append(misses(x0, x, level, prediction))
        if level.t == 1:
            decoders.append(discretised_nll(x0, prediction.x0, decoded).mean().item())

    run(asking(x0, levels, noise), Gaussian(torch.zeros((), dtype=f64), torch.tensor(std, dtype=f64)), record)
    steps = [each for each in errors if each.t > 1]
    return bound(schedule, [steps], prior_kl(x0, schedule).mean().item(), [decoders], variance)


@pytest.mark.parametrize("name, T, std", [
    ("cosine", 1000, 0.3), ("cosine", 1000, 0.05), ("linear", 4000, 0.3), ("sigmoid_alpha_bar", 300, 0.2),
])  # fmt: skip
@pytest.mark.parametrize("variance", ["beta", "beta_tilde"])
def test_the_bound_of_the_exact_model_is_right_and_above_the_truth(name, T, std, variance):
    """Against the sum over every t, and against the entropy of the data itself, which no bound may be below."""
    schedule = SCHEDULES[name].make(T)
    x0, entropy = grey(std, 30_000)
    terms = [estimate(schedule, std, x0, seed, variance) for seed in range(4)]
    steps = exact_steps(schedule, std, variance, x0.square().mean().item()).sum().item() / math.log(2)
    told = sum(each.total for each in terms) / len(terms)
    wanted = sum(each.prior + each.decoder for each in terms) / len(terms) + steps
    off = math.hypot(*(each.error for each in terms)) / len(terms)
    assert told == pytest.approx(wanted, abs=2.5 * off)
    assert told > entropy - 2.5 * off
    assert 0 < off < 0.025


def test_the_standard_error_is_honest():
    """Forty estimates of one number spread as they say, or a little less; and they are not biased."""
    schedule, std = SCHEDULES["cosine"].make(400), 0.3
    x0, _ = grey(std, 400)
    terms = [estimate(schedule, std, x0, seed, count=16) for seed in range(40)]
    totals = torch.tensor([each.total for each in terms], dtype=f64)
    spread = totals.std().item()
    claimed = torch.tensor([each.error for each in terms]).square().mean().sqrt().item()
    assert 0.5 < spread / claimed < 1.2
    steps = exact_steps(schedule, std, power=x0.square().mean().item()).sum().item() / math.log(2)
    wanted = sum(each.prior + each.decoder for each in terms) / len(terms) + steps
    assert abs(totals.mean() - wanted) < 3 * spread / math.sqrt(len(terms))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("T", [2, 3, 37, 1000, 4000])
def test_every_t_may_be_drawn_and_is_as_often_as_said(name, T):
    schedule = SCHEDULES[name].make(T)
    chance = chances(schedule)
    assert chance[:2].tolist() == [0, 0] and bool((chance[2:] > 0).all())
    assert chance.sum().item() == pytest.approx(1)
    ts = drawn(schedule, 10_000, torch.Generator().manual_seed(0))
    assert ts[:2] == [1, 1] and ts == sorted(ts) and min(ts[2:]) >= 2 and max(ts) <= T
    often = torch.bincount(torch.tensor(ts[2:]), minlength=T + 1) / 10_000
    assert (often.cumsum(0) - chance.cumsum(0)).abs().max() < 2e-4  # strata: no more than one draw out


def test_the_curve_of_the_steps_sums_to_the_estimate():
    schedule, std = SCHEDULES["cosine"].make(1000), 0.3
    x0, _ = grey(std, 20_000)
    terms = estimate(schedule, std, x0, 5)
    want = exact_steps(schedule, std) / math.log(2)
    assert torch.allclose(terms.steps[2:900], want[2:900], rtol=0.1)
    assert terms.total == pytest.approx(terms.prior + terms.steps.sum().item() + terms.decoder)


def test_fine_steps_tell_what_is_to_be_told():
    """With ever finer steps Σ L_{t−1} of the exact model tends to the information that x_1 has of x0 and x_T has not:
    ½ log(1 + std²·SNR) for a Gaussian (Guo, Shamai & Verdú 2005), and comes to it from above."""
    std, T = 0.4, 4000
    log_snr = torch.cat([torch.tensor([math.inf], dtype=f64), torch.linspace(8, -12, T, dtype=f64)])
    schedule = NoiseSchedule("even", torch.sigmoid(log_snr))
    known = 0.5 * torch.log1p(std**2 * torch.exp(log_snr))
    want = (known[1] - known[T]).item()
    assert want < exact_steps(schedule, std).sum().item() < 1.004 * want


def test_interpolation_is_exact_on_its_points_and_straight_between():
    schedule = SCHEDULES["linear"].make(100)
    got = interpolated(schedule, [5, 50, 90], [1e-4, 1e-2, 1e-1])
    for t, value in ((5, 1e-4), (50, 1e-2), (90, 1e-1), (1, 1e-4), (100, 1e-1)):
        assert got[t].item() == pytest.approx(value, rel=1e-9)
    share = (schedule.log_snr[30] - schedule.log_snr[5]) / (schedule.log_snr[50] - schedule.log_snr[5])
    assert got[30].item() == pytest.approx(1e-4 * 100 ** share.item(), rel=1e-9)


@pytest.mark.parametrize("T", [1, 2, 1000])
def test_no_signal_at_T_breaks_nothing(T):
    schedule = zero_terminal_snr(SCHEDULES["linear"].make(T))
    x0, x = torch.ones(1, 4), torch.zeros(1, 4)
    ts = drawn(schedule, 16, torch.Generator().manual_seed(0))
    errors = [misses(x0, x, schedule.level(t), nothing(schedule, t)) for t in ts if t > 1]
    terms = bound(schedule, [errors], 0.0, [[1.0, 1.0]])
    assert terms.steps.isfinite().all() and terms.total >= terms.decoder > 0


def nothing(schedule, t):
    return Prediction(torch.zeros(1, 1), torch.zeros(1, 1), schedule.level(t))


def test_mean_misses_average_over_neighbours():
    rows = [Misses(t, float(t), 1, 1, 1) for t in (1, 1, *[2] * 10, *range(3, 53))]
    means = mean_misses(rows, 10)
    assert [(row.t, row.x0) for row in means[:2]] == [(1, 1), (2, 2)]  # those of one t together, t = 1 apart
    assert [row.t for row in means[2:]] == sorted(row.t for row in means[2:]) and 8 <= len(means) <= 11
    assert all(row.x0 == pytest.approx(row.t) for row in means)


def test_an_unknown_variance_is_said():
    with pytest.raises(UserError, match="beta_tilde, beta"):
        reverse_variance(SCHEDULES["linear"].make(10), "learned")
