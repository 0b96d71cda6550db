"""The variational bound taken apart: L = L_T + Σ_t L_{t−1} + L_0 (Ho et al. 2020, eq. 5), in nats unless said.

    L_T      KL(q(x_T | x0) ‖ N(0, 1))                     what x_T still knows of the picture; no model in it
    L_{t−1}  KL(q(x_{t−1} | x_t, x0) ‖ p(x_{t−1} | x_t))   one step back, for t = 2 … T
    L_0      −log p(x0 | x_1)                              the last step, into 256 grey levels

Given the schedule, all that a model contributes to L_{t−1} is its mean squared error at t, times a weight. To ask about
every t would take minutes, so a run asks at t drawn by chance, more often where more is to be told (`drawn`), and
divides by that chance: the sum is right on average, whatever the error's curve, and how far it may be off is known
(`bound`). The sum over a curve through some levels is not: the error bends between them, and an upper bound came out
below what it bounds.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.errors import UserError
from playground.predictions import Prediction, q_sample
from playground.schedules import Level, NoiseSchedule

VARIANCES = ("beta_tilde", "beta")  # σ_t² of the reverse step, as the ddpm sampler names them
BIN = 1 / 255  # half the distance of two grey levels in [−1, 1]


# ------------------------------------------------------------------------------------ closed forms


def normal_kl(mean1: Tensor, variance1: Tensor, mean2: Tensor, variance2: Tensor) -> Tensor:
    """KL(N(mean1, variance1) ‖ N(mean2, variance2)), elementwise."""
    ratio = torch.as_tensor(variance1 / variance2)
    return 0.5 * (ratio - 1 - ratio.log() + (mean1 - mean2) ** 2 / variance2)


def reverse_variance(schedule: NoiseSchedule, variance: str = "beta_tilde") -> Tensor:
    """(T+1,) σ_t². "beta" is β_t; "beta_tilde" is β̃_t, except at t = 1, where β̃_1 = 0 would make the decoder
    a spike: β̃_2 stands there, as in Ho et al.'s code (β_1 if T = 1). Index 0 is 0."""
    if variance not in VARIANCES:
        raise UserError("The variance must be one of: {choices}.", choices=", ".join(VARIANCES))
    if variance == "beta":
        return schedule.beta
    sigma2 = schedule.posterior_variance.clone()
    sigma2[1] = sigma2[2] if schedule.T > 1 else schedule.beta[1]
    return sigma2


def posterior_coefficients(schedule: NoiseSchedule) -> tuple[Tensor, Tensor]:
    """(of x0, of x_t): μ̃ = of_x0[t]·x0 + of_x[t]·x_t (Ho et al. 2020, eq. 7). Both (T+1,), NaN at t = 0."""
    before, now = schedule.alpha_bar[:-1], schedule.alpha_bar[1:]
    nothing = now.new_full((1,), math.nan)
    of_x0 = before.sqrt() * schedule.beta[1:] / (1 - now)
    of_x = schedule.alpha[1:].sqrt() * (1 - before) / (1 - now)
    return torch.cat([nothing, of_x0]), torch.cat([nothing, of_x])


def loss_weight(schedule: NoiseSchedule, variance: str = "beta") -> Tensor:
    """(T+1,) λ_t = β_t² / (2σ_t² α_t (1−ᾱ_t)), the weight of ‖ε − ε_θ‖² in L_{t−1}, which L_simple replaces
    by 1 (Ho et al. 2020, eq. 12 and 14). NaN at t = 0; infinite where a step leaves no signal (α_t = 0).

    At t = 1 it is the weight of the same Gaussian term; the decoder L_0 stands there in the bound.
    """
    sigma2 = reverse_variance(schedule, variance)
    weight = schedule.beta**2 / (2 * sigma2 * schedule.alpha * (1 - schedule.alpha_bar))
    return torch.cat([weight.new_full((1,), math.nan), weight[1:]])


def step_weight(schedule: NoiseSchedule, variance: str = "beta_tilde") -> tuple[Tensor, Tensor]:
    """(weight, constant), both (T+1,): L_{t−1} per dimension = weight[t]·(mean of (x0 − x̂0)²) + constant[t].

    The constant is what a variance other than β̃ costs. Entries 0 and 1 are 0: L_{t−1} begins at t = 2.
    """
    sigma2, beta_tilde = reverse_variance(schedule, variance), schedule.posterior_variance
    of_x0, _ = posterior_coefficients(schedule)
    weight, ratio = of_x0**2 / (2 * sigma2), beta_tilde / sigma2
    constant = 0.5 * (ratio - 1 - ratio.log())
    weight[:2] = constant[:2] = 0
    return weight, constant


def prior_kl(x0: Tensor, schedule: NoiseSchedule) -> Tensor:
    """L_T of each value of x0 (B, …), in nats: KL(N(√ᾱ_T x0, 1−ᾱ_T) ‖ N(0, 1))."""
    alpha_bar = schedule.alpha_bar[-1]
    one = torch.ones((), dtype=torch.float64)
    return normal_kl(alpha_bar.sqrt() * x0.double(), 1 - alpha_bar, torch.zeros_like(one), one)


def discretised_nll(x0: Tensor, mean: Tensor, variance: float | Tensor) -> Tensor:
    """L_0 of each value, in nats: minus the log of the mass that N(mean, variance) gives to the grey level of
    x0, the end levels reaching to ±∞ (Ho et al. 2020, eq. 13). x0 in [−1, 1] on the grid of 256 levels."""
    x0, std = x0.double(), torch.as_tensor(variance, dtype=torch.float64).sqrt()
    upper = torch.where(x0 > 0.999, math.inf, (x0 + BIN - mean) / std)
    lower = torch.where(x0 < -0.999, -math.inf, (x0 - BIN - mean) / std)
    # Φ(u) − Φ(l) without cancellation: mirror a bin in the right tail into the left, then subtract in logs.
    right = lower > 0
    upper, lower = torch.where(right, -lower, upper), torch.where(right, -upper, lower)
    log_upper, log_lower = torch.special.log_ndtr(upper), torch.special.log_ndtr(lower)
    return -(log_upper + torch.log1p(-torch.exp(log_lower - log_upper)))


# ------------------------------------------------------------------------------------ measuring a model


def chances(schedule: NoiseSchedule) -> Tensor:
    """(T+1,) how likely each t = 2 … T is to be asked about: 0.7 of it by what a step costs where the data is N(0, 1),
    ∝ weight/(1 + SNR), and 0.3 even in t, for the curves that a person reads. Zeros where T is 1."""
    weight, _ = step_weight(schedule)
    cost = torch.nan_to_num(weight * (1 - schedule.alpha_bar), nan=0.0, posinf=0.0)
    even = torch.ones_like(cost)
    even[:2] = 0
    shares = [share / share.sum() if share.sum() > 0 else share for share in (cost, even)]
    return shares[1] if not shares[0].any() else 0.7 * shares[0] + 0.3 * shares[1]


def drawn(schedule: NoiseSchedule, count: int, generator: torch.Generator) -> list[int]:
    """t = 1 twice, then `count` (even) values of t ≥ 2, rising: one from each of so many parts of equal chance."""
    if schedule.T == 1:
        return [1, 1]
    reached = chances(schedule).cumsum(0)
    places = (torch.arange(count) + torch.rand(count, generator=generator, dtype=torch.float64)) / count
    ts = torch.searchsorted(reached, places * reached[-1], right=True).clamp(2, schedule.T)
    return [1, 1, *ts.tolist()]


@torch.no_grad()
def asking(x0: Tensor, levels: Sequence[Level], noise) -> Generator[tuple[Tensor, Level], Prediction, Tensor]:
    """A "sampler" that goes nowhere: noises x0 (1, …) afresh to each level in turn and asks what is in it.

    Driven by `samplers.run` or by the engine, like any other; the answers are read from the steps.
    """
    for level in levels:
        yield q_sample(x0, level, noise(x0.shape)), level
    return x0


@dataclass(frozen=True)
class Misses:
    """Mean squared errors per value of one prediction at t. `score` is (1−ᾱ)·|s_θ − ∇log q(x_t | x0)|², worked
    out from the scores alone: denoising score matching (Vincent 2011), which is `eps` by another road."""

    t: float
    x0: float
    eps: float
    v: float
    score: float


def misses(x0: Tensor, x: Tensor, level: Level, prediction: Prediction) -> Misses:
    """How wrong a prediction about x = q_sample(x0, level, ε) is; all (…), t ≥ 1."""
    x0, x, a, s = x0.double(), x.double(), level.signal_rate, level.noise_rate
    eps = (x - a * x0) / s
    belief = Prediction(prediction.x0.double(), prediction.eps.double(), level)
    true_score = -(x - a * x0) / (1 - level.alpha_bar)
    return Misses(
        level.t,
        x0=(belief.x0 - x0).square().mean().item(),
        eps=(belief.eps - eps).square().mean().item(),
        v=(belief.v - (a * eps - s * x0)).square().mean().item(),
        score=(1 - level.alpha_bar) * (belief.score - true_score).square().mean().item(),
    )


def mean_misses(errors: Sequence[Misses], count: int = 32) -> list[Misses]:
    """Means over neighbouring t: about `count` Misses, t rising; those of one t stay together, of t = 1 apart."""
    least = len(errors) / count
    groups: list[list[Misses]] = []
    for each in sorted(errors, key=lambda each: each.t):
        last = groups[-1] if groups else None
        if last and (last[-1].t == each.t or (len(last) < least and last[-1].t > 1)):
            last.append(each)
        else:
            groups.append([each])
    names = ("t", "x0", "eps", "v", "score")
    return [
        Misses(**{name: math.fsum(getattr(each, name) for each in group) / len(group) for name in names})
        for group in groups
    ]


@dataclass(frozen=True)
class Bound:
    """The bound's terms, in bits per dimension; `steps` is (T+1,), L_{t−1} at index t, 0 below t = 2.

    `total` is right on average over the draws of t and of noise, and `error` is its standard error.
    """

    prior: float
    steps: Tensor
    decoder: float
    error: float = 0.0

    @property
    def total(self) -> float:
        """All of it, L_T + Σ L_{t−1} + L_0."""
        return self.prior + self.steps.sum().item() + self.decoder


def bound(
    schedule: NoiseSchedule,
    runs: Sequence[Sequence[Misses]],
    prior: float,
    decoders: Sequence[Sequence[float]],
    variance: str = "beta_tilde",
) -> Bound:
    """The bound, averaged over runs of one picture each: their errors at the t of `drawn`, in its order, without t = 1;
    L_T, and each run's L_0 (two or more), in nats per dimension.

    Σ L_{t−1} is Σ weight·error/chance over a run's draws (importance sampling in strata). Two draws that follow each
    other differ by chance, and by the little between their strata: from those differences comes the standard error,
    rather too large than too small. The curve of L_{t−1} runs through `mean_misses`, and is scaled to that sum.
    """
    weight, constant = step_weight(schedule, variance)
    # Where a step leaves no signal both are infinite or undefined; there is then nothing left to tell.
    weight, constant = (torch.nan_to_num(each, nan=0.0, posinf=0.0) for each in (weight, constant))
    chance, sums, spread = chances(schedule), [], 0.0
    for run, ends in zip(runs, decoders, strict=True):
        ts = [round(each.t) for each in run]
        missed = torch.tensor([each.x0 for each in run], dtype=torch.float64)
        costs = weight[ts] * missed / (chance[ts] * max(1, len(ts)))
        sums.append(costs.sum().item())
        spread += ((costs[::2] - costs[1::2]) ** 2).sum().item()
        spread += torch.tensor(ends, dtype=torch.float64).var().item() / len(ends)
    told = math.fsum(sums) / len(sums)
    nats = constant.clone()
    if any(runs):
        rows = mean_misses([each for run in runs for each in run])
        shape = weight * interpolated(schedule, [row.t for row in rows], [row.x0 for row in rows])
        nats += shape * (told / shape.sum().clamp(min=1e-300))
    bits = 1 / math.log(2)
    decoder = math.fsum(math.fsum(ends) / len(ends) for ends in decoders) / len(decoders)
    return Bound(prior * bits, nats * bits, decoder * bits, math.sqrt(spread) / len(runs) * bits)


def interpolated(schedule: NoiseSchedule, ts: Sequence[float], values: Sequence[float]) -> Tensor:
    """(T+1,) positive values known at rising ts, for every t: log(value) is straight over log-SNR between them, and
    constant beyond the first and the last."""
    at = torch.tensor([-schedule.level(t).log_snr for t in ts], dtype=torch.float64)
    logs = torch.tensor(values, dtype=torch.float64).clamp(min=1e-30).log()
    if len(at) == 1:
        return logs.exp().expand(schedule.T + 1)
    wanted = (-schedule.log_snr).clamp(at[0].item(), at[-1].item())
    right = torch.searchsorted(at, wanted).clamp(1, len(at) - 1)
    share = ((wanted - at[right - 1]) / (at[right] - at[right - 1])).nan_to_num(0.0).clamp(0, 1)
    return torch.lerp(logs[right - 1], logs[right], share).exp()
