"""The training of an autoencoder."""

from __future__ import annotations

import argparse
import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from playground.models.autoencoder import Autoencoder
from playground.models.initial import InitialWeights
from playground.models.variational import DRAWS, CodeAutoencoder, divergence
from playground.training import quality
from playground.training.data import PictureSet

LOOK = 25  # steps after which the loss is looked at
MEASURED = 4096  # pictures by which it is known where codes lie, and half as many that draws are compared with


def fit(pictures: PictureSet, args: argparse.Namespace, device: torch.device) -> Autoencoder | CodeAutoencoder:
    """An autoencoder trained on these for so many images or minutes: with `args.kl` one of codes, by the evidence lower
    bound (Kingma & Welling 2014, equation 7), else one of latents. Every draw is a function of the seed."""
    with InitialWeights(args.seed):
        if args.kl is None:
            net = Autoencoder(args.dims, args.blocks)
        else:
            net = CodeAutoencoder(args.size, args.code, args.dims, variational=args.kl > 0)
    net = net.to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.lr, betas=(0.9, 0.99), fused=True)
    draw, began, seen = torch.Generator(device).manual_seed(args.seed), time.monotonic(), 0
    pixels, weights = pictures.pixels.to(device), pictures.weights.to(device)
    forward = torch.compile(net) if args.compile else net
    with tqdm(total=args.images, unit="img", unit_scale=True) as bar:
        while (progress := max(seen / args.images, (time.monotonic() - began) / 60 / args.minutes)) < 1:
            step = seen // args.batch
            x = pixels[torch.multinomial(weights, args.batch, replacement=True, generator=draw)].float() / 127.5 - 1
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                if args.kl is None:
                    side = x.shape[-1] // net.factor
                    noise = args.noise * torch.randn(len(x), net.channels, side, side, generator=draw, device=device)
                    loss = F.l1_loss(forward(x, noise).float(), x)
                else:
                    returned, apart = forward(x, torch.randn(len(x), net.code, generator=draw, device=device))
                    loss = F.mse_loss(returned.float(), x) + args.kl * apart.float().mean() / x[0].numel()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            for group in optimiser.param_groups:
                group["lr"] = args.lr * min(1.0, (seen + args.batch) / 3200) * 0.5 * (1 + math.cos(math.pi * progress))
            optimiser.step()
            seen += args.batch
            bar.update(args.batch)
            if step % LOOK == 0:  # a GPU has to be waited for
                bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
    if isinstance(net, CodeAutoencoder):
        net.eval().measure(pictures.x0(_some(pictures, args.seed)).to(device).split(256))
    return net.eval()


def _some(pictures: PictureSet, seed: int) -> Tensor:
    """Some of them at random, (MEASURED,): a set may be in any order."""
    return torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))[:MEASURED]


@torch.no_grad()
def figures(net: CodeAutoencoder, pictures: PictureSet, held: PictureSet, seed: int = 0) -> dict:
    """What a trained one is like, measured on the CPU by some pictures of its training.

    psnr: in dB, of pictures held out, if any. spread: of the numbers of a code the smallest and the largest standard
    deviation; far: how far from 0 the farthest of their means is; nats: the mean divergence of a code. frechet: the
    distance, by `quality.features`, of as many pictures as `pictures` says to as many real ones: of codes drawn in each
    of `DRAWS`, of codes of pictures ("returned"), and of other real ones.
    """
    net = net.cpu()
    generator = torch.Generator().manual_seed(seed)
    rows = _some(pictures, seed)
    real, others = (pictures.x0(half) for half in rows[: len(rows) // 2 * 2].chunk(2))
    mean, log_variance = (torch.cat(part) for part in zip(*map(net.posterior, others.split(256)), strict=True))
    codes = mean + (0.5 * log_variance).exp() * torch.randn(mean.shape, generator=generator)
    nats = divergence(mean, log_variance).mean().item() if net.variational else None
    drawn = {draw: net.at_random(len(real), torch.Generator().manual_seed(seed), draw) for draw in DRAWS}
    drawn["returned"] = codes
    made = {name: torch.cat([net.decode(part) for part in z.split(256)]) for name, z in drawn.items()}
    to = quality.features(real)
    return {
        "psnr": round(quality.psnr(net, held.x0()), 2) if len(held) else None,
        "spread": [round(value.item(), 3) for value in codes.std(dim=0).aminmax()],
        "far": round(codes.mean(dim=0).abs().max().item(), 3),
        "nats": nats and round(nats, 1),
        "pictures": len(real),
        "frechet": {
            name: round(quality.frechet_distance(quality.features(each), to), 4)
            for name, each in (made | {"real": others}).items()
        },
    }
