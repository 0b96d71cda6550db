"""`python -m playground.evaluate CHECKPOINT --data FOLDER_OR_ZIP`: how good a checkpoint is, in numbers and pictures.

On pictures that the training held out: how well it denoises them, whether it shows what it is asked for, whether the
seed matters, whether it copies what it was trained on, and what each sampler makes of a number of network evaluations
(NFE). Give the --data of the training; which of it was held out is written in the checkpoint. With other data, pictures
that were trained on may pass for held-out ones.

With --card the numbers are written beside the weights as they come, within long measures too, and those of the same
weights that stand there already stay: an evaluation that was stopped is gone on with by the same command. --measures
takes some of them, again if need be.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from playground.checkpoints import FOLDER, Checkpoint, load, locate
from playground.errors import UserError, decoded
from playground.models.denoiser import UNetDenoiser
from playground.models.devices import choose_device, threads
from playground.models.publishing import publishing, writable
from playground.runs.settings import check
from playground.samplers import SAMPLERS
from playground.training import command, showing
from playground.training.cards import SHEETS, with_evaluation, with_history
from playground.training.data import held_out, read_pictures
from playground.training.evaluation import Amounts, Evaluation
from playground.training.measures import MEASURES, take
from playground.training.recipe import Recipe
from playground.training.tables import evaluation_tables

QUICK = {"prompted": 32, "asked": 32, "combinations": 24, "swapped": 16, "prompts": 2, "unconditional": 64, "taught": 2}
QUICK_STEPS, QUICK_SAMPLED, QUICK_SHEET = [5, 10, 20], 8, 16
LONG = "longer"  # among the measures: the one that a first look goes without
SHEET = "sheets"  # among the measures: the pictures for the card
SEVERAL = 8  # prompts on a sheet, and seeds of each, where many pictures fit a prompt


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
    parser.add_argument("--measures", nargs="+", choices=[*MEASURES, SHEET], metavar="NAME",
                        help=f"of {', '.join([*MEASURES, SHEET])} (those that the card does not have yet)")  # fmt: skip
    parser.add_argument("--pictures", type=count, default=Amounts.sampled,
                        help="for each sampler and number of steps (%(default)s)")  # fmt: skip
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=list(SAMPLERS), metavar="NAME",
                        help=f"of {', '.join(SAMPLERS)} (all)")  # fmt: skip
    parser.add_argument("--steps", nargs="+", type=count, default=[],
                        help="of all samplers (5 10 20 50, of a distilled model 1 2 4 8)")  # fmt: skip
    parser.add_argument("--guidance", type=float, default=2.0, help="scale, for prompts and the sheet (%(default)s)")
    parser.add_argument("--teacher", help="of a distilled model: the model whose pictures it should give back")
    parser.add_argument("--prompts", type=Path, metavar="FILE", help="for the sheet, one a line (well-known ones)")
    parser.add_argument("--style", help="of all the sheet's pictures (the styles in turn)")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write a PNG of the prompts' pictures there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument("--card", action="store_true", help="write all of it to the checkpoint's folder and card")
    parser.add_argument("--quick", action="store_true", help="a first look: few pictures, up to 20 steps")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    return parser


class Command:
    """One call: the checkpoint and the pictures are read, and every wrong argument found, before minutes are spent.

    Raises:
        UserError: says what is wrong.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        for path in filter(None, (args.json, args.sheet)):
            if not path.absolute().parent.is_dir():
                raise UserError("There is no folder {folder} to write {file} to.", folder=path.parent, file=path.name)
        self.folder = locate(args.checkpoint)
        if args.card and self.folder not in (FOLDER / args.checkpoint, Path(args.checkpoint).expanduser()):
            raise UserError(
                "--card writes beside the weights: copy “{name}” into a folder first.", name=args.checkpoint
            )
        if args.card:
            writable(self.folder)
        if args.pictures < 2:
            raise UserError("--pictures must be at least 2: a spread takes two.")
        check("guidance_scale", args.guidance)
        device = choose_device(args.device)
        self.checkpoint = load(self.folder, device)
        if self.checkpoint.channels != 3:
            raise UserError("Only models of RGB pictures can be evaluated.")
        if (args.prompts or args.style) and not self.checkpoint.conditional:
            raise UserError("This model takes neither prompts nor styles.")
        prompts = read_prompts(args.prompts, self.checkpoint) if args.prompts else None
        self.checkpoint.parse("", args.style)
        known = {"held_out": Recipe.held_out, "seed": Recipe.seed} | self.checkpoint.split
        args.held_out = args.held_out or known["held_out"]
        args.seed = known["seed"] if args.seed is None else args.seed
        teacher = args.teacher or getattr(self.checkpoint, "teacher", None)
        teacher = load(teacher, device) if teacher and "teacher" in (args.measures or MEASURES) else None
        pictures = None
        if args.data:
            split = held_out(read_pictures(args.data, self.checkpoint.picture_size), args.held_out, seed=args.seed)
            pictures = split if len(split[1]) > 1 else None
        self.evaluation = Evaluation(
            _fast(self.checkpoint),
            pictures,
            args.guidance,
            str(device),
            Amounts(sampled=args.pictures, **(QUICK if args.quick else {})),
            args.samplers,
            args.steps,
            Path("runs"),
            teacher and _fast(teacher),
        )
        files = sorted(self.folder.rglob("*.safetensors"))
        self.weights = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
        self.several = self.evaluation.has_words
        self.asked = self._wishes(prompts)
        self.sheets: dict[str, bytes] = {}
        self.told: set[str] = set()  # tables that were printed
        self.evaluation.noted = self.write

    def _wishes(self, prompts: list[str] | None) -> list[showing.Wish]:
        """What the sheet shows: prompts with styles."""
        count = SEVERAL if self.several else QUICK_SHEET if self.args.quick else showing.PICTURES
        if self.several and not prompts and self.evaluation.roomy:
            return [(one.prompt, self.args.style or one.style) for one in self.evaluation.roomy[:count]]
        captions = self.evaluation.pictures[0].texts if self.evaluation.pictures else []
        prompts = prompts or showing.wishes(self.checkpoint, captions, count)
        styles = [self.args.style] if self.args.style else self.checkpoint.styles or [""]
        return [(prompt, styles[k % len(styles)]) for k, prompt in enumerate(prompts)]

    def run(self) -> dict:
        """Takes the measures; all is written and printed as it comes. Gives the results."""
        results, there = self.evaluation.results, ()
        if self.args.card:
            there = self._earlier()
        if there and not self.args.measures:
            print(f"There already: {', '.join(there)}. Name them with --measures to take them again.")
        passed = (*there, LONG) if self.args.quick else there
        wanted = self.args.measures or [name for name in (*MEASURES, SHEET) if name not in passed]
        take(self.evaluation, [name for name in MEASURES if name in wanted], lambda name: self.tell())
        if (self.args.card or self.args.sheet) and SHEET in wanted:
            began = time.monotonic()
            self.draw_sheets()
            results.setdefault("minutes", {})[SHEET] = round((time.monotonic() - began) / 60, 2)
        self.tell()
        print("\n\n".join(self.evaluation.skipped))
        return self.results()

    def tell(self) -> None:
        """Writes what there is, and prints the tables that are new."""
        self.write()
        for report in evaluation_tables(self.results()):
            if (text := report.text()) not in self.told:
                self.told.add(text)
                print(text, end="\n\n", flush=True)

    def draw_sheets(self) -> None:
        seeds = SEVERAL if self.several and self.checkpoint.conditional else 1
        self.sheets["sheet.png"] = showing.sheet(self.evaluation, self.asked, seeds)
        if self.several and self.args.card:
            self.sheets["unconditional.png"] = showing.unconditional_sheet(self.evaluation)
            if "lines" in self.checkpoint.conditions:
                self.sheets["lines.png"] = showing.lines_sheet(self.evaluation)
            if self.checkpoint.styles:
                self.sheets["styles.webp"] = showing.styles_strip(self.evaluation)
            words = showing.vocabulary(self.evaluation.counts)
            self.sheets["vocabulary.json"] = json.dumps(words, ensure_ascii=False, indent=1).encode()

    def results(self) -> dict:
        """All of it as it goes to JSON."""
        evaluation, args = self.evaluation, self.args
        training, held = map(len, evaluation.pictures or ([], []))
        about = {
            "checkpoint": self.checkpoint.name,
            "weights": self.weights,
            "data": Path(args.data).name if evaluation.pictures else None,
            "training": training,
            "held_out": held,
            "seed": args.seed,
            "sampler": evaluation.sampler,
            "steps": evaluation.own_steps,
            "guidance_scale": evaluation.guidance,
            "guidance_inside": evaluation.inside is not None,
            "device": evaluation.device,
            "amounts": asdict(evaluation.amounts) | {"samplers": list(args.samplers), "steps": list(evaluation.steps)},
        }
        return about | evaluation.results | {"skipped": evaluation.skipped}

    def _earlier(self) -> Sequence[str]:
        """Adds to the results what was measured of the same weights on the same data before. Gives the measures that
        need not be taken again: those that rest on as many pictures as now."""
        try:
            earlier = json.loads((self.folder / "evaluation.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ()
        now = self.results()
        if any(earlier.get(key) != now[key] for key in ("weights", "data", "held_out", "seed")):
            return ()
        self.evaluation.results |= {key: value for key, value in earlier.items() if key not in now}
        alike = all(earlier.get(key) == now[key] for key in ("amounts", "guidance_scale"))
        if alike:
            self.evaluation.skipped += earlier.get("skipped", [])
        else:
            self.evaluation.results.pop("unfinished", None)
        return tuple(earlier.get("minutes", ())) if alike else ()

    def write(self) -> None:
        """Numbers, sheets and card to where they were asked for, each file whole or not at all."""
        results = self.results()
        numbers = json.dumps(results, indent=1)
        if self.args.json:
            self.args.json.write_text(numbers, encoding="utf-8")
        if self.args.sheet and "sheet.png" in self.sheets:
            self.args.sheet.write_bytes(self.sheets["sheet.png"])
        if not self.args.card:
            return
        there = [name for name in SHEETS if name in self.sheets or (self.folder / name).is_file()]
        card = with_evaluation(self.checkpoint.card, evaluation_tables(results), results["skipped"], there)
        if (self.folder / "history.json").is_file():
            card = with_history(card, json.loads((self.folder / "history.json").read_text(encoding="utf-8")))
        with publishing(self.folder) as draft:
            (draft / "evaluation.json").write_text(numbers, encoding="utf-8")
            (draft / "README.md").write_text(card, encoding="utf-8")
            for name, data in self.sheets.items():
                (draft / name).write_bytes(data)


def _fast(checkpoint: Checkpoint) -> UNetDenoiser:
    denoise = UNetDenoiser(checkpoint)
    denoise.speed_up()
    return denoise


def read_prompts(path: Path, checkpoint: Checkpoint) -> list[str]:
    """One prompt a line. Raises UserError for a file that isn't there or says nothing the model knows."""
    try:
        prompts = [line.strip() for line in decoded(path.read_bytes(), path).split("\n") if line.strip()]
    except OSError as error:
        raise UserError("{path} can't be read as a text with one prompt a line.", path=path) from error
    if not any(checkpoint.parse(prompt)[0].words for prompt in prompts):
        raise UserError("{path} has no prompt with a word that this model knows.", path=path)
    return prompts


def main(argv: Sequence[str] | None = None) -> None:
    args = arguments().parse_args(argv)
    if args.quick:
        vars(args).update(steps=QUICK_STEPS, pictures=QUICK_SAMPLED)
    torch.set_num_threads(threads())
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a console of another encoding shows what it can
    with command.told("evaluate"):
        Command(args).run()


if __name__ == "__main__":
    main()
