"""Point clouds in the plane: the 2-D twin of a folder of pictures, small enough to see all of q_t at once.

A cloud is a mixture of equal round Gaussians, so its score, its ideal denoiser and its density at every level are
exact (`theory.exact.mixture`). Every cloud but a drawn one has mean 0 and variance 1 per axis on average, as
N(0, 1) has, so q_t keeps its size at all t and only its shape dissolves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.errors import UserError
from playground.predictions import Prediction
from playground.samplers import SAMPLERS, run
from playground.schedules import Level, NoiseSchedule, spaced
from playground.theory.exact import Mixture, mixture

EXTENT = 3.2  # the page shows [−EXTENT, EXTENT]²
MOST_POINTS = 200
MOST_PARTICLES = 2000
MOST_NUMBERS = 180_000  # of a trace sent to the page: 720 kB as float32, under 1 MB as base64
MOST_WORK = 600_000  # evaluations × particles of a run: a few seconds
DRAWN_STD = 0.12


@dataclass(frozen=True, eq=False)
class Cloud:
    """K equally likely round Gaussians N(points[k], std²): `points` is (K, 2) float64."""

    name: str
    points: Tensor
    std: float

    @property
    def denoise(self) -> Mixture:
        """The ideal denoiser, x (B, 2) → Prediction, whose `.score` is ∇log q_t(x); and `.log_density`."""
        return mixture(self.points, self.std)

    def sample(self, count: int, seed: int) -> tuple[Tensor, Tensor]:
        """`count` draws of the cloud and a noise for each, both (count, 2); the first k don't depend on `count`."""
        generator = torch.Generator().manual_seed(seed)
        which = torch.randint(len(self.points), (MOST_PARTICLES,), generator=generator)[:count]
        jitter, eps = torch.randn((2, MOST_PARTICLES, 2), generator=generator, dtype=torch.float64)[:, :count]
        return self.points[which] + self.std * jitter, eps


def _standard(points: Tensor, std: float) -> tuple[Tensor, float]:
    """Moved and scaled so that the mixture has mean 0 and variance 1 per axis, averaged over the two axes."""
    points = points - points.mean(0)
    scale = (points.var(0, correction=0).mean() + std**2) ** -0.5
    return points * scale, std * float(scale)


def _curve(angle: Tensor, radius: Tensor | float) -> Tensor:
    return torch.stack([angle.cos() * radius, angle.sin() * radius], dim=1)


def _line(low: float, high: float, count: int) -> Tensor:
    return torch.linspace(low, high, count, dtype=torch.float64)


def moons() -> tuple[Tensor, float]:
    """Two interleaved half circles."""
    upper = _curve(_line(0, math.pi, 36), 1.0)
    return torch.cat([upper, torch.tensor([1.0, 0.45], dtype=torch.float64) - upper]), 0.085


def spiral() -> tuple[Tensor, float]:
    """One arm of an Archimedean spiral, its points equally far apart along it."""
    angle = 2 * math.pi * 2.25 * _line(0.06, 1, 84).sqrt()
    return _curve(angle, angle / angle.max()), 0.045


def rings() -> tuple[Tensor, float]:
    """Two circles, one in the other; the outer one has the more points, so both are equally dense."""
    circles = ((60, 1.0), (25, 0.42))  # points, radius
    return torch.cat([_curve(2 * math.pi * torch.arange(n, dtype=torch.float64) / n, r) for n, r in circles]), 0.05


def grid() -> tuple[Tensor, float]:
    """Three by three Gaussians: nine modes for a sampler to find, or to miss."""
    side = _line(-1, 1, 3)
    return torch.cartesian_prod(side, side), 0.14


SHAPES: dict[str, Callable[[], tuple[Tensor, float]]] = {
    "moons": moons,
    "spiral": spiral,
    "rings": rings,
    "grid": grid,
}
DRAWN = "draw"  # the name of the cloud a person draws


def cloud(name: str, points: Sequence[Sequence[float]] = ()) -> Cloud:
    """The cloud `name`; for "draw" that of `points`, up to MOST_POINTS pairs within ±EXTENT. Raises UserError."""
    if name == DRAWN:
        return Cloud(DRAWN, checked_points(points), DRAWN_STD)
    if name not in SHAPES:
        choices = ", ".join([*SHAPES, DRAWN])
        raise UserError("There is no point cloud called “{name}”; choose one of {choices}.", name=name, choices=choices)
    return Cloud(name, *_standard(*SHAPES[name]()))


def checked_points(points: object) -> Tensor:
    """Pairs of numbers as (K, 2) float64, K ≥ 0. Raises UserError."""
    if not isinstance(points, list | tuple) or len(points) > MOST_POINTS:
        raise UserError("Points must be a list of at most {most} pairs of numbers.", most=MOST_POINTS)
    for pair in points:
        numbers = isinstance(pair, list | tuple) and [type(v) in (int, float) and abs(v) <= EXTENT for v in pair]
        if numbers != [True, True]:
            raise UserError("Each point must be two numbers between -{extent} and {extent}.", extent=EXTENT)
    return torch.tensor(points, dtype=torch.float64).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class Trace:
    """A run of many particles: `paths` (frames, particles, 2) float64 at `levels`, one of each frame, noise → data.

    `index` is the sampler's step behind each frame (0 = the start), `evaluations` the queries it made.
    """

    levels: list[Level]
    index: list[int]
    paths: Tensor
    evaluations: int


@torch.no_grad()
def trace(
    points: Cloud,
    schedule: NoiseSchedule,
    *,
    sampler: str = "ddim",
    steps: int = 20,
    spacing: str = "trailing",
    seed: int = 7,
    particles: int = 300,
    knobs: dict | None = None,
) -> Trace:
    """Particles from N(0, 1) to the cloud by `SAMPLERS[sampler]` and the exact denoiser.

    A frame is the state at a level: the last query made there, since a corrector asks about a level more than once,
    and midpoints between levels are no frames. Particle k is the same in any company. Long runs are thinned to
    MOST_NUMBERS. Raises UserError for too much work (MOST_WORK), or steps that the schedule can't have.
    """
    entry, knobs = SAMPLERS[sampler], knobs or {}
    if steps * entry.evaluations * knobs.get("corrections", 1) * particles > MOST_WORK:
        raise UserError("So many steps with so many particles would take too long; take fewer of either.")
    generator = torch.Generator().manual_seed(seed)

    def noise(shape: Sequence[int]) -> Tensor:
        return torch.randn((MOST_PARTICLES, 2), generator=generator, dtype=torch.float64)[: shape[0]]

    levels = spaced(schedule, steps, spacing)
    start = noise((particles, 2))
    seen: dict[float, Tensor] = {}
    evaluations = 0

    def record(x: Tensor, level: Level, _prediction: Prediction) -> None:
        nonlocal evaluations
        evaluations += 1
        seen[level.t] = x

    end = run(entry.function(start, levels, noise, **knobs), points.denoise, record)
    seen[levels[-1].t] = end
    index = [i for i, level in enumerate(levels) if level.t in seen]
    most = max(2, MOST_NUMBERS // (2 * particles))
    if len(index) > most:
        index = [index[round(i * (len(index) - 1) / (most - 1))] for i in range(most)]
    return Trace([levels[i] for i in index], index, torch.stack([seen[levels[i].t] for i in index]), evaluations)
