"""The training of an autoencoder."""

from __future__ import annotations

import argparse
import math
import time

import torch
import torch.nn.functional as F
from tqdm import tqdm

from playground.models.autoencoder import Autoencoder
from playground.models.initial import InitialWeights
from playground.models.variational import CodeAutoencoder
from playground.training.data import PictureSet

LOOK = 25  # steps after which the loss is looked at
MEASURED = 4096  # pictures by which it is known where codes lie


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
        net.eval().measure([x.float() / 127.5 - 1 for x in pixels[:MEASURED].split(256)])
    return net.eval()
