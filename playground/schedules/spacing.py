"""Which levels of a schedule a sampler visits: from noise to data in so many steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

from playground.errors import UserError
from playground.knobs import Knob
from playground.schedules.axis import Level, NoiseSchedule

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
