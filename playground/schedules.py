"""Noise schedules: how much of the picture is left at each t, and which t a sampler visits.

Everything here is float64 and indexed by t = 0 … T: t = 0 is the clean picture (`alpha_bar[0] == 1`), t = T the noise.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from playground.errors import UserError

MAX_T = 4000


@dataclass(frozen=True)
class Level:
    """A point on the noise axis: `t` is what the network is told (may be fractional), `alpha_bar` what is true."""

    t: float
    alpha_bar: float

    @property
    def signal_rate(self) -> float:
        """√ᾱ, the share of x0 in x."""
        return math.sqrt(self.alpha_bar)

    @property
    def noise_rate(self) -> float:
        """√(1−ᾱ), the share of ε in x."""
        return math.sqrt(1.0 - self.alpha_bar)

    @property
    def log_snr(self) -> float:
        """log(ᾱ/(1−ᾱ)), natural; +inf on the clean picture, −inf on pure noise."""
        return _log_snr(self.alpha_bar)


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """ᾱ as a (T+1,) float64 tensor falling from 1; all else follows from it."""

    name: str
    alpha_bar: Tensor

    @property
    def T(self) -> int:
        return len(self.alpha_bar) - 1

    @cached_property
    def alpha(self) -> Tensor:
        """(T+1,) α_t = ᾱ_t/ᾱ_{t−1}, the signal kept by step t of the chain (in power); α_0 = 1."""
        before = self.alpha_bar[:-1]
        kept = torch.where(before > 0, self.alpha_bar[1:] / before, torch.zeros_like(before))
        return torch.cat([self.alpha_bar.new_ones(1), kept])

    @cached_property
    def beta(self) -> Tensor:
        """(T+1,) β_t = 1 − α_t, the noise added by step t; β_0 = 0."""
        return 1.0 - self.alpha

    @cached_property
    def log_snr(self) -> Tensor:
        """(T+1,) log(ᾱ/(1−ᾱ)); +inf at t = 0, −inf where ᾱ is 0."""
        return torch.log(self.alpha_bar) - torch.log1p(-self.alpha_bar)

    @cached_property
    def posterior_variance(self) -> Tensor:
        """(T+1,) β̃_t = β_t (1−ᾱ_{t−1})/(1−ᾱ_t), the variance of q(x_{t−1} | x_t, x0): Ho et al. 2020, eq. 7."""
        share = (1 - self.alpha_bar[:-1]) / (1 - self.alpha_bar[1:])
        return torch.cat([self.alpha_bar.new_zeros(1), self.beta[1:] * share])

    @cached_property
    def _log_snrs_rising(self) -> list[float]:
        return self.log_snr.flip(0).tolist()

    def level(self, t: float) -> Level:
        """The level at t in [0, T]. Between two steps it runs straight in log-SNR; where an end of the segment has
        infinite log-SNR, straight in the angle atan(noise_rate/signal_rate), which is finite everywhere."""
        t = float(t)
        if not 0 <= t <= self.T:
            raise UserError("t must be between 0 and {T}; you gave {t}.", T=self.T, t=t)
        low = int(t)
        if t == low:
            return Level(t, self.alpha_bar[low].item())
        a, b, share = self.log_snr[low].item(), self.log_snr[low + 1].item(), t - low
        if math.isinf(a) or math.isinf(b):
            return Level(t, math.cos(_angle(a) + share * (_angle(b) - _angle(a))) ** 2)
        return Level(t, _alpha_bar(a + share * (b - a)))

    def level_at(self, log_snr: float) -> Level:
        """The level of this schedule with that log-SNR, the inverse of `level(t).log_snr`; below the schedule's
        noisiest level it is that one (t = T)."""
        if math.isnan(log_snr):
            raise UserError("The log-SNR of a level must be a number.")
        rising, T = self._log_snrs_rising, self.T
        right = bisect_right(rising, log_snr)
        if right == 0:
            return self.level(T)
        if rising[right - 1] == log_snr:
            return self.level(T - right + 1)
        low, a, b = T - right, rising[right], rising[right - 1]  # level low has log-SNR a > log_snr > b
        if math.isinf(a) or math.isinf(b):
            share = (_angle(log_snr) - _angle(a)) / (_angle(b) - _angle(a))
        else:
            share = (log_snr - a) / (b - a)
        return Level(low + share, _alpha_bar(log_snr))


def _log_snr(alpha_bar: float) -> float:
    if alpha_bar <= 0:
        return -math.inf
    return math.inf if alpha_bar >= 1 else math.log(alpha_bar) - math.log1p(-alpha_bar)


def _alpha_bar(log_snr: float) -> float:
    """σ(log-SNR), without overflow at either end."""
    return 1 / (1 + math.exp(-log_snr)) if log_snr >= 0 else math.exp(log_snr) / (1 + math.exp(log_snr))


def _angle(log_snr: float) -> float:
    """atan(noise_rate/signal_rate): 0 on the clean picture, π/2 on pure noise."""
    return math.atan2(1.0, math.exp(min(log_snr, 1400.0) / 2)) if log_snr < math.inf else 0.0


# ------------------------------------------------------------------------------------------------ the schedules


@dataclass(frozen=True)
class Knob:
    """One thing to turn: a number in [low, high] in steps of `step`, or, where `choices` is given, one of them."""

    name: str
    default: float | int | str
    low: float = 0
    high: float = 1
    step: float = 0.01
    label: str = ""
    choices: tuple[str, ...] = ()

    def checked(self, value: float | int | str) -> float | int | str:
        """The value, in this knob's type; raises UserError when out of range or not a number."""
        if self.choices:
            if value not in self.choices:
                raise UserError("{label} must be one of: {choices}.", label=self.label, choices=", ".join(self.choices))
            return value
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not self.low <= number <= self.high:
            raise UserError("{label} must be between {low} and {high}; you gave {value}.",
                            label=self.label, low=self.low, high=self.high, value=value)
        return int(number) if isinstance(self.default, int) else number


@dataclass(frozen=True)
class ScheduleKind:
    """A family of schedules: `make(T, **knobs)` builds one member. `title` and `source` are for people."""

    name: str
    title: str
    function: Callable[..., Tensor]
    knobs: tuple[Knob, ...]
    source: str

    def make(self, T: int = 1000, **knobs: float) -> NoiseSchedule:
        """The schedule with T steps (1 … 4000); raises UserError for a knob it lacks or a value out of range."""
        _check_T(T)
        known = {knob.name: knob for knob in self.knobs}
        for name in knobs:
            if name not in known:
                raise UserError("The {schedule} schedule has no setting called {name}.", schedule=self.name, name=name)
        values = {name: known[name].checked(value) for name, value in knobs.items()}
        return NoiseSchedule(self.name, self.function(int(T), **values))


def _check_T(T: int) -> None:
    if T != T or int(T) != T or not 1 <= T <= MAX_T:
        raise UserError("T must be a whole number between 1 and {high}; you gave {T}.", high=MAX_T, T=T)


def _from_beta(beta: Tensor) -> Tensor:
    return torch.cat([torch.ones(1, dtype=torch.float64), torch.cumprod(1 - beta, 0)])


def _ramp(start: float, end: float, count: int) -> Tensor:
    return torch.linspace(start, end, count, dtype=torch.float64)


def linear(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Tensor:
    """β rises evenly: Ho et al. 2020, section 4. The range is theirs for T = 1000; a shorter chain keeps more signal."""
    return _from_beta(_ramp(beta_start, beta_end, T))


def quadratic(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Tensor:
    """√β rises evenly: the annotated-diffusion blog's "quadratic"; Stable Diffusion's "scaled linear"."""
    return _from_beta(_ramp(beta_start**0.5, beta_end**0.5, T) ** 2)


def scaled_linear(T: int, beta_start: float = 0.00085, beta_end: float = 0.012) -> Tensor:
    """`quadratic` in the range of Stable Diffusion: Rombach et al. 2022, their configs."""
    return quadratic(T, beta_start, beta_end)


def sigmoid(T: int, beta_start: float = 1e-4, beta_end: float = 0.02, sigmoid_range: float = 6.0) -> Tensor:
    """β = β_start + (β_end − β_start)·σ(u), u even over [−6, 6]: the annotated-diffusion blog."""
    return _from_beta(beta_start + (beta_end - beta_start) * torch.sigmoid(_ramp(-sigmoid_range, sigmoid_range, T)))


def cosine(T: int, offset: float = 0.008, max_beta: float = 0.999) -> Tensor:
    """ᾱ = f(t)/f(0), f(t) = cos²(π/2·(t/T + s)/(1 + s)), β clipped: Nichol & Dhariwal 2021, eq. 17 (offset is s)."""
    f = torch.cos((_ramp(0, 1, T + 1) + offset) / (1 + offset) * (math.pi / 2)) ** 2
    return _from_beta((1 - f[1:] / f[:-1]).clamp(max=max_beta))


def sigmoid_alpha_bar(T: int, gamma_start: float = -3.0, gamma_end: float = 3.0, tau: float = 1.0) -> Tensor:
    """ᾱ itself a falling sigmoid, rescaled to run from 1 to 0 and kept above 1e-9: Jabri et al. 2022, listing 1."""
    u = torch.sigmoid(_ramp(gamma_start, gamma_end, T + 1) / tau)
    return ((u[-1] - u) / (u[-1] - u[0])).clamp(1e-9, 1.0)


_BETAS = (Knob("beta_start", 1e-4, 1e-6, 0.05, 1e-6, "First β"), Knob("beta_end", 0.02, 1e-5, 0.1, 1e-4, "Last β"))
_SD_BETAS = (Knob("beta_start", 0.00085, 1e-6, 0.05, 1e-6, "First β"),
             Knob("beta_end", 0.012, 1e-5, 0.1, 1e-4, "Last β"))

SCHEDULES: dict[str, ScheduleKind] = {kind.name: kind for kind in (
    ScheduleKind("linear", "Linear", linear, _BETAS, "Ho et al. 2020"),
    ScheduleKind("cosine", "Cosine", cosine, (
        Knob("offset", 0.008, 0.0, 0.2, 0.001, "Offset s"),
        Knob("max_beta", 0.999, 0.5, 0.9999, 0.0001, "Largest β")), "Nichol & Dhariwal 2021"),
    ScheduleKind("quadratic", "Quadratic", quadratic, _BETAS, "The Annotated Diffusion Model 2022"),
    ScheduleKind("sigmoid", "Sigmoid", sigmoid, (
        *_BETAS, Knob("sigmoid_range", 6.0, 0.5, 12.0, 0.1, "Range of the sigmoid")),
        "The Annotated Diffusion Model 2022"),
    ScheduleKind("scaled_linear", "Scaled linear", scaled_linear, _SD_BETAS, "Rombach et al. 2022"),
    ScheduleKind("sigmoid_alpha_bar", "Sigmoid ᾱ", sigmoid_alpha_bar, (
        Knob("gamma_start", -3.0, -6.0, 0.0, 0.1, "Start of the sigmoid"),
        Knob("gamma_end", 3.0, 0.5, 6.0, 0.1, "End of the sigmoid"),
        Knob("tau", 1.0, 0.1, 2.0, 0.05, "Temperature τ")), "Jabri et al. 2022"),
)}


def zero_terminal_snr(schedule: NoiseSchedule) -> NoiseSchedule:
    """√ᾱ shifted so that ᾱ_T = 0 and scaled so that ᾱ_1 stays: Lin et al. 2024, algorithm 1."""
    s = schedule.alpha_bar[1:].sqrt()
    kept = (s - s[-1]) * (s[0] / (s[0] - s[-1])) if schedule.T > 1 else torch.zeros_like(s)
    return NoiseSchedule(schedule.name, torch.cat([schedule.alpha_bar[:1], kept**2]))


def custom(alpha_bar_points: Sequence[float], T: int = 1000) -> NoiseSchedule:
    """A drawn curve: ᾱ through points evenly spaced over t = 0 … T (two or more, each in [0, 1]), by monotone cubics
    (Fritsch & Carlson 1980). Made to start at 1 and to fall: a point above its left neighbour is lowered to it, and a
    flat stretch falls by one part in a million a step, so that every level has its own log-SNR."""
    _check_T(T)
    y = torch.tensor([float(p) for p in alpha_bar_points], dtype=torch.float64)
    if len(y) < 2 or not bool(((y >= 0) & (y <= 1)).all()):
        raise UserError("A drawn curve needs two or more points between 0 and 1.")
    y[0] = 1.0
    y = torch.cummin(y, 0).values
    slope = y.diff()  # per interval, of length 1; all ≤ 0
    inner = 2 * slope[:-1] * slope[1:] / (slope[:-1] + slope[1:]).clamp(max=-1e-300)  # harmonic mean: no overshoot
    tangent = torch.cat([slope[:1], inner, slope[-1:]])
    u = _ramp(0, len(y) - 1, T + 1)
    k = u.long().clamp(max=len(y) - 2)
    f = u - k
    curve = (y[k] * (1 + 2 * f) * (1 - f) ** 2 + y[k + 1] * f**2 * (3 - 2 * f)
             + tangent[k] * f * (1 - f) ** 2 - tangent[k + 1] * f**2 * (1 - f))
    fall = torch.linspace(0, T * 1e-6, T + 1, dtype=torch.float64).neg().exp()
    curve = torch.cummin((curve * fall).clamp(0, 1), 0).values
    return NoiseSchedule("custom", torch.cat([torch.ones(1, dtype=torch.float64), curve[1:]]))


# ------------------------------------------------------------------------------------------------ sampling levels

SPACINGS = ("trailing", "leading", "linspace", "log_snr", "karras")


def spaced(schedule: NoiseSchedule, steps: int, spacing: str = "trailing") -> list[Level]:
    """The steps + 1 levels of a sampling run, noise → data, ending at t = 0.

    trailing   t = T, T − T/n, … rounded (Lin et al. 2024, table 2): begins in pure noise; the default
    leading    t = 1 + k·⌊T/n⌋: as DDPM and DDIM were published; begins below T
    linspace   n values of t, even from T to 1, rounded
    log_snr    n levels even in log-SNR from T to 1 (Lu et al. 2022); t may be fractional
    karras     n levels even in σ^(1/7), σ = noise_rate/signal_rate (Karras et al. 2022, eq. 5); t may be fractional

    Raises UserError unless 1 ≤ steps ≤ T.
    """
    T = schedule.T
    if steps != steps or int(steps) != steps or not 1 <= steps <= T:
        raise UserError("Steps must be a whole number between 1 and T = {T}; you gave {steps}.", T=T, steps=steps)
    n = int(steps)
    if spacing not in SPACINGS:
        raise UserError("Spacing must be one of: {choices}.", choices=", ".join(SPACINGS))
    if spacing in ("log_snr", "karras") and n > 1:
        return _evenly(schedule, n, karras=spacing == "karras")
    if spacing == "leading":
        ts = [1 + k * (T // n) for k in range(n)][::-1]
    elif spacing == "linspace" and n > 1:
        ts = [round(1 + (T - 1) * k / (n - 1)) for k in range(n)][::-1]
    else:
        ts = [round(T - k * (T / n)) for k in range(n)]
    return [schedule.level(t) for t in (*ts, 0)]


def _evenly(schedule: NoiseSchedule, n: int, karras: bool, rho: float = 7.0) -> list[Level]:
    """n ≥ 2 levels even in log-SNR or in σ^(1/ρ), then t = 0. Where ᾱ_T = 0 both are infinite: T itself comes first
    and the rest as if the schedule began at T − 1."""
    T = schedule.T
    top = T if schedule.alpha_bar[T] > 0 else T - 1
    first, last = schedule.level(top).log_snr, schedule.level(1).log_snr
    a, b = (math.exp(-first / 2 / rho), math.exp(-last / 2 / rho)) if karras else (first, last)
    inner = [a + (b - a) * k / (n - 1) for k in range(1, n - 1)]
    inner = [-2 * rho * math.log(value) for value in inner] if karras else inner
    return [schedule.level(T), *map(schedule.level_at, inner), schedule.level(1), schedule.level(0)]


def on_clock(levels: Sequence[Level], schedule: NoiseSchedule) -> list[Level]:
    """The same noise levels with t told in `schedule`'s clock: for a network trained on one schedule and sampled on
    another. Levels noisier than that schedule's noisiest are told t = T."""
    return [Level(schedule.level_at(level.log_snr).t, level.alpha_bar) for level in levels]
