"""Noise schedules: ᾱ_t over t = 0 … T, their kinds, and which levels a sampler visits."""

from playground.schedules.axis import MAX_T, Level, NoiseSchedule
from playground.schedules.kinds import (
    SCHEDULES,
    ScheduleKind,
    cosine,
    custom,
    linear,
    quadratic,
    scaled_linear,
    sigmoid,
    sigmoid_alpha_bar,
    zero_terminal_snr,
)
from playground.schedules.spacing import SPACINGS, on_clock, spaced

__all__ = [
    "Level",
    "MAX_T",
    "NoiseSchedule",
    "SCHEDULES",
    "SPACINGS",
    "ScheduleKind",
    "cosine",
    "custom",
    "linear",
    "on_clock",
    "quadratic",
    "scaled_linear",
    "sigmoid",
    "sigmoid_alpha_bar",
    "spaced",
    "zero_terminal_snr",
]
