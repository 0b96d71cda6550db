"""Noise schedules: how much of the picture is left at each t, and which t a sampler visits.

All is float64 and indexed by t = 0 … T: t = 0 is the clean picture (`alpha_bar[0] == 1`), t = T the noise.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from playground import drawn
from playground.errors import UserError
from playground.knobs import Knob

MAX_T = 4000


@dataclass(frozen=True)
class Level:
    """A point on the noise axis: `t` is what the network is told (may be fractional), `alpha_bar` what is
    true.

    `clock` is the schedule that t belongs to: the few samplers that visit points between their levels ask it.
    """

    t: float
    alpha_bar: float
    clock: NoiseSchedule | None = field(default=None, compare=False, repr=False)

    @property
    def signal_rate(self) -> float:
        """√ᾱ, the share of x0 in x."""
        return self.alpha_bar**0.5

    @property
    def noise_rate(self) -> float:
        """√(1−ᾱ), the share of ε in x."""
        return (1 - self.alpha_bar) ** 0.5

    @property
    def sigma(self) -> float:
        """noise_rate/signal_rate, the σ of Karras et al. 2022: 0 on the clean picture, inf on pure noise."""
        return (1 / self.alpha_bar - 1) ** 0.5 if self.alpha_bar > 0 else math.inf

    @property
    def log_snr(self) -> float:
        """log(ᾱ/(1−ᾱ)), natural: inf on the clean picture, −inf on pure noise."""
        if self.alpha_bar <= 0:
            return -math.inf
        return math.log(self.alpha_bar) - math.log1p(-self.alpha_bar) if self.alpha_bar < 1 else math.inf


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
        """(T+1,) α_t = ᾱ_t/ᾱ_{t−1}, the power of the signal that step t of the chain keeps; α_0 = 1."""
        before = self.alpha_bar[:-1]
        kept = torch.where(before > 0, self.alpha_bar[1:] / before, torch.zeros_like(before))
        return torch.cat([self.alpha_bar.new_ones(1), kept])

    @cached_property
    def beta(self) -> Tensor:
        """(T+1,) β_t = 1 − α_t, the noise that step t adds; β_0 = 0."""
        return 1.0 - self.alpha

    @cached_property
    def log_snr(self) -> Tensor:
        """(T+1,) log(ᾱ/(1−ᾱ)); inf at t = 0, −inf where ᾱ is 0."""
        return torch.log(self.alpha_bar) - torch.log1p(-self.alpha_bar)

    @cached_property
    def posterior_variance(self) -> Tensor:
        """(T+1,) β̃_t = β_t (1−ᾱ_{t−1})/(1−ᾱ_t), the variance of q(x_{t−1} | x_t, x0): Ho et al. 2020, eq. 7;
        0 at t = 0 and 1."""
        share = (1 - self.alpha_bar[:-1]) / (1 - self.alpha_bar[1:])
        return torch.cat([self.alpha_bar.new_zeros(1), self.beta[1:] * share])

    @cached_property
    def _rising(self) -> list[float]:
        return self.log_snr.flip(0).tolist()

    def level(self, t: float) -> Level:
        """The level at t in [0, T]; raises UserError outside.

        Between two whole t it runs straight in log-SNR. Where that is infinite at an end, of the first step always
        and of the last one where ᾱ_T = 0, it runs straight in an angle from that end (see `_angle`).
        """
        t = float(t)
        if not 0 <= t <= self.T:
            raise UserError("t must be between 0 and {T}; you gave {t}.", T=self.T, t=t)
        low = int(t)
        if t == low:
            return Level(t, self.alpha_bar[low].item(), self)
        a, b, share = self.log_snr[low].item(), self.log_snr[low + 1].item(), t - low
        if b == -math.inf:
            return Level(t, math.sin((1 - share) * _angle(a)) ** 2, self)
        if a == math.inf:
            return Level(t, math.cos(share * _angle(-b)) ** 2, self)
        return Level(t, _sigmoid(a + share * (b - a)), self)

    def level_at(self, log_snr: float) -> Level:
        """The level with that log-SNR: the inverse of `level(t).log_snr`. Below the schedule's noisiest level
        it is that one, t = T. Raises UserError for NaN."""
        if math.isnan(log_snr):
            raise UserError("The log-SNR of a level must be a number.")
        right = bisect_right(self._rising, log_snr)
        if right == 0:
            return self.level(self.T)
        low, b = self.T - right, self._rising[right - 1]
        if b == log_snr:
            return self.level(low + 1)
        a = self._rising[right]  # level `low` has log-SNR a > log_snr > b, that of level low + 1
        if b == -math.inf:
            share = 1 - _angle(log_snr) / _angle(a)
        elif a == math.inf:
            share = _angle(-log_snr) / _angle(-b)
        else:
            share = (log_snr - a) / (b - a)
        return Level(low + share, _sigmoid(log_snr), self)


def _sigmoid(log_snr: float) -> float:
    """ᾱ of a log-SNR, without overflow at either end."""
    return 1 / (1 + math.exp(-log_snr)) if log_snr >= 0 else math.exp(log_snr) / (1 + math.exp(log_snr))


def _angle(log_snr: float) -> float:
    """atan(signal_rate/noise_rate), from 0 at pure noise to π/2; of −log_snr, the same from the clean picture."""
    return math.atan(math.exp(min(log_snr, 1400) / 2))


# -------------------------------------------------------------------------------------------- the schedules


@dataclass(frozen=True)
class ScheduleKind:
    """A family of schedules: `make(T, **knobs)` builds one member. `title` and `source` are for people."""

    name: str
    title: str
    function: Callable[..., Tensor]
    knobs: tuple[Knob, ...]
    source: str

    def make(self, T: int = 1000, **knobs: float) -> NoiseSchedule:
        """The schedule of T steps (1 … 4000). Raises UserError for a knob it lacks or a value out of
        range."""
        known = {knob.name: knob for knob in self.knobs}
        for name in knobs:
            if name not in known:
                raise UserError("The {title} schedule has no setting {name}.", title=self.title, name=name)
        values = {name: known[name].checked(value) for name, value in knobs.items()}
        return NoiseSchedule(self.name, self.function(_T.checked(T), **values))


_T = Knob("T", 1000, 1, MAX_T, 1, "T")


def _ramp(start: float, end: float, count: int) -> Tensor:
    return torch.linspace(start, end, count, dtype=torch.float64)


def _from_beta(beta: Tensor) -> Tensor:
    return torch.cat([torch.ones(1, dtype=torch.float64), torch.cumprod(1 - beta, 0)])


def linear(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Tensor:
    """β rises evenly: Ho et al. 2020, section 4. The range is theirs for T = 1000; fewer steps leave more
    signal."""
    return _from_beta(_ramp(beta_start, beta_end, T))


def quadratic(T: int, beta_start: float = 1e-4, beta_end: float = 0.02) -> Tensor:
    """√β rises evenly: "The Annotated Diffusion Model" (Rogge & Rasul 2022)."""
    return _from_beta(_ramp(beta_start**0.5, beta_end**0.5, T) ** 2)


def scaled_linear(T: int, beta_start: float = 0.00085, beta_end: float = 0.012) -> Tensor:
    """`quadratic` over the range of Stable Diffusion: the configurations of Rombach et al. 2022."""
    return quadratic(T, beta_start, beta_end)


def sigmoid(T: int, beta_start: float = 1e-4, beta_end: float = 0.02, sigmoid_range: float = 6.0) -> Tensor:
    """β = β_start + (β_end − β_start)·σ(u), u even over [−6, 6]: "The Annotated Diffusion Model"."""
    rise = torch.sigmoid(_ramp(-sigmoid_range, sigmoid_range, T))
    return _from_beta(beta_start + (beta_end - beta_start) * rise)


def cosine(T: int, offset: float = 0.008, max_beta: float = 0.999) -> Tensor:
    """ᾱ = f(t)/f(0), f = cos²(π/2·(t/T + s)/(1 + s)), s the offset, β clipped: Nichol & Dhariwal 2021, eq.
    17."""
    f = torch.cos((_ramp(0, 1, T + 1) + offset) / (1 + offset) * (math.pi / 2)) ** 2
    return _from_beta((1 - f[1:] / f[:-1]).clamp(max=max_beta))


def sigmoid_alpha_bar(T: int, gamma_start: float = -3.0, gamma_end: float = 3.0, tau: float = 1.0) -> Tensor:
    """ᾱ itself a falling sigmoid, rescaled to 1 … 0 and kept above 1e-9: Jabri et al. 2022, appendix B. Its flat ends
    are tilted by 1e-9, so that ᾱ falls at every t."""
    u = torch.sigmoid(_ramp(gamma_start, gamma_end, T + 1) / tau)
    tilt = _ramp(0, 1e-9, T + 1)
    return torch.minimum(torch.maximum((u[-1] - u) / (u[-1] - u[0]), 2e-9 - tilt), 1 - tilt)


def _betas(start: float, end: float) -> tuple[Knob, Knob]:
    return (Knob("beta_start", start, 1e-6, 0.05, 1e-6, "First β"),
            Knob("beta_end", end, 1e-5, 0.1, 1e-4, "Last β"))


SCHEDULES: dict[str, ScheduleKind] = {kind.name: kind for kind in (
    ScheduleKind("linear", "Linear", linear, _betas(1e-4, 0.02), "Ho et al. 2020"),
    ScheduleKind("cosine", "Cosine", cosine, (
        Knob("offset", 0.008, 0.0, 0.2, 0.001, "Offset s"),
        Knob("max_beta", 0.999, 0.5, 0.9999, 0.0001, "Largest β")), "Nichol & Dhariwal 2021"),
    ScheduleKind("quadratic", "Quadratic", quadratic, _betas(1e-4, 0.02),
                 "The Annotated Diffusion Model 2022"),
    ScheduleKind("sigmoid", "Sigmoid", sigmoid, (
        *_betas(1e-4, 0.02), Knob("sigmoid_range", 6.0, 0.5, 12.0, 0.1, "Range of the sigmoid")),
        "The Annotated Diffusion Model 2022"),
    ScheduleKind("scaled_linear", "Scaled linear", scaled_linear, _betas(0.00085, 0.012),
                 "Rombach et al. 2022"),
    ScheduleKind("sigmoid_alpha_bar", "Sigmoid ᾱ", sigmoid_alpha_bar, (
        Knob("gamma_start", -3.0, -6.0, 0.0, 0.1, "Start of the sigmoid"),
        Knob("gamma_end", 3.0, 0.5, 6.0, 0.1, "End of the sigmoid"),
        Knob("tau", 1.0, 0.1, 2.0, 0.05, "Temperature τ")), "Jabri et al. 2022"),
    ScheduleKind("custom", "Your own", lambda T, points=drawn.POINTS: drawn.through(drawn.read(points), T), (
        Knob("points", drawn.POINTS, label="Drawn curve"),), "drawn by hand"),
)}


def zero_terminal_snr(schedule: NoiseSchedule) -> NoiseSchedule:
    """√ᾱ shifted so that ᾱ_T = 0 and scaled so that ᾱ_1 stays: Lin et al. 2024, algorithm 1."""
    s = schedule.alpha_bar[1:].sqrt()
    kept = (s - s[-1]) * (s[0] / (s[0] - s[-1])) if schedule.T > 1 else torch.zeros_like(s)
    return NoiseSchedule(schedule.name, torch.cat([schedule.alpha_bar[:1], kept**2]))


def custom(alpha_bar_points: Sequence[float], T: int = 1000) -> NoiseSchedule:
    """A drawn curve: ᾱ through two or more points in [0, 1], even over t = 0 … T (see `drawn.through`).
    Raises UserError for bad points."""
    points = [float(point) for point in alpha_bar_points]
    if len(points) < 2 or not all(0 <= point <= 1 for point in points):
        raise UserError("A drawn curve needs two or more points, each between 0 and 1.")
    return NoiseSchedule("custom", drawn.through(points, _T.checked(T)))


# -------------------------------------------------------------------------------------------- sampling levels

SPACINGS = ("trailing", "leading", "linspace", "log_snr", "karras")


def spaced(schedule: NoiseSchedule, steps: int, spacing: str = "trailing") -> list[Level]:
    """The steps + 1 levels of a sampling run, noise → data, ending at t = 0.

    trailing   t = T, T − T/n, … rounded: Lin et al. 2024, table 2; begins in pure noise, the default
    leading    t = 1 + k·⌊T/n⌋: as DDPM and DDIM were published; begins below T
    linspace   n values of t even from T to 1, rounded
    log_snr    n levels even in log-SNR from T to 1 (Lu et al. 2022); t may be fractional
    karras     n levels even in σ^(1/7) from T to 1 (Karras et al. 2022, eq. 5); t may be fractional

    Raises UserError unless 1 ≤ steps ≤ T.
    """
    T = schedule.T
    n = Knob("steps", 1, 1, T, 1, "Steps").checked(steps)
    if spacing not in SPACINGS:
        raise UserError("Spacing must be one of: {choices}.", choices=", ".join(SPACINGS))
    if spacing in ("log_snr", "karras") and n > 1:
        return _even(schedule, n, karras=spacing == "karras")
    if spacing == "leading":
        ts = [1 + k * (T // n) for k in range(n)][::-1]
    elif spacing == "linspace" and n > 1:
        ts = [1 + round((T - 1) * k / (n - 1)) for k in range(n)][::-1]
    else:
        ts = [round(T - k * (T / n)) for k in range(n)]
    return [schedule.level(t) for t in (*ts, 0)]


def _even(schedule: NoiseSchedule, n: int, karras: bool, rho: float = 7.0) -> list[Level]:
    """n ≥ 2 levels even in log-SNR or in σ^(1/ρ), then t = 0. Where ᾱ_T = 0 both are infinite at T: it comes
    first all the same, and the rest are as if the schedule began at T − 1."""
    T = schedule.T
    top = schedule.level(T if schedule.alpha_bar[T] > 0 else T - 1)
    a, b = top.log_snr, schedule.level(1).log_snr
    if karras:
        a, b = math.exp(-a / 2 / rho), math.exp(-b / 2 / rho)  # σ^(1/ρ), σ² = 1/SNR
    between = [a + (b - a) * k / (n - 1) for k in range(1, n - 1)]
    if karras:
        between = [-2 * rho * math.log(value) for value in between]
    return [schedule.level(T), *map(schedule.level_at, between), schedule.level(1), schedule.level(0)]


def on_clock(levels: Sequence[Level], schedule: NoiseSchedule) -> list[Level]:
    """The same noise levels with t told by `schedule`: for a network trained on one schedule and sampled on
    another. Levels noisier than that schedule's noisiest are told t = T."""
    return [Level(schedule.level_at(level.log_snr).t, level.alpha_bar, schedule) for level in levels]
