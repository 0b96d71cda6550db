"""`python -m playground.autoencode --data FOLDER_OR_ZIP --out FOLDER`: trains the autoencoder of a latent model.

The first of two stages (Rombach et al. 2022, arXiv:2112.10752, §3.1); the second is `playground.train --autoencoder
FOLDER`, which leaves it as it is. It learns to give back pictures from noised latents, by their mean absolute error:
that keeps edges sharp where the squared one blurs them.

With `--kl WEIGHT` it is a variational autoencoder (Kingma & Welling 2014, arXiv:1312.6114), whose code is one vector:
the mean squared error of a picture's numbers and WEIGHT times the divergence in nats for each of them, which is the
bound where the decoder leaves each number a variance of WEIGHT/2. `--kl 0` is a plain one of the same build. What
pictures its codes make that are drawn at random is measured and kept in figures.json.
"""

from __future__ import annotations

import argparse
import json
import math

from playground.errors import UserError
from playground.models.publishing import publishing
from playground.models.variational import FIGURES
from playground.training import command
from playground.training.autoencoding import figures, fit
from playground.training.data import held_out, read_pictures
from playground.training.quality import psnr
from playground.training.recipe import Recipe


def arguments() -> argparse.ArgumentParser:
    data = "pictures, as for playground.train"
    parser = command.arguments("autoencode", __doc__, data, "the folder where it goes", 100_000)
    parser.add_argument("--size", type=int, default=64, help="side of the pictures in pixels (%(default)s)")
    parser.add_argument(
        "--dims", type=int, nargs="+", help="channels at a half, a quarter … (32 96, with --kl 24 48 96)"
    )
    parser.add_argument("--kl", type=float, metavar="WEIGHT", help="a VAE, by this weight of its divergence; 0: none")
    parser.add_argument("--code", type=int, default=32, help="numbers of a code, with --kl (%(default)s)")
    parser.add_argument("--blocks", type=int, default=2, help="at each of them (%(default)s)")
    parser.add_argument("--noise", type=float, default=0.05, help="on the latents, standard deviation (%(default)s)")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--held-out", type=int, default=Recipe.held_out, help="as in the training (%(default)s)")
    parser.add_argument("--seed", type=int, default=Recipe.seed, help="as in the training (%(default)s)")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = arguments().parse_args(argv)
    with command.told("autoencode"):
        if args.kl is not None and not (0 <= args.kl < math.inf):
            raise UserError("--kl must be 0 or more.")
        args.dims = args.dims or ([32, 96] if args.kl is None else [24, 48, 96])
        if args.size % 2 ** len(args.dims):
            raise UserError("--size must be a multiple of {factor}.", factor=2 ** len(args.dims))
        device = command.ready(args)
        training, held = held_out(read_pictures(args.data, args.size), args.held_out, seed=args.seed)
        net = fit(training, args, device)
    with publishing(args.out) as draft:
        net.save_pretrained(draft)
        if args.kl is not None:
            found = figures(net, training, held, args.seed)
            (draft / FIGURES).write_text(f"{json.dumps(found, indent=1)}\n", encoding="utf-8")
            print(f"{args.out}: {found}")
    if len(held) and args.kl is None:
        print(f"{args.out}: {psnr(net, held.x0().to(device)):.2f} dB on {len(held)} pictures held out")


if __name__ == "__main__":
    main()
