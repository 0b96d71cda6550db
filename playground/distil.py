"""`python -m playground.distil --teacher NAME --data FOLDER_OR_ZIP --out checkpoints/NAME`: a student in few steps.

It learns to land with each of its few steps where its teacher lands with many guided ones, and has the guidance inside:
4 evaluations in place of 40. See `training.distilling`. --data is the teacher's: prompts, styles and lines are drawn
from it, pictures are not. The state lies in a folder of runs/, is written every two minutes and on Ctrl-C, and the same
command goes on from there; --start goes on from a student that is finished, into another folder.

With --adversary a judge that learns to tell its pictures from the real ones is trained beside it: a finish, which makes
the blurred sharp. See `training.adversary`. That is for a student that is there already (--start), and takes small
batches, few trajectories and small steps: --batch 8 --pool 64 --updates 60 --lr 3e-5.
"""

from __future__ import annotations

import argparse
import json

import torch

from playground.checkpoints import Checkpoint, load, locate
from playground.errors import UserError
from playground.models.initial import InitialWeights
from playground.training import command
from playground.training.adversary import Finish, Finisher
from playground.training.data import in_latents, read_pictures, with_lines
from playground.training.distilling import Distillation, Distiller, distil, recipe_of
from playground.training.session import runs_of
from playground.training.trainer import Trainer

CARD = """---
license: apache-2.0
library_name: pytorch
tags: [ddpm, diffusion, distillation, text-to-image]
---
# {name}

A student of {teacher}, for {steps} steps of DDIM with a guidance of {guidance:g} inside: {steps} evaluations of the
network in place of {before}. What it can be asked for, and from what pictures it comes, is on its teacher's card.

| | |
|---|---|
| seen | {images:,} steps of {trajectories:,} trajectories of its teacher, in {minutes:.0f} minutes |
| begun with | the weights of {start} |
| settings | {settings} |
| training loss | {loss:.5f} (MSE on v) |

Load it with `playground.checkpoints.load("{name}")`.
"""

LEARNING = {"cooldown": 0.8, "ema": 0.997}
# A finish takes small batches, for which Muon's own work would be a third of all; and it is where nothing is asked that
# a student is most blurred.
FINISHING = {"optimiser": "adamw", "cooldown": 0.5, "ema": 0.99, "drop_all": 0.25}


def settings(distiller: Distiller) -> str:
    """What decided how it learnt, for the card."""
    recipe = distiller.trainer.recipe
    shown = {key: getattr(recipe, key) for key in ("optimiser", "batch", "lr", "ema")}
    return ", ".join(f"{key} {value}" for key, value in (shown | distiller.settings).items())


def arguments() -> argparse.ArgumentParser:
    out = "where the student goes: checkpoints/NAME"
    parser = command.arguments("distil", __doc__, "the teacher's pictures", out, 700_000)
    parser.add_argument("--teacher", required=True, help="a name in checkpoints/, a folder, or an id on the Hub")
    parser.add_argument("--start", help="begin with the weights of this student of the same teacher (the teacher's)")
    parser.add_argument("--steps", type=int, default=Distillation.steps, help="of the student (%(default)s)")
    parser.add_argument("--teacher-steps", type=int, default=Distillation.teacher_steps, help="(%(default)s)")
    parser.add_argument("--guidance", type=float, default=Distillation.guidance, help="the teacher's (%(default)s)")
    parser.add_argument("--pool", type=int, default=Distillation.pool, help="trajectories at a time (%(default)s)")
    parser.add_argument("--updates", type=int, default=Distillation.updates, help="steps on each pool (%(default)s)")
    parser.add_argument("--adversary", type=float, default=0.0, metavar="WEIGHT",
                        help="of a judge's pull towards real pictures, beside the regression's (none)")  # fmt: skip
    parser.add_argument("--batch", type=int, default=1024, help="(%(default)s)")
    parser.add_argument("--lr", type=float, default=8e-4, help="(%(default)s)")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = arguments().parse_args(argv)
    with command.told("distil"):
        device = command.ready(args)
        folder = locate(args.teacher)
        teacher = load(folder, device)
        if not isinstance(teacher, Checkpoint):
            raise UserError("Only models that were trained here can be distilled.")
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        recipe = recipe_of(config, batch=args.batch, lr=args.lr, warmup=30, drop_prompt=0.1,
                           **FINISHING if args.adversary else LEARNING)  # fmt: skip
        pictures = read_pictures(args.data, teacher.picture_size)
        pictures = with_lines(pictures, device) if recipe.lines else pictures
        latent = teacher.space.factor > 1
        pictures = in_latents(pictures, teacher.space) if latent else pictures
        start = load(args.start, device) if args.start else teacher
        trainer = Trainer(recipe, pictures, device, args.compile, start, teacher.space if latent else None)
        plan = Distillation(args.steps, args.teacher_steps, args.guidance, args.pool, updates=args.updates)
        forward = torch.compile(teacher.model) if args.compile else None
        if args.adversary:
            distiller = Finisher(trainer, teacher, plan, Finish(args.adversary), forward)
        else:
            distiller = Distiller(trainer, teacher, plan, forward)
        distil(distiller, args.out, runs_of(args.out), args.images, args.minutes)
        inside = {"guidance": args.guidance, "steps": args.steps, "teacher": teacher.name}
        with InitialWeights():
            student = Checkpoint(**config | inside)
        student.load_state_dict(trainer.mean.state_dict())
        before = args.teacher_steps * (2 if teacher.conditional and args.guidance not in (0, 1) else 1)
        about = inside | {"name": args.out.name, "before": before, "start": start.name, "minutes": trainer.seconds / 60}
        about |= {"trajectories": -(-trainer.step // plan.updates) * plan.pool, "images": trainer.images}
        student.save(args.out, CARD.format(**about, settings=settings(distiller), loss=trainer.loss))


if __name__ == "__main__":
    main()
