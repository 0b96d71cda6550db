"""`python -m playground.autoencode --data FOLDER_OR_ZIP --out FOLDER`: trains the autoencoder of a latent model.

The first of two stages (Rombach et al. 2022, arXiv:2112.10752, §3.1); the second is `playground.train --autoencoder
FOLDER`, which leaves it as it is. It learns to give back pictures from noised latents, by their mean absolute error:
that keeps edges sharp where the squared one blurs them.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tqdm import tqdm

from .autoencoder import Autoencoder
from .data import PictureSet, held_out, read_pictures
from .errors import UserError
from .quality import psnr
from .recipe import Recipe
from .runtimes import choose_device, threads


def fit(pictures: PictureSet, args: argparse.Namespace, device: torch.device) -> Autoencoder:
    """An autoencoder trained on these for so many images or minutes. Every draw is a function of the seed."""
    torch.manual_seed(args.seed)
    net = Autoencoder(args.dims, args.blocks).to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.lr, betas=(0.9, 0.99), fused=True)
    draw, began, seen = torch.Generator().manual_seed(args.seed), time.monotonic(), 0
    with tqdm(total=args.images, unit="img", unit_scale=True) as bar:
        while (progress := max(seen / args.images, (time.monotonic() - began) / 60 / args.minutes)) < 1:
            x = pictures.x0(torch.multinomial(pictures.weights, args.batch, replacement=True, generator=draw))
            x = x.to(device, memory_format=torch.channels_last)
            side = x.shape[-1] // net.factor
            noise = args.noise * torch.randn(len(x), net.channels, side, side, generator=draw)
            loss = F.l1_loss(net(x, noise.to(device)), x)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            for group in optimiser.param_groups:
                group["lr"] = args.lr * min(1.0, (seen + args.batch) / 3200) * 0.5 * (1 + math.cos(math.pi * progress))
            optimiser.step()
            seen += args.batch
            bar.update(args.batch)
            bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
    return net.eval()


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m playground.autoencode", description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder or zip of pictures, as for playground.train")
    parser.add_argument("--out", required=True, type=Path, help="the folder where it goes")
    parser.add_argument("--size", type=int, default=64, help="side of the pictures in pixels (%(default)s)")
    parser.add_argument("--dims", type=int, nargs="+", default=[32, 96], help="channels at a half, a quarter … (32 96)")
    parser.add_argument("--blocks", type=int, default=2, help="at each of them (%(default)s)")
    parser.add_argument("--noise", type=float, default=0.05, help="on the latents, standard deviation (%(default)s)")
    parser.add_argument("--images", type=int, default=100_000, help="stop after having seen so many (%(default)s)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="or after so long, whichever is first")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--held-out", type=int, default=Recipe.held_out, help="as in the training (%(default)s)")
    parser.add_argument("--seed", type=int, default=Recipe.seed, help="as in the training (%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = arguments().parse_args(argv)
    try:
        device = choose_device(args.device)
        torch.set_num_threads(threads())
        if args.size % 2 ** len(args.dims):
            raise UserError("--size must be a multiple of {factor}.", factor=2 ** len(args.dims))
        training, held = held_out(read_pictures(args.data, args.size), args.held_out, seed=args.seed)
        net = fit(training, args, device)
    except UserError as error:
        sys.exit(f"playground.autoencode: {error}")
    net.save_pretrained(args.out)
    if len(held):
        print(f"{args.out}: {psnr(net, held.x0().to(device)):.2f} dB on {len(held)} pictures held out")


if __name__ == "__main__":
    main()
