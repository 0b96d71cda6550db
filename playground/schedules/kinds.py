"""Noise schedules: how much of the picture is left at each t, and which t a sampler visits.

All is float64 and indexed by t = 0 … T: t = 0 is the clean picture (`alpha_bar[0] == 1`), t = T the noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.errors import UserError
from playground.knobs import Knob
from playground.schedules import drawn
from playground.schedules.axis import MAX_T, NoiseSchedule

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
    return (Knob("beta_start", start, 1e-6, 0.05, 1e-6, "First β"), Knob("beta_end", end, 1e-5, 0.1, 1e-4, "Last β"))


SCHEDULES: dict[str, ScheduleKind] = {
    kind.name: kind
    for kind in (
        ScheduleKind("linear", "Linear", linear, _betas(1e-4, 0.02), "Ho et al. 2020"),
        ScheduleKind(
            "cosine",
            "Cosine",
            cosine,
            (
                Knob("offset", 0.008, 0.0, 0.2, 0.001, "Offset s"),
                Knob("max_beta", 0.999, 0.5, 0.9999, 0.0001, "Largest β"),
            ),
            "Nichol & Dhariwal 2021",
        ),
        ScheduleKind("quadratic", "Quadratic", quadratic, _betas(1e-4, 0.02), "The Annotated Diffusion Model 2022"),
        ScheduleKind(
            "sigmoid",
            "Sigmoid",
            sigmoid,
            (*_betas(1e-4, 0.02), Knob("sigmoid_range", 6.0, 0.5, 12.0, 0.1, "Range of the sigmoid")),
            "The Annotated Diffusion Model 2022",
        ),
        ScheduleKind("scaled_linear", "Scaled linear", scaled_linear, _betas(0.00085, 0.012), "Rombach et al. 2022"),
        ScheduleKind(
            "sigmoid_alpha_bar",
            "Sigmoid ᾱ",
            sigmoid_alpha_bar,
            (
                Knob("gamma_start", -3.0, -6.0, 0.0, 0.1, "Start of the sigmoid"),
                Knob("gamma_end", 3.0, 0.5, 6.0, 0.1, "End of the sigmoid"),
                Knob("tau", 1.0, 0.1, 2.0, 0.05, "Temperature τ"),
            ),
            "Jabri et al. 2022",
        ),
        ScheduleKind(
            "custom",
            "Your own",
            lambda T, points=drawn.POINTS: drawn.through(drawn.read(points), T),
            (Knob("points", drawn.POINTS, label="Drawn curve"),),
            "drawn by hand",
        ),
    )
}


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
