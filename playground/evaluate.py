"""`python -m playground.evaluate CHECKPOINT --data FOLDER_OR_ZIP`: how good a checkpoint is, in numbers and pictures.

On pictures that the training held out: how well it denoises them, whether what it draws for their prompts looks like
them, whether it copies what it was trained on, and what each sampler makes of a number of network evaluations (NFE).
Give the --data of the training; which of it was held out is written in the checkpoint. With other data, pictures that
were trained on may pass for held-out ones.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from playground.checkpoints import (
    FOLDER,
    Checkpoint,
    load,
    locate,
    publishing,
    writable,
)
from playground.errors import UserError, decoded
from playground.images.sheets import contact_sheet
from playground.models.conditioning import Condition
from playground.models.denoiser import Denoiser, UNetDenoiser
from playground.models.devices import choose_device, threads
from playground.runs.settings import check
from playground.samplers import SAMPLERS
from playground.training import quality
from playground.training.cards import evaluation_tables, with_evaluation
from playground.training.data import PictureSet, held_out, read_pictures
from playground.training.recipe import Recipe

SAMPLER, STEPS = "ddpm", 20  # of the pictures for retrieval, copying and the sheet
REFERENCE, REFERENCE_STEPS = "heun", 250  # where the others' pictures of the same noise should end up
SHEET_SEED = 7
LONG = 50  # steps beyond which only a fifth of the pictures is made: those runs would take most of the time
PROMPTS = [prompt.strip() for prompt in """
    red heart, grinning face, face with tears of joy, crying face, clown face, thumbs up, ghost, robot,
    cat face, dog face, tiger face, pig face, monkey face, lion, bear, panda, fox, frog, chicken, penguin, owl, fish,
    octopus, butterfly, snail, turtle, sunflower, rose, cactus, mushroom, red apple, banana, grapes, strawberry,
    watermelon, carrot, pizza, hamburger, french fries, birthday cake, cookie, ice cream, hot beverage, beer mug,
    soccer ball, trophy, guitar, camera, telephone, light bulb, pencil, scissors, key, hammer, alarm clock, house,
    castle, bicycle, bus, airplane, rocket, sailboat, rainbow, fire
""".split(",")]  # fmt: skip

QUICK = {"prompted": 32, "pictures": 10, "steps": [5, 10, 20], "shown": 16}
NO_DATA = "Denoising error, retrieval, copying and energy distance need --data, enough of it to hold two pictures out."


@dataclass
class Evaluation:
    """A model with what it is measured on; `results` fills as the measures are taken, `skipped` says which were not."""

    denoise: Denoiser
    args: argparse.Namespace
    pictures: tuple[PictureSet, PictureSet] | None  # for training, held out; None without data
    asked: list[tuple[str, str]]  # prompt and style of each picture on the sheet
    results: dict = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.checkpoint, asked = self.denoise.checkpoint, self.asked
        if self.pictures:
            training, held = self.pictures
            self.training, self.held = quality.features_of(training), quality.features_of(held)  # (N, F) each
            asked = zip(held.texts, held.styles, strict=True)
        self.conditions = [self.checkpoint.parse(text, style or None)[0] for text, style in asked]
        # In a drawn order, so that the first few are of every style.
        self.order = torch.randperm(len(self.conditions), generator=torch.Generator().manual_seed(0)).tolist()

    def denoising(self) -> None:
        """Mean squared error of x̂0 on the held-out pictures, or on their latents, by log-SNR."""
        x0, space = self.pictures[1].x0(), self.checkpoint.space
        if space.factor > 1:
            self.results["reconstruction"] = quality.psnr(space, x0.to(self.args.device))
            x0 = space.encode(x0.to(self.args.device)).cpu()
        errors = quality.denoising_error(self.denoise, x0, self.conditions)
        self.results["denoising_error"] = {f"{level:g}": error for level, error in errors.items()}

    def drawn(self, conditions: Sequence[Condition], label: str) -> Tensor:
        """(N, F): features of one picture for each condition, the kth from seed k."""
        seeds = range(len(conditions))
        return quality.features(
            quality.generate(self.denoise, conditions, seeds, SAMPLER, STEPS, self.args.guidance, label)[0]
        )

    def likeness(self) -> None:
        """Retrieval and copying, of one picture for each held-out prompt and style, and for as many of the training."""
        training, held = self.pictures
        asked = self.order[: self.args.prompted]
        made = self.drawn([self.conditions[k] for k in asked], "prompts held out")
        self.results["copying"] = quality.copying(made, self.held, self.training) | {"pictures": len(made)}
        if not any(condition.words for condition in self.conditions):
            self.skipped.append("Retrieval needs a model that takes prompts, and pictures with captions.")
            return
        # Of the training as many as were held out, and of the same kind.
        usual = (training.weights >= 1).nonzero()[:, 0].tolist()
        chosen = random.Random(0).sample(usual, min(len(held), len(usual)))
        seen, there = training.subset(chosen), list(range(len(chosen)))[: len(asked)]
        again = [self.checkpoint.parse(seen.texts[k], seen.styles[k] or None)[0] for k in there]
        remade = self.drawn(again, "prompts seen")
        copies = quality.copying(remade, self.held, self.training)
        self.results["copying"]["seen"] = {key: copies[key] for key in ("generated", "closer")}
        found = {"generated": (made, asked, held, self.held), "seen": (remade, there, seen, self.training[chosen])}
        pairs, others = quality.other_styles(held, training)
        if pairs:
            found["other_styles"] = (self.training[others], pairs, held, self.held)
        self.results["retrieval"] = retrieval = {"pictures": len(asked)}
        for name, among in found.items():
            ranks = quality.ranks(*among)
            retrieval[name] = {f"top_{n}": quality.share_within(ranks, n) for n in (1, 5)}
        retrieval["chance"] = {f"top_{n}": quality.chance(asked, held, n) for n in (1, 5)}

    def samplers(self) -> None:
        """What each sampler makes of so many steps, from the same noises for the same prompts, without guidance, which
        doubles the NFE and leaves the data's distribution on purpose."""
        many, few = self.args.pictures, max(2, self.args.pictures // 5)
        conditions = [self.conditions[self.order[k % len(self.order)]] for k in range(many)]
        last = min(REFERENCE_STEPS, self.checkpoint.T)

        def made(name: str, steps: int, count: int, label: str) -> tuple[Tensor, float]:
            return quality.generate(self.denoise, conditions[:count], range(count), name, steps, label=label)

        reference, _ = made(REFERENCE, last, few, "reference")
        cells = [(name, steps) for name in self.args.samplers for steps in self.args.steps]
        rows = []
        for number, (name, steps) in enumerate(cells, start=1):
            count = many if steps <= LONG else few
            try:
                found, nfe = made(name, steps, count, f"{name}, {steps} steps ({number}/{len(cells)})")
            except UserError:  # more steps than the schedule has, or a sampler that breaks down with so few
                continue
            row = {"sampler": name, "steps": steps, "pictures": count, "nfe": nfe}
            if SAMPLERS[name].order and (name, steps) != (REFERENCE, last):
                row["rmse"] = (found[:few] - reference).square().mean().sqrt().item()
            if self.pictures:
                row["energy_distance"] = quality.energy_distance(quality.features(found), self.held)
            rows.append(row)
        self.results["samplers"] = rows
        self.results["reference"] = {"sampler": REFERENCE, "steps": last, "pictures": few}
        if self.pictures:
            counts = {row["pictures"] for row in rows if 2 * row["pictures"] <= len(self.held)}
            floors = {count: quality.energy_floor(self.held, count) for count in sorted(counts)}
            self.results["real_pictures"] = {str(n): {"mean": m, "deviation": d} for n, (m, d) in floors.items()}

    def sheet(self) -> bytes:
        """A contact sheet of all that is asked for, from one seed; of an unconditional model, of as many seeds."""
        conditions = [self.checkpoint.parse(prompt, style or None)[0] for prompt, style in self.asked]
        labels, seeds = self.asked, [SHEET_SEED] * len(self.asked)
        if not self.checkpoint.conditional:
            seeds = list(range(len(self.asked)))
            labels = [(f"seed {seed}", "") for seed in seeds]
        made, _ = quality.generate(self.denoise, conditions, seeds, SAMPLER, STEPS, self.args.guidance, "sheet")
        return contact_sheet(made, labels)

    def report(self) -> dict:
        """Takes every measure that there are pictures for, and gives the results as they go to JSON."""
        began = time.monotonic()
        if self.pictures is None:
            self.skipped.append(NO_DATA)
        else:
            self.denoising()
            self.likeness()
        self.samplers()
        training, held = map(len, self.pictures or ([], []))
        about = {
            "checkpoint": self.checkpoint.name,
            "data": Path(self.args.data).name if self.pictures else None,
            "training": training,
            "held_out": held,
            "seed": self.args.seed,
            "sampler": SAMPLER,
            "steps": STEPS,
            "guidance_scale": self.args.guidance,
            "device": self.args.device,
            "minutes": round((time.monotonic() - began) / 60, 1),
        }
        return about | self.results | {"skipped": self.skipped}


def sheet_prompts(checkpoint: Checkpoint, captions: Sequence[str], count: int) -> list[str]:
    """The well-known ones that the model has all words for; where they are too few captions, or else single words."""
    known = [prompt for prompt in PROMPTS if not checkpoint.parse(prompt)[1]] if checkpoint.vocabulary.words else []
    drawn = sorted(set(captions) - {"", *known}) or list(checkpoint.vocabulary.words)
    random.Random(0).shuffle(drawn)
    return (known + drawn)[:count] or [""] * count


def read_prompts(path: Path, checkpoint: Checkpoint) -> list[str]:
    """One prompt a line. Raises UserError for a file that isn't there or says nothing the model knows."""
    try:
        prompts = [line.strip() for line in decoded(path.read_bytes(), path).split("\n") if line.strip()]
    except OSError as error:
        raise UserError("{path} can't be read as a text with one prompt a line.", path=path) from error
    if not any(checkpoint.parse(prompt)[0].words for prompt in prompts):
        raise UserError("{path} has no prompt with a word that this model knows.", path=path)
    return prompts


# -------------------------------------------------------------------------------------------------- command line


def arguments() -> argparse.ArgumentParser:
    def count(text: str) -> int:
        number = int(text)
        if number < 1:
            raise ValueError
        return number

    parser = argparse.ArgumentParser(prog="python -m playground.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", help="a name in checkpoints/, a folder, or an id on the Hub")
    parser.add_argument("--data", metavar="FOLDER_OR_ZIP", help="the training's pictures, as for playground.train")
    parser.add_argument("--held-out", type=count, help="as in the training (what the checkpoint says)")
    parser.add_argument("--seed", type=int, help="as in the training (what the checkpoint says)")
    parser.add_argument("--pictures", type=count, default=40, help="for each sampler; a fifth beyond 50 steps (40)")
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=list(SAMPLERS), metavar="NAME",
                        help=f"of {', '.join(SAMPLERS)} (all)")  # fmt: skip
    parser.add_argument("--steps", nargs="+", type=count, default=[5, 10, 20, 50, 250], help="(5 10 20 50 250)")
    parser.add_argument("--guidance", type=float, default=2.0, help="scale, for prompts and the sheet (%(default)s)")
    parser.add_argument("--prompts", type=Path, metavar="FILE", help="for the sheet, one a line (64 well-known ones)")
    parser.add_argument("--style", help="of all the sheet's pictures (the styles in turn)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write a PNG of the prompts' pictures there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument("--card", action="store_true", help="write all of it to the checkpoint's folder and card")
    parser.add_argument("--quick", action="store_true", help="a first look: few pictures, up to 20 steps")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.set_defaults(prompted=None, shown=64)
    return parser


def prepare(args: argparse.Namespace) -> Evaluation:
    """The checkpoint and the pictures, read; every wrong argument is found here, before minutes are spent.

    Raises:
        UserError: says which.
    """
    for path in filter(None, (args.json, args.sheet)):
        if not path.absolute().parent.is_dir():
            raise UserError("There is no folder {folder} to write {file} to.", folder=path.parent, file=path.name)
    folder = locate(args.checkpoint)
    if args.card and folder not in (FOLDER / args.checkpoint, Path(args.checkpoint).expanduser()):
        raise UserError("--card writes beside the weights: copy “{name}” into a folder first.", name=args.checkpoint)
    if args.card:
        writable(folder)
    if args.pictures < 2:
        raise UserError("--pictures must be at least 2: a spread takes two.")
    check("guidance_scale", args.guidance)
    device = choose_device(args.device)
    args.device = str(device)
    checkpoint = load(folder, device)
    if checkpoint.channels != 3:
        raise UserError("Only models of RGB pictures can be evaluated.")
    if (args.prompts or args.style) and not checkpoint.conditional:
        raise UserError("This model takes neither prompts nor styles.")
    prompts = read_prompts(args.prompts, checkpoint) if args.prompts else None
    checkpoint.parse("", args.style)
    pictures = None
    known = {"held_out": Recipe.held_out, "seed": Recipe.seed} | checkpoint.split
    args.held_out = args.held_out or known["held_out"]
    args.seed = known["seed"] if args.seed is None else args.seed
    if args.data:
        split = held_out(read_pictures(args.data, checkpoint.picture_size), args.held_out, seed=args.seed)
        pictures = split if len(split[1]) > 1 else None
    captions = pictures[0].texts if pictures else []
    prompts = prompts or sheet_prompts(checkpoint, captions, args.shown)
    styles = [args.style] if args.style else checkpoint.styles or [""]
    asked = [(prompt, styles[k % len(styles)]) for k, prompt in enumerate(prompts)]
    denoise = UNetDenoiser(checkpoint)
    denoise.speed_up()
    return Evaluation(denoise, args, pictures, asked)


def main(argv: list[str] | None = None) -> None:
    args = arguments().parse_args(argv)
    if args.quick:
        vars(args).update(QUICK)
    torch.set_num_threads(threads())
    try:
        evaluation = prepare(args)
        results = evaluation.report()
        sheet = evaluation.sheet() if args.sheet or args.card else b""
    except UserError as error:
        sys.exit(f"playground.evaluate: {error}")
    reports = evaluation_tables(results)
    print("\n\n".join([*(report.text() for report in reports), *results["skipped"]]))
    numbers = json.dumps(results, indent=1)
    if args.json:
        args.json.write_text(numbers, encoding="utf-8")
    if args.sheet:
        args.sheet.write_bytes(sheet)
    if args.card:
        folder = locate(args.checkpoint)
        card = with_evaluation(evaluation.checkpoint.card, reports, results["skipped"])
        with publishing(folder) as draft:
            (draft / "sheet.png").write_bytes(sheet)
            (draft / "evaluation.json").write_text(numbers, encoding="utf-8")
            (draft / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
