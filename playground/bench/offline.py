"""Benchmarks without a page: the U-Net, and the samplers around it."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from playground.checkpoints import Checkpoint, load
from playground.engine import job_for
from playground.engine.tasks import run_direct
from playground.models import runtimes
from playground.models.denoiser import UNetDenoiser, an_example, fastest, net_of, told
from playground.models.runtimes import Inputs, Runtime
from playground.predictions import Prediction
from playground.report import Report, in_turn
from playground.samplers import SAMPLERS, run
from playground.samplers.noise import noise_of
from playground.schedules import spaced

BATCHES = (1, 2, 8, 32)
STEPS = 50


@torch.inference_mode()
def inputs_of(checkpoint: Checkpoint, rows: int) -> Inputs:
    """What a batch of a net in use is given."""
    generator = torch.Generator().manual_seed(rows)
    x = torch.randn(rows, checkpoint.channels, checkpoint.size, checkpoint.size, generator=generator)
    t = checkpoint.T * torch.rand(rows, generator=generator)
    return x, t, *told(checkpoint, [an_example(checkpoint)] * rows)


def runtimes_of(checkpoint: Checkpoint) -> dict[str, Runtime]:
    """Every way to run the net that this machine has, plain first, best last."""
    model, example = net_of(checkpoint), inputs_of(checkpoint, 1)
    found = {"eager": runtimes.eager(model)}
    for way in itertools.chain.from_iterable(runtimes.WAYS[next(model.parameters()).device.type]):
        try:
            found[way.__name__] = way(model, example)
        except Exception as error:
            print(f"without {way.__name__}: {error}")
    found["what the engine takes"] = fastest(checkpoint)
    return found


@torch.inference_mode()
def unet(checkpoint: str = "emoji-32", device: str = "cpu", rounds: int = 12, **_) -> Report:
    """ms per picture at batch 1, 2, 8, 32, against eager fp32; and a U-Net of diffusers with equal FLOPs."""
    loaded = load(checkpoint, device)
    found = runtimes_of(loaded)
    flops = count_flops(net_of(loaded), inputs_of(loaded, 1))
    report = Report("unet", [f"ms, batch {b}" for b in BATCHES] + [f"× eager, {b}" for b in BATCHES] + ["PSNR, dB"])
    rival = twin(loaded, flops)
    spent: dict[str, list[float]] = {}
    for batch in BATCHES:
        given = inputs_of(loaded, batch)
        ways: dict[str, Callable] = {
            name: (lambda runtime=runtime, given=given: runtime.forward(*given)) for name, runtime in found.items()
        }
        if rival is not None:
            ways["diffusers UNet2DModel"] = lambda given=given: rival(given[0].to(device), given[1].to(device)).sample
        for name, seconds in in_turn(ways, max(3, rounds // (1 + batch // 16)), calls=3).items():
            spent.setdefault(name, []).append(1000 * seconds / batch)
    plain = picture(loaded, found["eager"])
    for name, times in spent.items():
        error = (picture(loaded, found[name]) - plain).square().mean().item() if name in found else None
        quality = None if error is None else 10 * torch.tensor(4 / max(error, 1e-12)).log10().item()
        report.add(name, *times, *(eager / own for eager, own in zip(spent["eager"], times, strict=True)), quality)
    report.note(f"{flops / 1e9:.2f} GFLOP a picture; ms are per picture, best of {rounds} rounds taken in turn.")
    report.note(f"The engine takes: {found['what the engine takes']}. PSNR of the finished picture, 20 steps.")
    return report


def picture(checkpoint: Checkpoint, runtime: Runtime) -> Tensor:
    """One guided picture of 20 steps, made with this runtime."""
    job = job_for(checkpoint, seed=7, condition=an_example(checkpoint), guidance_scale=2.0)
    *_, (last,) = run_direct(UNetDenoiser(checkpoint, runtime), [job])
    return last.final


@torch.inference_mode()
def count_flops(model: nn.Module, inputs: Inputs) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    device = next(model.parameters()).device
    with FlopCounterMode(display=False) as counter:
        model(*(tensor.to(device) for tensor in inputs))
    return counter.get_total_flops()


def twin(checkpoint: Checkpoint, flops: int) -> nn.Module | None:
    """A diffusers UNet2DModel of about as many FLOPs on the same pictures, or None without diffusers."""
    try:
        from diffusers import UNet2DModel
    except ImportError:
        return None
    x, t, *_ = inputs_of(checkpoint, 1)
    nets = []
    for width in range(16, 129, 16):
        net = UNet2DModel(
            sample_size=checkpoint.size,
            in_channels=checkpoint.channels,
            out_channels=checkpoint.channels,
            layers_per_block=1,
            block_out_channels=(width, 2 * width, 2 * width),
            down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
            norm_num_groups=8,
        ).eval()
        nets.append((abs(count_flops(net, (x, t)) - flops), len(nets), net))
        if len(nets) > 1 and nets[-1][0] > nets[-2][0]:
            break
    return min(nets)[-1].to(next(checkpoint.model.parameters()).device)


# --------------------------------------------------------------------------------------------------- the samplers

RIVALS = {
    "ddim": "DDIMScheduler",
    "ddpm": "DDPMScheduler",
    "euler_ancestral": "EulerAncestralDiscreteScheduler",
    "heun": "HeunDiscreteScheduler",
    "dpmpp_2m": "DPMSolverMultistepScheduler",
    "dpmpp_2s": "DPMSolverSinglestepScheduler",
    "unipc": "UniPCMultistepScheduler",
    "deis": "DEISMultistepScheduler",
    "pndm": "PNDMScheduler",
    "lcm": "LCMScheduler",
}


@torch.no_grad()
def samplers(checkpoint: str = "emoji-32", rounds: int = 12, **_) -> Report:
    """µs per step outside the network, one picture, against the diffusers scheduler of the same kind."""
    loaded = load(checkpoint)
    shape = (1, loaded.channels, loaded.size, loaded.size)
    levels = spaced(loaded.schedule, STEPS)
    belief = Prediction(torch.rand(shape).double(), torch.randn(shape).double(), levels[0])
    report = Report("samplers", ["µs a step", "diffusers, µs", "ratio"])
    for name, entry in SAMPLERS.items():
        x, noise, asked = noise_of(1)(shape), noise_of(2), []

        start = x.float()

        def ours(function=entry.function, x=x, noise=noise, asked=asked) -> None:
            asked.clear()
            run(function(x, levels, noise), lambda x, level: asked.append(0) or belief)

        ways = {"ours": ours}
        theirs = Scheduler.of(RIVALS.get(name))
        if theirs is not None:
            ways["theirs"] = lambda step=theirs, start=start: step(start)
        spent = in_turn(ways, rounds)
        mine = 1e6 * spent["ours"] / len(asked)
        other = 1e6 * spent["theirs"] / theirs.steps if theirs else None
        report.add(name, mine, other, other and other / mine)
    report.note(f"{STEPS} steps of a {loaded.size} × {loaded.size} picture; per evaluation where a step takes several.")
    return report


class Scheduler:
    """A whole run of a diffusers scheduler, around a net that costs nothing."""

    def __init__(self, inner) -> None:
        self.inner = inner
        self.inner.set_timesteps(STEPS)
        self.steps = len(inner.timesteps)

    @classmethod
    def of(cls, name: str | None) -> Scheduler | None:
        """By the name of its class; None without diffusers, or without a name."""
        try:
            import diffusers
        except ImportError:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cls(getattr(diffusers, name)(num_train_timesteps=1000)) if name else None

    def __call__(self, x: Tensor) -> None:
        self.inner.set_timesteps(STEPS)  # also forgets the last run
        output = torch.zeros_like(x)
        for t in self.inner.timesteps:
            x = self.inner.step(output, t, self.inner.scale_model_input(x, t)).prev_sample
