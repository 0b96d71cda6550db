"""`python -m playground.train --data FOLDER_OR_ZIP --out checkpoints/NAME`: trains a U-Net on pictures of one's own.

Algorithm 1 of Ho et al. 2020 (arXiv:2006.11239): draw a picture, a t and a noise; take a gradient step on the
difference between what the net says and what it should have said. The state lies in runs/NAME, is written every two
minutes and on Ctrl-C, and the same command goes on from there: every draw is a function of the seed and the step,
so a run that was interrupted ends with the same weights as one that was not.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from .cards import write_card
from .checkpoints import PREDICTIONS, Checkpoint
from .conditioning import Condition, Vocabulary
from .data import PictureSet, held_out, read_pictures
from .denoiser import UNetDenoiser, clipped, guided
from .errors import UserError
from .images import to_png
from .predictions import Prediction, q_sample
from .quality import denoising_error
from .runtimes import choose_device, cpu_quota
from .samplers import ddim, run
from .schedules import SCHEDULES, Level, spaced


@dataclass
class Recipe:
    """Everything that decides how a training goes. The numbers are those of the shipped emoji-32 on two cores."""

    size: int = 32
    schedule: str = "cosine"
    T: int = 1000
    prediction: str = "v"  # the target's scale is the same at every t, so no level drowns the others
    loss: str = "mse"  # or "l1", as in the annotated-diffusion tutorial
    dims: tuple[int, ...] = (64, 128, 192)
    attention: tuple[int, ...] = (0, 1, 1)  # 16² positions attending to each other cost more than they give
    blocks: int = 1
    patch: int = 2  # 4 × fewer positions: the largest single gain on a CPU
    self_condition: bool = False
    batch: int = 64
    lr: float = 5e-4
    warmup: int = 300  # steps
    cooldown: float = 0.6  # share of the run over which the learning rate falls to zero
    ema: float = 0.999
    drop_words: float = 0.1  # each word on its own, so that part of a caption is a prompt too
    drop_prompt: float = 0.1  # all the words, for classifier-free guidance
    drop_style: float = 0.15
    flip: float = 0.0  # chance of mirroring; arrows and letters have a right way round
    held_out: int = 256
    seed: int = 0


class Trainer:
    """One training run: the net, its running mean, the optimiser, and where they have got to."""

    def __init__(self, recipe: Recipe, pictures: PictureSet, device: torch.device, compile: bool = False) -> None:
        self.recipe, self.device = recipe, device
        self.training, self.held_out = held_out(pictures, recipe.held_out, seed=recipe.seed)
        torch.manual_seed(recipe.seed)
        words = Vocabulary.of(pictures.texts).words
        styles = sorted(set(pictures.styles) - {""})
        unet = {"dims": list(recipe.dims), "attention": [bool(a) for a in recipe.attention]}
        unet |= {"blocks": recipe.blocks, "patch": recipe.patch, "self_condition": recipe.self_condition}
        settings = dict(size=recipe.size, schedule=recipe.schedule, T=recipe.T, prediction=recipe.prediction)
        settings |= dict(words=list(words), styles=styles, unet=unet)
        self.net = Checkpoint(**settings).to(device, memory_format=torch.channels_last).train()
        self.mean = Checkpoint(**settings).to(device).eval()
        self.mean.load_state_dict(self.net.state_dict())
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=recipe.lr, betas=(0.9, 0.99), fused=True)
        self.forward = torch.compile(self.net.model) if compile else self.net.model
        # bf16 needs hardware that computes in it; elsewhere it is emulated and several times slower.
        self.autocast = device.type == "cuda" or (
            device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        self.words = [self.net.parse(text)[0].words for text in self.training.texts]
        self.step, self.seconds = 0, 0.0

    @property
    def images(self) -> int:
        return self.step * self.recipe.batch

    def learning_rate(self, progress: float) -> float:
        """Warm-up by steps, flat, then a cosine to zero over the last `cooldown` of the run."""
        rising = min(1.0, (self.step + 1) / self.recipe.warmup)
        falling = max(0.0, (progress - (1 - self.recipe.cooldown)) / self.recipe.cooldown)
        return self.recipe.lr * rising * 0.5 * (1 + math.cos(math.pi * min(1.0, falling)))

    def batch(self) -> tuple[Tensor, Tensor, Tensor, list[Condition]]:
        """(x0, ε, t, conditions) of this step: a function of the seed and the step alone."""
        r = self.recipe
        draw = torch.Generator().manual_seed(r.seed * 1_000_000_007 + self.step)
        rows = torch.multinomial(self.training.weights, r.batch, replacement=True, generator=draw)
        x0 = self.training.x0(rows)  # (B, 3, H, W)
        mirrored = torch.rand(r.batch, 1, 1, 1, generator=draw) < r.flip
        x0 = torch.where(mirrored, x0.flip(-1), x0)
        eps = torch.randn(x0.shape, generator=draw)
        t = torch.randint(1, r.T + 1, (r.batch,), generator=draw)
        keep_prompt = torch.rand(r.batch, generator=draw) >= r.drop_prompt
        keep_style = torch.rand(r.batch, generator=draw) >= r.drop_style
        conditions = []
        for k, row in enumerate(rows.tolist()):
            words = self.words[row] if keep_prompt[k] else ()
            kept = torch.rand(len(words), generator=draw) >= r.drop_words
            words = tuple(word for word, stays in zip(words, kept, strict=True) if stays)
            conditions.append(Condition(words, (self.training.styles[row] or None) if keep_style[k] else None))
        return x0, eps, t, conditions

    def train_step(self, progress: float) -> float:
        """One gradient step; returns the loss."""
        x0, eps, t, conditions = self.batch()
        levels = [self.net.schedule.level(step) for step in t.tolist()]
        x0, eps, t = x0.to(self.device), eps.to(self.device), t.float().to(self.device)
        x = q_sample(x0, levels, eps).contiguous(memory_format=torch.channels_last)
        target = getattr(Prediction(x0, eps, levels), self.recipe.prediction)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            condition = self.net.encode(conditions)
            if self.recipe.self_condition and self.step % 2:
                x = torch.cat([x, self.estimate_x0(x, t, condition, levels)], dim=1)
            output = self.forward(x, t, condition).float()
            loss = (F.mse_loss if self.recipe.loss == "mse" else F.l1_loss)(output, target)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(progress)
        self.optimiser.step()
        # The running mean looks back further as the run gets longer, so that it never drags its start along.
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.net.parameters()), 1 - decay)
        self.step += 1
        return loss.item()

    @torch.no_grad()
    def estimate_x0(self, x: Tensor, t: Tensor, condition: Tensor | None, levels: Sequence[Level]) -> Tensor:
        """The net's first guess, given back to it as input: Chen et al. 2022, algorithm 1."""
        output = self.forward(x, t, condition).float()
        return Prediction.from_output(self.recipe.prediction, output, x, levels).x0.clamp(-1, 1)

    def save(self, path: Path) -> None:
        """All of the state in one file, whole or not at all."""
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"mean.{k}": v for k, v in self.mean.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": v for k, v in moments.items()}
        tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        about = {"step": self.step, "seconds": self.seconds, "recipe": asdict(self.recipe)}
        partial = path.with_suffix(".partial")
        save_file(tensors, partial, metadata={"about": json.dumps(about)})
        os.replace(partial, path)

    def resume(self, path: Path) -> None:
        """Goes on from `path`. Raises UserError if that run was another one."""
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads(file.metadata()["about"])
                tensors = {key: file.get_tensor(key) for key in file.keys()}
        except Exception as error:
            raise UserError("{path} is not a training state; move it away to begin anew.", path=path) from error
        if about["recipe"] != json.loads(json.dumps(asdict(self.recipe))):
            raise UserError("{path} is of a run with other settings; give those, or another --out.", path=path)
        for part, module in (("net.", self.net), ("mean.", self.mean)):
            module.load_state_dict({k.removeprefix(part): v for k, v in tensors.items() if k.startswith(part)})
        moments: dict[int, dict[str, Tensor]] = {}
        parameters = list(self.net.parameters())
        for key, value in tensors.items():
            if key.startswith("optimiser."):
                _, index, name = key.split(".")
                if value.ndim:  # the fused step walks raw memory: moments must lie as their weights do
                    value = torch.empty_like(parameters[int(index)]).copy_(value)
                moments.setdefault(int(index), {})[name] = value
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": moments, "param_groups": groups})
        self.step, self.seconds = about["step"], about["seconds"]

    def errors(self) -> dict[float, float]:
        """Denoising error on the held-out pictures; see quality.denoising_error."""
        conditions = [
            self.mean.parse(text, style or None)[0]
            for text, style in zip(self.held_out.texts, self.held_out.styles, strict=True)
        ]
        denoise = UNetDenoiser(self.mean)
        return denoising_error(denoise, self.held_out.x0(), conditions) if len(self.held_out) else {}

    def sample_grid(self, rows: int = 8, steps: int = 20, scale: float = 2.0) -> Tensor:
        """(1, 3, rows·size, columns·size): held-out captions down, styles across, one noise for all."""
        texts = list(dict.fromkeys(self.held_out.texts))[:rows] or [""]
        styles = self.mean.styles or [None] * rows
        conditions = [self.mean.parse(text, style)[0] for text in texts for style in styles]
        noise = torch.randn(1, 3, self.mean.size, self.mean.size, generator=torch.Generator().manual_seed(7))
        x = noise.double().repeat(len(conditions), 1, 1, 1)
        denoise = clipped(guided(UNetDenoiser(self.mean), scale))
        levels = spaced(self.mean.schedule, steps)
        x = run(ddim(x, levels, torch.randn), lambda x, level: denoise(x, level, conditions))
        across = len(styles)
        lines = [torch.cat(list(x[i : i + across]), dim=2) for i in range(0, len(x), across)]
        return torch.cat(lines, dim=1)[None]


def train(trainer: Trainer, out: Path, runs: Path, images: int, minutes: float, data: str) -> None:
    """Trains until `images` were seen or `minutes` are up, whichever comes first; writes to `out` and `runs`."""
    runs.mkdir(parents=True, exist_ok=True)
    state = runs / "state.safetensors"
    if state.exists():
        trainer.resume(state)
        print(f"going on from step {trainer.step}, {trainer.images} images")
    loss_mean, saved, looked = math.nan, time.monotonic(), time.monotonic()
    bar = tqdm(total=images, initial=trainer.images, unit="img", unit_scale=True, smoothing=0.05)

    def look(final: bool) -> None:
        """Held-out errors to the log, a grid of samples, and the checkpoint with its card as of now."""
        errors = trainer.errors()
        line = {"step": trainer.step, "images": trainer.images, "minutes": round(trainer.seconds / 60, 1)}
        line |= {"loss": round(loss_mean, 5), "error": {f"{k:g}": round(v, 5) for k, v in errors.items()}}
        with open(runs / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        (runs / f"samples-{trainer.step:07d}.png").write_bytes(to_png(trainer.sample_grid()))
        trainer.mean.save(out, write_card(trainer, out.name, data, loss_mean, errors, final))
        bar.write(json.dumps(line))

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while (progress := max(trainer.images / images, trainer.seconds / 60 / minutes)) < 1:
            start = time.monotonic()
            loss = trainer.train_step(progress)
            loss_mean = loss if math.isnan(loss_mean) else loss_mean + 0.01 * (loss - loss_mean)
            trainer.seconds += time.monotonic() - start
            bar.update(trainer.recipe.batch)
            bar.set_postfix(loss=f"{loss_mean:.4f}", refresh=False)
            if not math.isfinite(loss):
                raise UserError("The loss is no longer a number at step {step}; try a smaller --lr.", step=trainer.step)
            if time.monotonic() - saved > 120:
                trainer.save(state)
                saved = time.monotonic()
            if time.monotonic() - looked > 900:
                look(final=False)
                looked = time.monotonic()
    except KeyboardInterrupt:
        trainer.save(state)
        sys.exit(f"\nstopped at step {trainer.step}; the same command goes on from here")
    trainer.save(state)
    look(final=True)
    bar.close()
    print(f"{out}: {trainer.images} images in {trainer.seconds / 60:.0f} minutes")


def arguments() -> argparse.ArgumentParser:
    """The command line: where from and where to, how long, and every field of Recipe."""
    parser = argparse.ArgumentParser(prog="python -m playground.train", description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True, help="folder or zip of pictures, plain or with a metadata.jsonl")
    parser.add_argument("--out", required=True, type=Path, help="where the checkpoint goes: checkpoints/NAME")
    parser.add_argument("--images", type=int, default=1_000_000, help="stop after having seen so many")
    parser.add_argument("--minutes", type=float, default=math.inf, help="or after so long, whichever is first")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--compile", action="store_true", help="torch.compile: faster, needs a C++ compiler")
    parser.add_argument("--about-data", default="", help="a sentence for the model card: sources and licences")
    for field in fields(Recipe):
        name, default = "--" + field.name.replace("_", "-"), field.default
        if isinstance(default, bool):
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=default)
        elif isinstance(default, tuple):
            parser.add_argument(name, type=int, nargs="+", default=list(default))
        else:
            choices = {"schedule": list(SCHEDULES), "prediction": PREDICTIONS, "loss": ["mse", "l1"]}.get(field.name)
            parser.add_argument(name, type=type(default), default=default, choices=choices, help=f"({default})")
    return parser


def main(argv: list[str] | None = None) -> None:
    args = arguments().parse_args(argv)
    values = {field.name: getattr(args, field.name) for field in fields(Recipe)}
    recipe = Recipe(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    try:
        device = choose_device(args.device)
        if "OMP_NUM_THREADS" not in os.environ:
            torch.set_num_threads(cpu_quota())
        pictures = read_pictures(args.data, recipe.size)
        trainer = Trainer(recipe, pictures, device, args.compile)
        about = args.about_data or Path(args.data).name
        train(trainer, args.out, Path("runs") / args.out.name, args.images, args.minutes, about)
    except UserError as error:
        sys.exit(f"playground.train: {error}")


if __name__ == "__main__":
    main()
