"""`python -m playground.distil --teacher NAME --data FOLDER_OR_ZIP --out checkpoints/NAME`: a student in few steps.

It learns to land with each of its few steps where its teacher lands with many guided ones, and has the guidance inside:
4 evaluations in place of 40. See `training.distilling`. --data is the teacher's: prompts, styles and lines are drawn
from it, pictures are not.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import torch

from playground.checkpoints import Checkpoint, load, locate, writable
from playground.errors import UserError
from playground.models.devices import choose_device, threads
from playground.models.initial import InitialWeights
from playground.training.data import in_latents, read_pictures, with_lines
from playground.training.distilling import Distillation, Distiller, distil, recipe_of
from playground.training.trainer import Trainer

CARD = """---
license: apache-2.0
library_name: pytorch
tags: [ddpm, diffusion, distillation, text-to-image]
---
# {name}

A student of {teacher}, for {steps} steps of DDIM with a guidance of {guidance:g} inside: {steps} evaluations of the
network in place of {before}. It learnt on {trajectories:,} trajectories of its teacher, {images:,} steps of them,
in {minutes:.0f} minutes. What it can be asked for, and from what pictures it comes, is on its teacher's card.
"""


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m playground.distil", description=__doc__.split("\n")[0])
    parser.add_argument("--teacher", required=True, help="a name in checkpoints/, a folder, or an id on the Hub")
    parser.add_argument("--data", required=True, help="the teacher's folder or zip of pictures")
    parser.add_argument("--out", required=True, type=Path, help="where the student goes: checkpoints/NAME")
    parser.add_argument("--steps", type=int, default=Distillation.steps, help="of the student (%(default)s)")
    parser.add_argument("--teacher-steps", type=int, default=Distillation.teacher_steps, help="(%(default)s)")
    parser.add_argument(
        "--guidance", type=float, default=Distillation.guidance, help="the teacher's (%(default)s)"
    )
    parser.add_argument("--pool", type=int, default=Distillation.pool, help="trajectories at a time (%(default)s)")
    parser.add_argument("--updates", type=int, default=Distillation.updates, help="steps on each pool (%(default)s)")
    parser.add_argument("--images", type=int, default=700_000, help="stop after having seen so many (%(default)s)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="or after so long, whichever is first")
    parser.add_argument("--batch", type=int, default=512, help="(%(default)s)")
    parser.add_argument("--lr", type=float, default=8e-4, help="(%(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--compile", action="store_true", help="torch.compile: faster, needs a C++ compiler")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = arguments().parse_args(argv)
    try:
        writable(args.out)
        device = choose_device(args.device)
        torch.set_num_threads(threads())
        folder = locate(args.teacher)
        teacher = load(folder, device)
        if not isinstance(teacher, Checkpoint):
            raise UserError("Only models that were trained here can be distilled.")
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        recipe = recipe_of(config, batch=args.batch, lr=args.lr, warmup=30, cooldown=0.8, ema=0.997, drop_prompt=0.1)
        pictures = read_pictures(args.data, teacher.picture_size)
        pictures = with_lines(pictures, device) if recipe.lines else pictures
        latent = teacher.space.factor > 1
        pictures = in_latents(pictures, teacher.space) if latent else pictures
        trainer = Trainer(recipe, pictures, device, args.compile, teacher, teacher.space if latent else None)
        plan = Distillation(args.steps, args.teacher_steps, args.guidance, args.pool, updates=args.updates)
        distiller = Distiller(trainer, teacher, plan, torch.compile(teacher.model) if args.compile else None)
        distil(distiller, args.images, args.minutes)
        with InitialWeights():
            student = Checkpoint(**config | {"guidance": args.guidance, "steps": args.steps})
        student.load_state_dict(trainer.mean.state_dict())
        about = {"teacher": teacher.name, "steps": args.steps, "guidance": args.guidance, "name": args.out.name}
        about |= {"before": args.teacher_steps * (2 if teacher.conditional and args.guidance not in (0, 1) else 1)}
        about |= {"trajectories": distiller.drawn * plan.pool, "images": trainer.images}
        student.save(args.out, CARD.format(**about, minutes=trainer.seconds / 60))
    except UserError as error:
        sys.exit(f"playground.distil: {error}")


if __name__ == "__main__":
    main()
