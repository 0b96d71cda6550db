"""What a model believes about a noised picture, in every parameterisation, and the closed forms around it.

x = signal_rate·x0 + noise_rate·ε throughout: Ho et al. 2020, eq. 4. Where a *level* is taken, it is one
`Level` for the whole batch or a sequence of them, one a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from playground.errors import UserError
from playground.schedules import Level, NoiseSchedule

KINDS = ("eps", "x0", "v", "score")
NO_SIGNAL = (
    "A network that predicts noise cannot start where no signal is left (ᾱ = 0): "
    "switch zero terminal SNR off, or use a network that predicts v or x0."
)


def rates(level: Level | Sequence[Level], like: Tensor) -> tuple[float | Tensor, float | Tensor]:
    """(signal_rate, noise_rate): numbers for one level; for a sequence of B levels two (B, 1, …) tensors with
    the dtype, the device and the number of axes of `like` (B, …)."""
    if isinstance(level, Level):
        return level.signal_rate, level.noise_rate
    pairs = torch.tensor(
        [[each.signal_rate for each in level], [each.noise_rate for each in level]], dtype=torch.float64
    ).to(like.device, like.dtype)
    signal, noise = pairs.view(2, len(level), *[1] * (like.ndim - 1))
    return signal, noise


@dataclass(frozen=True, eq=False)
class Prediction:
    """x̂0 and ε̂, both (B, …), and the level they were made at: signal_rate·x0 + noise_rate·eps is the x asked about."""

    x0: Tensor
    eps: Tensor
    level: Level | Sequence[Level]

    @classmethod
    def from_output(cls, kind: str, output: Tensor, x: Tensor, level: Level | Sequence[Level]) -> Prediction:
        """From a network's output (B, …) of `kind` eps, x0, v or score, at noised pictures x (B, …).

        One 2×2 solve does them all: x = a·x0 + s·ε is one row, output = p·x0 + q·ε the other. Raises
        UserError for eps and score where no signal is left (a = 0): x0 is then anybody's guess.
        """
        if kind not in KINDS:
            raise ValueError(f"prediction kind must be one of {KINDS}, not {kind!r}")
        a, s = rates(level, x)
        if kind == "score":  # score = −ε/s; told as ε it stays finite at s = 0
            kind, output = "eps", -s * output
        if kind == "x0":  # singular only at s = 0, where x is x0 and ε is free
            return cls(output, (x - a * output) / _nonzero(s), level)
        p, q = (0.0, 1.0) if kind == "eps" else (-s, a)
        determinant = a * q - s * p
        if _nonzero(determinant) is not determinant:
            raise UserError(NO_SIGNAL)
        return cls((q * x - s * output) / determinant, (a * output - p * x) / determinant, level)

    @property
    def x(self) -> Tensor:
        """The noised picture this is a belief about."""
        a, s = rates(self.level, self.x0)
        return a * self.x0 + s * self.eps

    @property
    def v(self) -> Tensor:
        """signal_rate·ε − noise_rate·x0: Salimans & Ho 2022, appendix D."""
        a, s = rates(self.level, self.x0)
        return a * self.eps - s * self.x0

    @property
    def score(self) -> Tensor:
        """∇ log q_t(x) = −ε/noise_rate: Song et al. 2021, section 3.2. Not finite at t = 0."""
        return -self.eps / rates(self.level, self.x0)[1]


def _nonzero(value: float | Tensor) -> float | Tensor:
    """The value itself where it has no zero in it; otherwise with 1 in their place."""
    if not isinstance(value, Tensor):
        return value or 1.0
    return torch.where(value == 0, 1.0, value) if bool((value == 0).any()) else value


def q_sample(x0: Tensor, level: Level | Sequence[Level], eps: Tensor) -> Tensor:
    """A draw of q(x_t | x0) made from noise eps, both (B, …): Ho et al. 2020, eq. 4."""
    a, s = rates(level, x0)
    return a * x0 + s * eps


def q_step(x: Tensor, schedule: NoiseSchedule, t: int, eps: Tensor) -> Tensor:
    """One link of the chain, x_t = √α_t·x_{t−1} + √β_t·ε, t = 1 … T: Ho et al. 2020, eq. 2."""
    return schedule.alpha[t].sqrt().item() * x + schedule.beta[t].sqrt().item() * eps


def posterior_weights(here: Level, there: Level) -> tuple[float, float, float]:
    """(weight of x0, weight of x, variance) of q(x_there | x_here, x0), for any two levels, `there` the
    cleaner one: Ho et al. 2020, eq. 6 and 7, with α = ᾱ_here/ᾱ_there in place of α_t."""
    alpha = here.alpha_bar / there.alpha_bar
    beta = 1 - alpha
    left = (1 - there.alpha_bar) / (1 - here.alpha_bar)
    return there.signal_rate * beta / (1 - here.alpha_bar), alpha**0.5 * left, beta * left


def posterior(x0: Tensor, x: Tensor, schedule: NoiseSchedule, t: int) -> tuple[Tensor, float]:
    """Mean μ̃ (B, …) and variance β̃ of q(x_{t−1} | x_t = x, x0), t = 1 … T."""
    weight_x0, weight_x, variance = posterior_weights(schedule.level(t), schedule.level(t - 1))
    return weight_x0 * x0 + weight_x * x, variance


def guide(unconditional: Prediction, conditional: Prediction, guidance_scale: float | Tensor) -> Prediction:
    """ε_u + w(ε_c − ε_u), classifier-free guidance: Ho & Salimans 2022, eq. 6 (there w is ours less 1).

    w is a number or a tensor that broadcasts. At w = 1 the conditional prediction exactly and at 0 the
    unconditional one, which lerp promises and the formula in floating point does not.
    """
    return Prediction(
        torch.lerp(unconditional.x0, conditional.x0, guidance_scale),
        torch.lerp(unconditional.eps, conditional.eps, guidance_scale),
        conditional.level,
    )


def clip(prediction: Prediction, limit: float = 1.0) -> Prediction:
    """x̂0 clamped to [−limit, limit], and ε̂ moved so that x stays the same picture (at t = 0, where it
    can't, x moves)."""
    a, s = rates(prediction.level, prediction.x0)
    x0 = prediction.x0.clamp(-limit, limit)
    return Prediction(x0, prediction.eps + (prediction.x0 - x0) * (a / _nonzero(s)), prediction.level)


def beliefs(
    kind: str,
    output: Tensor,
    x: Tensor,
    levels: Sequence[Level],
    scales: Sequence[float],
    limits: Sequence[float],
    told: Sequence[int],
    without: Sequence[int],
) -> list[tuple[Tensor, Tensor]]:
    """(x̂0, ε̂), (1, C, H, W) each, of N pictures that a network was asked about in R rows: `Prediction.from_output`,
    `guide` and `clip`, to the bit, in one operation. Whoever answers many people at once can't wait for Python's lock
    after each addition.

    Args:
        kind, output, x, levels: as `from_output` has them, R rows.
        scales, limits: of guidance and clipping, N of each; a limit may be infinite.
        told, without: in which row each picture was asked with its condition, and in which without.
    """
    numbers, direct = [], kind == "x0"
    for level in levels:
        a, s = level.signal_rate, level.noise_rate
        p, q = (-s, a) if kind == "v" else (0.0, 1.0)
        determinant = (s or 1.0) if direct else a * q - s * p
        if not determinant:
            raise UserError(NO_SIGNAL)
        numbers.append([a, s, p, q, determinant, -s if kind == "score" else 1.0])
    done = _scripted()(output, x, numbers, list(scales), list(limits), list(told), list(without), direct)
    return list(zip(done[::2], done[1::2], strict=True))


def _beliefs(
    output: Tensor,
    x: Tensor,
    numbers: list[list[float]],
    scales: list[float],
    limits: list[float],
    told: list[int],
    without: list[int],
    direct: bool,
) -> list[Tensor]:
    """Picture by picture, whose numbers the processor has at hand; a whole batch is too large for that."""
    seen: list[tuple[Tensor, Tensor]] = []
    for row in range(len(numbers)):
        a, s, p, q, determinant, factor = numbers[row]
        noised, said = x[row : row + 1], output[row : row + 1].contiguous().to(x.dtype) * factor
        if direct:
            seen.append((said, (noised - a * said) / determinant))
        else:
            seen.append(((q * noised - s * said) / determinant, (a * said - p * noised) / determinant))
    done: list[Tensor] = []
    for k in range(len(told)):
        x0, eps = seen[told[k]]
        if without[k] != told[k]:
            x0, eps = torch.lerp(seen[without[k]][0], x0, scales[k]), torch.lerp(seen[without[k]][1], eps, scales[k])
        a, s = numbers[told[k]][:2]
        clean = x0.clamp(-limits[k], limits[k])
        done += [clean, eps + (x0 - clean) * (a / (s if s != 0 else 1.0))]
    return done


@cache
def _scripted() -> Callable[..., list[Tensor]]:
    return torch.jit.script(_beliefs)
