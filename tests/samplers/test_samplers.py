"""Samplers against exact solutions, against somebody else's code, and against each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from playground.predictions import Prediction, clip
from playground.samplers import SAMPLERS, count_evaluations, run
from playground.samplers.slopes import ADAMS
from playground.schedules import (
    SCHEDULES,
    SPACINGS,
    Level,
    spaced,
    zero_terminal_snr,
)
from playground.theory.exact import Gaussian, Mixture, gaussian
from tests.references import STEPS, THEIRS, compared, difference, draws, measured_order, model, numbers

LINEAR = SCHEDULES["linear"].make(1000)
COSINE = SCHEDULES["cosine"].make(1000)
DETERMINISTIC = [name for name, sampler in SAMPLERS.items() if sampler.order]


def no_noise(shape: Sequence[int]) -> Tensor:
    raise AssertionError("a deterministic sampler asked for noise")


def sampled(name: str, levels: Sequence[Level], denoise=None, noise=no_noise, **knobs) -> Tensor:
    x = draws(1)((2, 3, 4, 4))
    return run(SAMPLERS[name].function(x, levels, noise, **knobs), denoise or model())


# -------------------------------------------------------------------------------------------- the flow


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_converges_to_the_exact_flow_in_the_order_it_claims(name):
    cases = [(gaussian(0.3, 0.5), "snr", (20, 40, 80, 160)), (numbers(), "snr", (20, 40, 80, 160))]
    if name == "unipc":  # the corrector adds up to one order, the first-order end takes it away again
        assert all(measured_order(name, *case) >= 2 - 0.15 for case in cases)
    else:
        cases.append((numbers(), "t", (100, 200, 400)))  # steps of very different length in log-SNR
        for case in cases:
            assert abs(measured_order(name, *case) - SAMPLERS[name].order) <= 0.15, case[1:]


def test_the_first_step_of_a_cosine_schedule_is_tame():
    """σ falls from 20,000 to 13 there: a second-order step in σ would multiply what it doesn't know by hundreds."""
    for name in SAMPLERS:
        for schedule in (COSINE, zero_terminal_snr(LINEAR)):
            end = sampled(name, spaced(schedule, 20), noise=draws(2))
            assert end.abs().max() < 3 and (end - sampled(name, spaced(schedule, 40), noise=draws(2))).std() < 1, name


# -------------------------------------------------------------------------------------------- diffusers


@pytest.mark.parametrize("case", list(THEIRS))
def test_equals_diffusers(case):
    for how in compared(case):
        assert difference(*how) < 1e-10, how


def test_every_sampler_that_diffusers_has_is_compared():
    assert {case.split()[0] for case in THEIRS} == set(SAMPLERS) - {"langevin"}
    assert {how[2] for how in compared("ddim")} == set(STEPS) == {1, 2, 3, 10, 50}


# -------------------------------------------------------------------------------------------- fresh noise
#
# On Gaussian data every answer is linear in x, and so is every sampler: x, for a start e0 and draws e1, e2,
# …, is a row
# of coefficients, and the variance of a run is the sum of their squares, exactly. The other side is the
# recursion.


def variance_of_run(name: str, levels: Sequence[Level], std: float, **knobs) -> float:
    size, used = 1 + len(levels) * (1 + knobs.get("corrections", 1)), iter(range(1, 10**6))
    unit = torch.eye(size, dtype=torch.float64)
    x = run(SAMPLERS[name].function(unit[0], levels, lambda shape: unit[next(used)], **knobs), gaussian(0.0, std))
    return float((x**2).sum())


def seen(level: Level, std: float) -> tuple[float, float]:
    """x̂0 and ε̂ for each 1 of x at a level, x0 ~ N(0, std²)."""
    variance = level.alpha_bar * std**2 + 1 - level.alpha_bar
    return level.signal_rate * std**2 / variance, level.noise_rate / variance


def ddpm_step(v, here, there, std, variance):
    x0, _ = seen(here, std)
    alpha = here.alpha_bar / there.alpha_bar
    tilde = (1 - alpha) * (1 - there.alpha_bar) / (1 - here.alpha_bar)
    mean = (math.sqrt(there.alpha_bar) * (1 - alpha) * x0 + math.sqrt(alpha) * (1 - there.alpha_bar)) / (
        1 - here.alpha_bar
    )
    return mean**2 * v + (tilde if variance == "beta_tilde" or there.alpha_bar == 1 else 1 - alpha)


def ddim_step(v, here, there, std, eta):
    x0, eps = seen(here, std)
    fresh = eta**2 * (1 - there.alpha_bar) / (1 - here.alpha_bar) * (1 - here.alpha_bar / there.alpha_bar)
    return (there.signal_rate * x0 + math.sqrt(1 - there.alpha_bar - fresh) * eps) ** 2 * v + fresh


def euler_ancestral_step(v, here, there, std, eta):
    """k-diffusion's, on x/a: its get_ancestral_step, then Euler in σ."""
    high, low = (math.sqrt(1 / level.alpha_bar - 1) for level in (here, there))
    up = min(low, eta * math.sqrt(low**2 * (high**2 - low**2) / high**2))
    down = math.sqrt(low**2 - up**2)
    slope = high / (std**2 + high**2)  # dx/dσ for each 1 of x/a
    return there.alpha_bar * ((1 + slope * (down - high)) ** 2 * v / here.alpha_bar + up**2)


def lcm_step(v, here, there, std):
    return there.alpha_bar * seen(here, std)[0] ** 2 * v + 1 - there.alpha_bar


def langevin_step(v, here, there, std, predictor, corrections, step_size):
    if predictor == "ancestral":
        v = ddpm_step(v, here, there, std, "beta_tilde")
    elif there.alpha_bar == 1:
        v = seen(here, std)[0] ** 2 * v
    if there.alpha_bar < 1:
        step, held = step_size * (1 - there.alpha_bar), there.alpha_bar * std**2 + 1 - there.alpha_bar
        for _ in range(corrections):
            v = (1 - step / held) ** 2 * v + 2 * step
    return v


@pytest.mark.parametrize(
    "name, step, knobs",
    [
        ("ddpm", ddpm_step, {"variance": "beta_tilde"}),
        ("ddpm", ddpm_step, {"variance": "beta"}),
        ("ddim", ddim_step, {"eta": 0.0}),
        ("ddim", ddim_step, {"eta": 0.6}),
        ("ddim", ddim_step, {"eta": 1.0}),
        ("euler_ancestral", euler_ancestral_step, {"eta": 1.0}),
        ("euler_ancestral", euler_ancestral_step, {"eta": 0.4}),
        ("lcm", lcm_step, {}),
        ("langevin", langevin_step, {"predictor": "ancestral", "corrections": 1, "step_size": 0.1}),
        ("langevin", langevin_step, {"predictor": "ancestral", "corrections": 3, "step_size": 0.3}),
        ("langevin", langevin_step, {"predictor": "none", "corrections": 4, "step_size": 0.2}),
    ],
)
@pytest.mark.parametrize("steps", [1, 2, 7, 40])
def test_variance_follows_the_exact_recursion(name, step, knobs, steps):
    levels, v = spaced(LINEAR, steps), 1.0
    for here, there in pairwise(levels):
        v = step(v, here, there, 0.5, **knobs)
    assert variance_of_run(name, levels, 0.5, **knobs) == pytest.approx(v, rel=1e-12)


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_variance_of_dpmpp_2m_sde_follows_the_exact_recursion(eta):
    """Of two steps' memory: the recursion is of the covariance of (x, last x̂0). The update as k-diffusion
    has it."""
    levels, std = spaced(LINEAR, 12), 0.5
    cov, before = torch.zeros(2, 2, dtype=torch.float64), None
    cov[0, 0] = 1.0
    for here, there in pairwise(levels):
        x0, h = seen(here, std)[0], (there.log_snr - here.log_snr) / 2
        pull = there.signal_rate * -math.expm1(-h - eta * h)
        keep = there.noise_rate / here.noise_rate * math.exp(-eta * h)
        more = pull * h / (here.log_snr - before.log_snr) if before and there.alpha_bar < 1 else 0.0  # pull/(2r)
        step = torch.tensor([[keep + (pull + more) * x0, -more], [x0, 0.0]], dtype=torch.float64)
        cov = step @ cov @ step.T
        cov[0, 0] += there.noise_rate**2 * -math.expm1(-2 * eta * h)
        before = here
    assert variance_of_run("dpmpp_2m_sde", levels, std, eta=eta) == pytest.approx(float(cov[0, 0]), rel=1e-12)


def test_variance_of_heun_with_churn_follows_the_exact_recursion():
    levels, std, v, churn = spaced(LINEAR, 15), 0.5, 1.0, 4.0
    gamma = churn / 15
    assert gamma < math.sqrt(2) - 1
    v /= levels[0].alpha_bar  # of x/a
    for here, there in pairwise(levels):
        low, old = (math.sqrt(1 / level.alpha_bar - 1) for level in (there, here))
        high = old * (1 + gamma)
        v += high**2 - old**2
        first = high / (std**2 + high**2)
        euler = 1 + (low - high) * first
        mean = (first + euler * low / (std**2 + low**2)) / 2 if low > 0 else first
        v *= (1 + (low - high) * mean) ** 2
    assert variance_of_run("heun", levels, std, churn=churn) == pytest.approx(v, rel=1e-12)


@pytest.mark.parametrize(
    "name, knobs",
    [
        ("ddpm", {}),
        ("ddpm", {"variance": "beta"}),
        ("ddim", {"eta": 1.0}),
        ("euler_ancestral", {}),
        ("dpmpp_2m_sde", {}),
        ("heun", {"churn": 20.0}),
        ("langevin", {}),
        ("langevin", {"predictor": "none", "corrections": 10, "step_size": 0.2}),
    ],
)
def test_with_many_steps_the_data_come_back(name, knobs):
    levels = spaced(LINEAR, 100)
    assert variance_of_run(name, levels, 0.5, **knobs) == pytest.approx(0.25, rel=0.2)


def test_langevin_comes_to_rest_at_the_noised_data():
    """Of step δ it rests at V/(1 − δ/(2V)), V the variance there: that of a discrete Ornstein–Uhlenbeck
    process."""
    levels = [LINEAR.level(500), LINEAR.level(499)]
    held = float(gaussian(0.0, 0.5).variance(levels[1]))
    step = 0.2 * levels[1].noise_rate ** 2
    rest = variance_of_run("langevin", levels, 0.5, predictor="none", corrections=60, step_size=0.2)
    assert rest == pytest.approx(held / (1 - step / (2 * held)), rel=1e-9)


# -------------------------------------------------------------------------------------------- identities


def test_ddim_with_eta_1_over_all_levels_clipped_is_ddpm():
    schedule = SCHEDULES["cosine"].make(60)
    levels = spaced(schedule, 60)
    sharp = model()

    def clipped(x: Tensor, level: Level) -> Prediction:
        prediction = sharp(x, level)
        louder = Prediction.from_output("x0", 2 * prediction.x0, x, level)  # so that there is something to clip
        assert level.t > 1 or louder.x0.abs().max() > 1
        return clip(louder)

    one = sampled("ddim", levels, clipped, draws(4), eta=1.0)
    other = sampled("ddpm", levels, clipped, draws(4))
    assert torch.allclose(one, other, rtol=0, atol=1e-12)


def test_ddim_with_eta_0_is_euler_in_sigma():
    levels, denoise = [*spaced(LINEAR, 12)[:-1], LINEAR.level(1)], model()
    x = draws(1)((2, 3, 4, 4))
    scaled = x / levels[0].signal_rate
    for here, there in pairwise(levels):
        high, low = (math.sqrt((1 - level.alpha_bar) / level.alpha_bar) for level in (here, there))
        scaled = scaled + (low - high) * denoise(scaled * here.signal_rate, here).eps
    assert torch.allclose(sampled("ddim", levels), scaled * levels[-1].signal_rate, rtol=0, atol=1e-11)


def test_dpm_solver_of_order_1_is_ddim():
    """Its update as the paper has it, over λ, against ddim; and the multistep samplers where they are of
    order 1."""
    levels, denoise = [*spaced(LINEAR, 12)[:-1], LINEAR.level(1)], model()
    x = draws(1)((2, 3, 4, 4))
    for here, there in pairwise(levels):
        h = (there.log_snr - here.log_snr) / 2
        x = there.noise_rate / here.noise_rate * x - there.signal_rate * math.expm1(-h) * denoise(x, here).x0
    assert torch.allclose(sampled("ddim", levels), x, rtol=0, atol=1e-11)
    for name, steps in (("dpmpp_2m", 2), ("dpmpp_2s", 2), ("deis", 2), ("unipc", 1), ("pndm", 1), ("heun", 1)):
        assert torch.allclose(sampled(name, spaced(LINEAR, steps)), sampled("ddim", spaced(LINEAR, steps)), atol=1e-11)


def test_euler_ancestral_is_ddim_told_in_sigma():
    for eta in (0.0, 0.3, 1.0):
        one = sampled("euler_ancestral", spaced(LINEAR, 9), noise=draws(2), eta=eta)
        assert torch.allclose(one, sampled("ddim", spaced(LINEAR, 9), noise=draws(2), eta=eta), rtol=0, atol=1e-11)


def test_dpmpp_2m_sde_without_noise_is_dpmpp_2m():
    levels = spaced(LINEAR, 9)
    assert torch.allclose(sampled("dpmpp_2m_sde", levels, eta=0.0), sampled("dpmpp_2m", levels), rtol=0, atol=1e-11)


def test_lcm_in_one_step_is_the_posterior_mean():
    levels = spaced(LINEAR, 1)
    assert torch.equal(sampled("lcm", levels), model()(draws(1)((2, 3, 4, 4)), levels[0]).x0)


# -------------------------------------------------------------------------------------------- conventions


@pytest.mark.parametrize("name, first_order_above", [("dpmpp_2m", False), ("deis", True), ("unipc", True)])
def test_multistep_samplers_end_as_agreed(name, first_order_above):
    """Of order 1 into t = 0; above it dpmpp_2m is of order 2, unipc and deis of order 1: straight on with one x̂0 and
    one ε̂, wherever the end is."""
    directions = []
    for last in (LINEAR.level(0), LINEAR.level(1), LINEAR.level(60)):
        answers: list[Prediction] = []
        levels = [*spaced(LINEAR, 8)[:-1], last]
        x = draws(1)((2, 3, 4, 4))
        end = run(SAMPLERS[name].function(x, levels, no_noise), model(), lambda *at, to=answers: to.append(at[-1]))
        if last.t == 0:
            assert torch.allclose(end, answers[-1].x0, rtol=0, atol=1e-12)
        else:
            directions.append((end - last.signal_rate * answers[-1].x0) / last.noise_rate)
    assert torch.allclose(*directions, rtol=0, atol=1e-10) == first_order_above


def few_numbers() -> Mixture:
    """Six points in 48 dimensions, as sharp as pictures are: where σ passes their size ε̂ bends at once."""
    means = torch.rand(6, 48, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    return Mixture(means, torch.full((6,), 0.05, dtype=torch.float64), torch.full((6,), 1 / 6, dtype=torch.float64))


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_however_few_the_steps_no_sampler_flies_off(name):
    """On every schedule in every spacing, as believed or clipped to the range of pictures: within that of noise."""
    sharp = few_numbers()
    for denoise in (gaussian(0.2, 0.5), sharp, lambda x, level: clip(sharp(x, level))):
        for kind in ("cosine", "linear", "sigmoid_alpha_bar", "quadratic"):
            schedule = SCHEDULES[kind].make(1000)
            for spacing in SPACINGS:
                for steps in (1, 2, 3, 4, 6, 10):
                    x = draws(1)((2, 48))
                    end = run(SAMPLERS[name].function(x, spaced(schedule, steps, spacing), draws(2)), denoise)
                    assert end.abs().max() <= max(2.5, x.abs().max()), (kind, spacing, steps)


@pytest.mark.parametrize("name", list(SAMPLERS))
@pytest.mark.parametrize("spacing", SPACINGS)
def test_any_number_of_steps_from_1(name, spacing):
    schedules = (COSINE, zero_terminal_snr(LINEAR), SCHEDULES["linear"].make(5))
    for schedule in schedules:
        for steps in (1, 2, 3, 4, 5):
            levels = spaced(schedule, steps, spacing)
            for ending in (levels, [*levels[:-1], schedule.level(0.5)], levels[2:], levels[-1:]):
                x = torch.linspace(-2, 2, 6, dtype=torch.float64).view(3, 2)
                most = {knob.name: knob.high for knob in SAMPLERS[name].knobs if knob.name in ("eta", "churn")}
                end = run(SAMPLERS[name].function(x, ending, draws(0), **most), gaussian(0.2, 0.5))
                assert end.shape == (3, 2) and end.dtype == torch.float64 and bool(end.isfinite().all())
    assert torch.equal(run(SAMPLERS[name].function(x, levels[-1:], no_noise), model()), x)  # nothing to do


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_noise_is_drawn_once_a_draw_and_none_into_the_clean_picture(name):
    shapes: list = []

    def noise(shape: Sequence[int]) -> Tensor:
        shapes.append(tuple(shape))
        return torch.zeros(shape, dtype=torch.float64)

    levels, above = spaced(LINEAR, 6), [*spaced(LINEAR, 6)[:-1], LINEAR.level(1)]
    sampled(name, levels, noise=noise)
    expected = {"langevin": 2 * 5}.get(name, 5) if SAMPLERS[name].stochastic else 0
    assert shapes == [(2, 3, 4, 4)] * expected
    shapes.clear()
    sampled(name, above, noise=noise)
    assert len(shapes) == ({"langevin": 2 * 6}.get(name, 6) if SAMPLERS[name].stochastic else 0)


@pytest.mark.parametrize("name", list(SAMPLERS))
def test_the_entry_tells_the_truth(name):
    sampler = SAMPLERS[name]
    assert sampler.name == name and sampler.title and sampler.paper
    levels = spaced(LINEAR, 200)
    asked = count_evaluations(name, levels, **{knob.name: knob.default for knob in sampler.knobs})
    assert asked / 200 == pytest.approx(sampler.evaluations, abs=0.05)
    for knob in sampler.knobs:
        assert knob.label and knob.checked(knob.default) == knob.default
        for extreme in knob.choices or (knob.low, knob.high):
            end = sampled(name, spaced(LINEAR, 20), gaussian(0.0, 0.5), draws(2), **{knob.name: knob.checked(extreme)})
            assert bool(end.isfinite().all()) and end.std() < 3, (knob.name, extreme)


def test_adams_weights_integrate_every_polynomial_they_can():
    """Over [0, 1], from its values at 0, −1, …: with 2 or 3 values PNDM uses them in runs that diffusers can't do."""
    for count, weights in ADAMS.items():
        for power in range(count):
            assert sum(w * (-k) ** power for k, w in enumerate(weights)) == pytest.approx(1 / (power + 1))
    # three Runge–Kutta steps of four questions each, but none where σ falls to less than a quarter: then it is Euler's
    falls = [sum(a.sigma > 4 * b.sigma for a, b in pairwise(spaced(LINEAR, n)[:-1])) for n in (1, 2, 3, 4, 5, 10)]
    assert falls == [0, 1, 2, 2, 2, 0]
    assert [count_evaluations("pndm", spaced(LINEAR, n)) for n in (1, 2, 3, 4, 5, 10)] == [1, 2, 3, 7, 8, 19]


def test_heun_with_churn_asks_at_the_raised_level_on_its_clock():
    levels = spaced(LINEAR, 10)
    asked: list[Level] = []
    run(
        SAMPLERS["heun"].function(torch.zeros(1, dtype=torch.float64), levels, draws(0), churn=2.0),
        model_1d(),
        lambda x, level, _: asked.append(level),
    )
    raised = asked[2]  # first of the second step
    assert raised.sigma == pytest.approx(1.2 * levels[1].sigma)
    assert LINEAR.level(raised.t).alpha_bar == pytest.approx(raised.alpha_bar, rel=1e-12)
    assert asked[0].t == 1000  # beyond the noisiest level the clock stands still


def test_levels_without_a_clock_are_good_enough_for_pndm_and_churn():
    levels = [Level(level.t, level.alpha_bar) for level in spaced(COSINE, 20)]
    exact = sampled("pndm", spaced(COSINE, 20))
    assert torch.allclose(sampled("pndm", levels), exact, rtol=0, atol=0.05)
    assert bool(sampled("heun", levels, noise=draws(0), churn=5.0).isfinite().all())


def model_1d() -> Gaussian:
    return gaussian(0.0, 0.5)


def test_run_records_every_query_with_its_answer_and_leaves_gradients_on():
    queries: list[tuple] = []
    levels = spaced(LINEAR, 4)
    x = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    end = run(SAMPLERS["ddim"].function(x, levels, no_noise), model_1d(), lambda *query: queries.append(query))
    assert [level for _, level, _ in queries] == levels[:-1]
    assert all(isinstance(prediction, Prediction) for *_, prediction in queries)
    assert not end.requires_grad and torch.is_grad_enabled()


def test_an_error_of_the_model_is_passed_on():
    def broken(x: Tensor, level: Level) -> Prediction:
        raise StopIteration("not the end of the sampler")

    with pytest.raises(StopIteration, match="not the end"):
        run(SAMPLERS["ddim"].function(torch.zeros(1), spaced(LINEAR, 2), no_noise), broken)
