"""Schedules against their papers' formulas and diffusers; levels against themselves read backwards."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

from playground.errors import UserError
from playground.schedules import (
    SCHEDULES,
    SPACINGS,
    Level,
    NoiseSchedule,
    custom,
    on_clock,
    spaced,
    zero_terminal_snr,
)

KINDS = list(SCHEDULES)
MEMBERS = [(name, T) for name in KINDS for T in (1, 2, 10, 1000, 4000)]


def near(one, other, tolerance: float = 1e-12) -> bool:
    return torch.allclose(
        torch.as_tensor(one, dtype=torch.float64),
        torch.as_tensor(other, dtype=torch.float64),
        rtol=tolerance,
        atol=tolerance,
    )


# -------------------------------------------------------------------------------------------- what they are


@pytest.mark.parametrize("name, T", MEMBERS)
def test_every_schedule_falls_from_1_for_any_T(name, T):
    for schedule in (SCHEDULES[name].make(T), zero_terminal_snr(SCHEDULES[name].make(T))):
        alpha_bar = schedule.alpha_bar
        assert alpha_bar.shape == (T + 1,) and alpha_bar.dtype == torch.float64 and schedule.T == T
        assert alpha_bar[0] == 1 and alpha_bar[-1] >= 0 and bool((alpha_bar.diff() < 0).all())
        assert schedule.beta[0] == 0 and schedule.alpha[0] == 1 and schedule.posterior_variance[0] == 0
        assert near(torch.cumprod(1 - schedule.beta, 0), alpha_bar, 1e-10)
        assert bool((schedule.beta[1:] > 0).all() and (schedule.beta <= 1).all())


@pytest.mark.parametrize(
    "name, theirs",
    [
        ("linear", {"beta_schedule": "linear"}),
        ("scaled_linear", {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}),
        ("cosine", {"beta_schedule": "squaredcos_cap_v2"}),
        ("sigmoid", {"beta_schedule": "sigmoid"}),
        ("quadratic", {"beta_schedule": "scaled_linear"}),
    ],
)
@pytest.mark.parametrize("T", [1, 2, 50, 1000, 4000])
def test_betas_are_those_of_diffusers(name, theirs, T):
    scheduler = DDPMScheduler(T, **theirs)  # in float32, hence the tolerance
    schedule = SCHEDULES[name].make(T)
    assert torch.allclose(schedule.beta[1:], scheduler.betas.double(), rtol=2e-6, atol=2e-7)
    assert torch.allclose(schedule.alpha_bar[1:], scheduler.alphas_cumprod.double(), rtol=1e-4, atol=1e-6)


def test_cosine_is_the_closed_form_where_it_is_not_clipped():
    T, s = 1000, 0.008
    f = [math.cos((t / T + s) / (1 + s) * math.pi / 2) ** 2 for t in range(T + 1)]
    schedule = SCHEDULES["cosine"].make(T)
    assert near(schedule.alpha_bar[:-1], [value / f[0] for value in f[:-1]], 1e-11)
    assert schedule.beta[-1] == pytest.approx(0.999, rel=1e-12)


def test_sigmoid_alpha_bar_is_the_papers_listing():
    """Jabri et al. 2022, written out with numpy as printed there."""

    def gamma(t, start=-3, end=3, tau=1.0, clip_min=1e-9):
        def sigmoid(x):
            return 1 / (1 + np.exp(-x))

        v_start, v_end = sigmoid(start / tau), sigmoid(end / tau)
        output = sigmoid((t * (end - start) + start) / tau)
        return np.clip((v_end - output) / (v_end - v_start), clip_min, 1.0)

    t = np.linspace(0, 1, 501)
    assert near(SCHEDULES["sigmoid_alpha_bar"].make(500).alpha_bar, gamma(t))
    knobs = {"gamma_start": -1.0, "gamma_end": 2.0, "tau": 0.5}
    assert near(SCHEDULES["sigmoid_alpha_bar"].make(500, **knobs).alpha_bar, gamma(t, -1, 2, 0.5))


@pytest.mark.parametrize("name", KINDS)
def test_every_knob_turns_something_and_its_ends_are_usable(name):
    kind = SCHEDULES[name]
    plain = kind.make(200).alpha_bar
    assert torch.equal(kind.make(200, **{knob.name: knob.default for knob in kind.knobs}).alpha_bar, plain)
    numbers = [knob for knob in kind.knobs if not isinstance(knob.default, str)]
    for settings in product(
        *[[(knob.name, knob.default), (knob.name, knob.low), (knob.name, knob.high)] for knob in numbers]
    ):
        for T in (1, 200, 4000):
            turned = kind.make(T, **dict(settings)).alpha_bar
            assert bool(turned.isfinite().all() and (turned.diff() < 0).all() and (turned > 0).all()), (settings, T)
    for knob in numbers:
        for extreme in (knob.low, knob.high):
            assert not torch.equal(kind.make(200, **{knob.name: extreme}).alpha_bar, plain)


@pytest.mark.parametrize("name", ["linear", "cosine", "scaled_linear"])
def test_zero_terminal_snr_is_that_of_the_paper(name):
    schedule = SCHEDULES[name].make(1000)
    ours = zero_terminal_snr(schedule)
    assert near(ours.beta[1:], rescale_zero_terminal_snr(schedule.beta[1:]), 1e-9)
    assert ours.alpha_bar[-1] == 0 and near(ours.alpha_bar[1], schedule.alpha_bar[1], 1e-14)
    assert ours.log_snr[-1] == -math.inf and ours.log_snr[0] == math.inf


def test_posterior_variance_is_that_of_diffusers():
    schedule = SCHEDULES["linear"].make(1000)
    scheduler = DDPMScheduler(1000)
    for t in (2, 3, 500, 1000):
        assert schedule.posterior_variance[t] == pytest.approx(float(scheduler._get_variance(t - 1)), rel=2e-3)
    assert schedule.posterior_variance[1] == 0
    assert bool((schedule.posterior_variance <= schedule.beta).all())


# -------------------------------------------------------------------------------------------- drawn curves


def test_a_drawn_curve_passes_through_its_points_and_never_rises():
    points = [1, 0.97, 0.9, 0.3, 0.29, 0.05, 0.0]
    schedule = custom(points, 600)
    assert near(schedule.alpha_bar[::100], points, 7e-4)  # lowered by up to a millionth a step
    assert bool((schedule.alpha_bar.diff() < 0).all()) and bool((schedule.alpha_bar > 0).all())
    straight = custom([1, 0.5, 0.0], 100).alpha_bar
    assert near(straight, torch.linspace(1, 0, 101, dtype=torch.float64), 1e-4)


@pytest.mark.parametrize("points", [[1, 1], [0, 0], [0.2, 0.9, 0.9, 0.1], [1, 0, 0, 0], [0.5] * 30])
@pytest.mark.parametrize("T", [1, 2, 7, 1000, 4000])
def test_any_drawing_makes_a_schedule_that_can_be_sampled(points, T):
    schedule = custom(points, T)
    assert schedule.alpha_bar[0] == 1 and bool((schedule.alpha_bar.diff() < 0).all())
    for spacing in SPACINGS:
        levels = spaced(schedule, min(T, 9), spacing)
        assert all(here.log_snr < there.log_snr for here, there in zip(levels, levels[1:], strict=False))


@pytest.mark.parametrize("points", [[], [1], [1, 2], [1, -0.1], [1, float("nan")]])
def test_a_bad_drawing_is_refused_in_a_sentence(points):
    with pytest.raises(UserError, match="two or more points"):
        custom(points)


# -------------------------------------------------------------------------------------------- levels


def test_a_level_knows_its_rates():
    level = Level(3, 0.64)
    assert (level.signal_rate, level.noise_rate) == (pytest.approx(0.8), pytest.approx(0.6))
    assert level.sigma == pytest.approx(0.75) and level.log_snr == pytest.approx(math.log(0.64 / 0.36))
    clean, noise = Level(0, 1.0), Level(9, 0.0)
    assert (clean.noise_rate, clean.sigma, clean.log_snr) == (0, 0, math.inf)
    assert (noise.signal_rate, noise.sigma, noise.log_snr) == (0, math.inf, -math.inf)
    assert Level(1, 0.5) == Level(1.0, 0.5, clock=SCHEDULES["linear"].make(2))


@pytest.mark.parametrize("name, T", MEMBERS)
def test_level_at_inverts_level(name, T):
    for schedule in (SCHEDULES[name].make(T), zero_terminal_snr(SCHEDULES[name].make(T))):
        ts = [0, 0.001, 0.5, 1, T - 0.5, T - 0.001, T, T / 3, T / 2, 0.9 * T]
        for t in sorted(t for t in ts if 0 <= t <= T):
            level = schedule.level(t)
            back = schedule.level_at(level.log_snr)
            assert back.t == pytest.approx(t, abs=1e-6) and back.alpha_bar == pytest.approx(level.alpha_bar, abs=1e-14)
            assert level.clock is schedule and back.clock is schedule
            if t == int(t):
                assert level.alpha_bar == schedule.alpha_bar[int(t)]
        path = [schedule.level(t) for t in np.linspace(0, T, 41)]
        assert all(one.log_snr > other.log_snr for one, other in zip(path, path[1:], strict=False))


def test_between_two_steps_log_snr_runs_straight_and_beyond_the_ends_it_stops():
    schedule = SCHEDULES["cosine"].make(100)
    between = 0.75 * schedule.log_snr[40] + 0.25 * schedule.log_snr[41]
    assert schedule.level(40.25).log_snr == pytest.approx(float(between))
    assert schedule.level_at(-1e9) == schedule.level(100) and schedule.level_at(math.inf) == schedule.level(0)
    assert schedule.level_at(-math.inf) == schedule.level(100)
    assert 0 < schedule.level_at(60.0).t < 1e-6
    for bad in (-0.1, 100.1, float("nan"), math.inf):
        with pytest.raises(UserError):
            schedule.level(bad)
    with pytest.raises(UserError):
        schedule.level_at(float("nan"))


# -------------------------------------------------------------------------------------------- spacing


@pytest.mark.parametrize("spacing", ["leading", "linspace", "trailing"])
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 10, 50, 333, 1000])
def test_spacing_by_t_is_that_of_diffusers(spacing, steps):
    if spacing == "linspace" and steps == 1:
        return  # theirs is the cleanest level alone, from which nothing can be made; ours is T
    scheduler = DDIMScheduler(1000, timestep_spacing=spacing)
    scheduler.set_timesteps(steps)
    levels = spaced(SCHEDULES["linear"].make(), steps, spacing)
    assert [level.t for level in levels] == [i + 1 for i in scheduler.timesteps.tolist()] + [0]
    assert levels[-1].alpha_bar == 1 and len(levels) == steps + 1


@pytest.mark.parametrize("steps", [2, 3, 10, 50])
def test_spacing_by_noise_is_that_of_diffusers(steps):
    schedule = SCHEDULES["linear"].make()
    karras = EulerDiscreteScheduler(1000, use_karras_sigmas=True)
    karras.set_timesteps(steps)
    ours = [level.sigma for level in spaced(schedule, steps, "karras")]
    assert ours == pytest.approx(karras.sigmas.tolist(), rel=2e-4)
    exponential = DPMSolverMultistepScheduler(1000, use_exponential_sigmas=True)
    exponential.set_timesteps(steps)
    ours = spaced(schedule, steps, "log_snr")
    assert [level.sigma for level in ours] == pytest.approx(exponential.sigmas.tolist(), rel=2e-4)
    gaps = np.diff([level.log_snr for level in ours[:-1]])
    assert gaps == pytest.approx(np.full(steps - 1, gaps[0]), rel=1e-9)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("T", [1, 2, 3, 10, 1000])
def test_every_spacing_goes_from_noise_to_the_clean_picture(spacing, T):
    for schedule in (SCHEDULES["cosine"].make(T), zero_terminal_snr(SCHEDULES["linear"].make(T))):
        for steps in {1, 2, 3, T // 2, T - 1, T} & set(range(1, T + 1)):
            levels = spaced(schedule, steps, spacing)
            assert len(levels) == steps + 1 and levels[-1] == schedule.level(0)
            assert all(here.t > there.t for here, there in zip(levels, levels[1:], strict=False))
            assert all(here.log_snr < there.log_snr for here, there in zip(levels, levels[1:], strict=False))
            if spacing != "leading":
                assert levels[0] == schedule.level(T)


@pytest.mark.parametrize("steps", [0, -1, 101, 2.5, float("nan"), math.inf, "many", None])
def test_impossible_numbers_of_steps_are_refused_in_a_sentence(steps):
    with pytest.raises(UserError, match="Steps must be a whole number between 1 and 100"):
        spaced(SCHEDULES["linear"].make(100), steps)


@pytest.mark.parametrize(
    "call",
    [
        lambda: SCHEDULES["linear"].make(0),
        lambda: SCHEDULES["linear"].make(4001),
        lambda: SCHEDULES["linear"].make(1.5),
        lambda: SCHEDULES["linear"].make(math.inf),
        lambda: SCHEDULES["linear"].make(10, beta_end=2),
        lambda: SCHEDULES["linear"].make(10, beta_end=float("nan")),
        lambda: SCHEDULES["linear"].make(10, beta_end="x"),
        lambda: SCHEDULES["linear"].make(10, tau=1.0),
        lambda: custom([1, 0], 0),
        lambda: spaced(SCHEDULES["linear"].make(10), 5, "random"),
    ],
)
def test_impossible_settings_are_refused_in_a_sentence(call):
    with pytest.raises(UserError):
        call()


def test_another_clock_tells_another_t_for_the_same_noise():
    linear, cosine = SCHEDULES["linear"].make(1000), SCHEDULES["cosine"].make(1000)
    levels = spaced(linear, 20)
    told = on_clock(levels, cosine)
    assert [level.alpha_bar for level in told] == [level.alpha_bar for level in levels]
    for level in told:
        assert cosine.level(level.t).alpha_bar == pytest.approx(level.alpha_bar, abs=1e-14) and level.clock is cosine
    assert on_clock(levels, linear) == levels
    assert on_clock(spaced(cosine, 20), linear)[0].t == 1000  # noisier than linear ever is


def test_a_schedule_of_somebody_elses_numbers_works():
    schedule = NoiseSchedule("mine", torch.tensor([1.0, 0.5, 0.25, 0.0], dtype=torch.float64))
    assert near(schedule.beta, [0, 0.5, 0.5, 1]) and schedule.level(2).sigma == pytest.approx(math.sqrt(3))
    assert [level.t for level in spaced(schedule, 3)] == [3, 2, 1, 0]
