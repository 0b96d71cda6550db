"""Somebody else's samplers, in float64, and exact flows: what our samplers are compared with.

`python tests/references.py` prints the table of samplers: measured order, largest difference from diffusers,
cost.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from playground.samplers import SAMPLERS, count_evaluations, run
from playground.schedules import (
    SCHEDULES,
    Level,
    NoiseSchedule,
    spaced,
)
from playground.theory.exact import (
    Gaussian,
    Mixture,
    gaussian,
    mixture,
)

T = 600  # divisible by every number of steps below and, for PNDM, its half steps too
STEPS = (1, 2, 3, 10, 50)
COUNTS = (20, 40, 80, 160)  # steps that orders are measured over
SCHEDULE = SCHEDULES["linear"].make(T, beta_end=0.03)


def draws(seed: int) -> Callable[[Sequence[int]], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return lambda shape: torch.randn(tuple(shape), generator=generator, dtype=torch.float64)


def model() -> Mixture:
    """The net that both sides ask: of three components, so that nothing about it is linear."""
    noise = draws(5)
    return mixture(0.5 * noise((3, 3, 4, 4)), torch.tensor([0.2, 0.1, 0.4]), torch.tensor([0.5, 0.2, 0.3]))


# -------------------------------------------------------------------------------------------- diffusers


class _Double:
    """A module that says float64 when asked for float32."""

    def __init__(self, module) -> None:
        self._module = module
        self.float32 = module.float64

    def __getattr__(self, name: str):
        return getattr(self._module, name)


@contextlib.contextmanager
def double(module_name: str, noise: Callable[[Sequence[int]], Tensor]) -> Iterator[object]:
    """A scheduler module of diffusers that computes in float64 and draws its noise from `noise`.

    They hold betas and sigmas, and some of them the sample, in float32: what is left in common is 1e-4.
    """
    module = importlib.import_module(f"diffusers.schedulers.{module_name}")
    swaps = {"torch": _Double(torch), "np": _Double(np), "randn_tensor": lambda shape, **_: noise(shape)}
    before = {name: getattr(module, name) for name in swaps if hasattr(module, name)}
    try:
        for name in before:
            setattr(module, name, swaps[name])
        yield module
    finally:
        for name, value in before.items():
            setattr(module, name, value)


# our name: (diffusers' module, class, its settings, spacing of the levels, our knobs)
THEIRS: dict[str, tuple[str, str, dict, str, dict]] = {
    "ddpm": ("scheduling_ddpm", "DDPMScheduler", {"variance_type": "fixed_small", "clip_sample": False}, "leading", {}),
    "ddpm beta": (
        "scheduling_ddpm",
        "DDPMScheduler",
        {"variance_type": "fixed_large", "clip_sample": False},
        "leading",
        {"variance": "beta"},
    ),
    "ddim": ("scheduling_ddim", "DDIMScheduler", {"clip_sample": False}, "trailing", {}),
    "ddim eta": ("scheduling_ddim", "DDIMScheduler", {"clip_sample": False}, "trailing", {"eta": 0.7}),
    "euler_ancestral": ("scheduling_euler_ancestral_discrete", "EulerAncestralDiscreteScheduler", {}, "trailing", {}),
    "heun": ("scheduling_heun_discrete", "HeunDiscreteScheduler", {}, "trailing", {}),
    "dpmpp_2m": ("scheduling_dpmsolver_multistep", "DPMSolverMultistepScheduler", {}, "trailing", {}),
    "dpmpp_2m sigma_min": (
        "scheduling_dpmsolver_multistep",
        "DPMSolverMultistepScheduler",
        {"final_sigmas_type": "sigma_min", "lower_order_final": False},
        "trailing",
        {},
    ),
    "dpmpp_2m_sde": (
        "scheduling_dpmsolver_multistep",
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++"},
        "trailing",
        {},
    ),
    "dpmpp_2s": (
        "scheduling_dpmsolver_singlestep",
        "DPMSolverSinglestepScheduler",
        {"lower_order_final": True},
        "trailing",
        {},
    ),
    "unipc": ("scheduling_unipc_multistep", "UniPCMultistepScheduler", {}, "trailing", {}),
    "unipc sigma_min": (
        "scheduling_unipc_multistep",
        "UniPCMultistepScheduler",
        {"final_sigmas_type": "sigma_min"},
        "trailing",
        {},
    ),
    "deis": ("scheduling_deis_multistep", "DEISMultistepScheduler", {}, "trailing", {}),
    "pndm": ("scheduling_pndm", "PNDMScheduler", {"set_alpha_to_one": True}, "trailing", {}),
    "lcm": ("scheduling_lcm", "LCMScheduler", {"timestep_scaling": 1e9}, "trailing", {}),
}


def levels_of(case: str, steps: int, half: bool) -> list[Level]:
    """`steps` steps from noise, or, of twice as many, the last half. Where theirs stop at σ_min, so do
    ours."""
    levels = spaced(SCHEDULE, 2 * steps if half else steps, THEIRS[case][3])[-steps - 1 :]
    stops = "sigma_min" in case or case == "deis"  # deis has no other end
    return [*levels[:-1], SCHEDULE.level(1)] if stops else levels


def ours(case: str, levels: Sequence[Level], x: Tensor) -> Tensor:
    return run(SAMPLERS[case.split()[0]].function(x, levels, draws(3), **THEIRS[case][4]), model())


def theirs(case: str, kind: str, levels: Sequence[Level], x: Tensor, half: bool) -> Tensor:
    """The same run by diffusers, from x at levels[0], the net answering in `kind` (eps or v)."""
    name, class_name, settings, spacing, knobs = THEIRS[case]
    schedule, denoise, last = SCHEDULE, model(), round(levels[-2].t) - 1
    steps = (len(levels) - 1) * (2 if half else 1)
    if case == "pndm":  # it can't start in the middle, and it adds up v of different levels as if they were eps
        schedule = NoiseSchedule("start", SCHEDULE.alpha_bar[: round(levels[0].t) + 1])
        kind, half, steps = "eps", False, len(levels) - 1
    told = class_name in ("DPMSolverSinglestepScheduler", "LCMScheduler")  # these have no trailing spacing
    if case == "lcm":
        settings = {**settings, "original_inference_steps": schedule.T}
    with double(name, draws(3)) as module:
        scheduler = getattr(module, class_name)(
            num_train_timesteps=schedule.T,
            trained_betas=schedule.beta[1:].tolist(),
            prediction_type={"eps": "epsilon", "v": "v_prediction"}[kind],
            **settings,
            **({} if told else {"timestep_spacing": spacing}),
        )
        if told:
            scheduler.set_timesteps(timesteps=[round(level.t) - 1 for level in levels[:-1]])
            half = False
        else:
            scheduler.set_timesteps(steps)
        first = 0
        if half:
            ts = scheduler.timesteps.tolist()
            first = len(ts) - 1 - ts[::-1].index(round(levels[0].t) - 1)  # of two equal ones the second
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first)
        if case in ("euler_ancestral", "heun"):  # these hold x/a
            x = x / levels[0].signal_rate
        knobs = {"eta": knobs["eta"]} if case == "ddim eta" else {}
        for t in scheduler.timesteps[first:]:
            if case == "deis" and int(t) == last:
                scheduler.lower_order_nums = 0  # from 15 steps on it would end in second order
            answer = getattr(denoise(scheduler.scale_model_input(x, t), schedule.level(int(t) + 1)), kind)
            x = scheduler.step(answer, t, x, **knobs).prev_sample
    return x


def difference(case: str, kind: str, steps: int, half: bool) -> float:
    """The largest difference of any number, over the largest number. Half: from pictures noised half-way."""
    levels = levels_of(case, steps, half)
    x = draws(1)((2, 3, 4, 4))
    if half:
        x = levels[0].signal_rate * model().means[:2] + levels[0].noise_rate * x
    want = theirs(case, kind, levels, x, half)
    return float((ours(case, levels, x) - want).abs().max() / want.abs().max())


def compared(case: str) -> list[tuple[str, str, int, bool]]:
    """(case, eps or v, steps, from half-way): all of it, less for the variants of a sampler and, being slow, 50 steps.
    (diffusers' PNDM starts with three Runge–Kutta steps and can't do fewer; its Heun flies off in so few.)"""
    every = [(case, kind, steps, half) for kind in ("eps", "v") for steps in STEPS for half in (False, True)]
    return [
        how
        for how in every
        if (case not in ("pndm", "heun") or how[2] > 3)
        and (" " not in case or how[2] in (3, 10))
        and (how[2] < 50 or (how[1] == "v") == how[3])
    ]


# -------------------------------------------------------------------------------------------- exact flows


def flow_1d(cloud: Mixture, x: Tensor, here: Level, there: Level) -> Tensor:
    """The probability flow of a mixture of numbers, x (B, 1): in one dimension nothing overtakes, so that it
    keeps the share of the data to the left, and is solved by bisection."""

    def left(x: Tensor, level: Level) -> Tensor:
        spread = (level.alpha_bar * cloud.stds**2 + level.noise_rate**2).sqrt()
        u = (x - level.signal_rate * cloud.means.flatten()) / spread
        return (cloud.weights * torch.special.ndtr(u)).sum(1, keepdim=True)

    want = left(x, here)
    low, high = torch.full_like(x, -20), torch.full_like(x, 20)
    for _ in range(100):
        middle = (low + high) / 2
        below = left(middle, there) < want
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return (low + high) / 2


def measured_order(name: str, denoise: Gaussian | Mixture, even: str, counts: Sequence[int] = COUNTS) -> float:
    """The slope of log error against log steps, from t = 900 to t = 20 of a cosine schedule, levels even in
    log-SNR or in t, against the exact flow."""
    schedule = SCHEDULES["cosine"].make(1000)
    first, last = schedule.level(900), schedule.level(20)
    x = torch.tensor([[1.7], [-0.4], [0.9]], dtype=torch.float64)
    flow = denoise.flow if isinstance(denoise, Gaussian) else lambda *at: flow_1d(denoise, *at)
    exact = flow(x, first, last)
    errors = []
    for n in counts:
        if even == "t":
            levels = [schedule.level(900 - 880 * k / n) for k in range(n + 1)]
        else:
            path = [first.log_snr + (last.log_snr - first.log_snr) * k / n for k in range(n + 1)]
            levels = [schedule.level_at(log_snr) for log_snr in path]
        end = run(SAMPLERS[name].function(x, levels, draws(0)), denoise)
        errors.append(float((end - exact).abs().max()))
    return -float(np.polyfit(np.log(counts), np.log(errors), 1)[0])


def numbers() -> Mixture:
    return mixture(torch.tensor([[-0.8], [0.1], [0.9]]), torch.tensor([0.3, 0.25, 0.4]))


def table() -> str:
    rows = [
        "| sampler | measured order | largest difference from diffusers | NFE at 5, 10, 20, 50 steps |",
        "|---|---|---|---|",
    ]
    for name, sampler in SAMPLERS.items():
        order = f"{measured_order(name, gaussian(0.3, 0.5), 'snr'):.2f}" if sampler.order else "–"
        far = [difference(*how) for case in THEIRS if case.split()[0] == name for how in compared(case)]
        cost = ", ".join(str(count_evaluations(name, spaced(SCHEDULE, steps))) for steps in (5, 10, 20, 50))
        rows.append(f"| {name} | {order} | {f'{max(far):.0e}' if far else '–'} | {cost} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
