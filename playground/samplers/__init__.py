"""Samplers as generators that ask: each yields a `Query` and is sent a `Prediction`; none ever calls a model.

All are called `sampler(x, levels, noise, **knobs)`: x (B, …) float64 at levels[0]; `levels` from noise to data;
`noise(shape)` gives a fresh standard normal draw and is called once for each that is used. They return x at
levels[-1], which is a picture where that is t = 0.

In the code here → there is the step in hand. In the formulas a and s are signal_rate and noise_rate, σ = s/a, and a
prime marks `there`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from playground.knobs import Knob
from playground.predictions import Prediction
from playground.samplers.ancestral import (
    ddim,
    ddpm,
    euler_ancestral,
    langevin,
    lcm,
)
from playground.samplers.driving import (
    Noise,
    Query,
    Sampling,
    run,
)
from playground.samplers.exponential import (
    deis,
    dpmpp_2m,
    dpmpp_2m_sde,
    dpmpp_2s,
    unipc,
)
from playground.samplers.slopes import heun, pndm
from playground.schedules import Level

__all__ = ["SAMPLERS", "Noise", "Query", "Sampler", "Sampling", "count_evaluations", "run"]


@dataclass(frozen=True)
class Sampler:
    """A sampler, and what a person should know of it.

    order: its error against the probability flow falls as steps^−order; 0 where it does not follow the flow.
    evaluations: network calls a step, at the knobs' defaults; `count_evaluations` is exact.
    """

    name: str
    title: str
    function: Callable[..., Sampling]
    order: int
    evaluations: float
    stochastic: bool
    knobs: tuple[Knob, ...]
    paper: str


def _eta(default: float) -> Knob:
    return Knob("eta", default, 0.0, 1.0, 0.05, "η, the share of fresh noise")


SAMPLERS: dict[str, Sampler] = {
    sampler.name: sampler
    for sampler in (
        Sampler("ddim", "DDIM", ddim, 1, 1, False, (_eta(0.0),), "Song, Meng & Ermon 2021"),
        Sampler(
            "ddpm",
            "DDPM",
            ddpm,
            0,
            1,
            True,
            (Knob("variance", "beta_tilde", label="Variance σ²", choices=("beta_tilde", "beta")),),
            "Ho et al. 2020",
        ),
        Sampler("euler_ancestral", "Euler ancestral", euler_ancestral, 0, 1, True, (_eta(1.0),), "Crowson 2022"),
        Sampler(
            "heun",
            "Heun (EDM)",
            heun,
            2,
            2,
            False,
            (Knob("churn", 0.0, 0.0, 100.0, 1.0, "Churn"),),
            "Karras et al. 2022",
        ),
        Sampler("dpmpp_2m", "DPM-Solver++ 2M", dpmpp_2m, 2, 1, False, (), "Lu et al. 2022"),
        Sampler("dpmpp_2s", "DPM-Solver++ 2S", dpmpp_2s, 2, 1, False, (), "Lu et al. 2022"),
        Sampler("dpmpp_2m_sde", "DPM-Solver++ 2M SDE", dpmpp_2m_sde, 0, 1, True, (_eta(1.0),), "Lu et al. 2022"),
        Sampler("unipc", "UniPC", unipc, 2, 1, False, (), "Zhao et al. 2023"),
        Sampler("deis", "DEIS", deis, 2, 1, False, (), "Zhang & Chen 2023"),
        Sampler("pndm", "PNDM", pndm, 2, 1, False, (), "Liu et al. 2022"),
        Sampler("lcm", "LCM", lcm, 0, 1, True, (), "Luo et al. 2023"),
        Sampler(
            "langevin",
            "Langevin",
            langevin,
            0,
            2,
            True,
            (
                Knob("predictor", "ancestral", label="Between levels", choices=("ancestral", "none")),
                Knob("corrections", 1, 1, 20, 1, "Langevin steps per level"),
                Knob("step_size", 0.1, 0.005, 0.5, 0.005, "Langevin step size"),
            ),
            "Song & Ermon 2019; Song et al. 2021",
        ),
    )
}


def count_evaluations(name: str, levels: Sequence[Level], **knobs: object) -> int:
    """How many queries a run over these levels asks (NFE, before guidance doubles it)."""
    return _count(name, tuple(levels), tuple(knobs.items()))


@lru_cache(maxsize=256)
def _count(name: str, levels: tuple[Level, ...], knobs: tuple[tuple[str, object], ...]) -> int:
    asked: list[Tensor] = []
    draft = SAMPLERS[name].function(torch.zeros(1), levels, torch.zeros, **dict(knobs))
    run(draft, lambda x, level: Prediction(x, x, level), lambda x, *_: asked.append(x))
    return len(asked)
