"""`python -m playground.train --data FOLDER_OR_ZIP --out checkpoints/NAME`: trains a U-Net on pictures of one's own.

Algorithm 1 of Ho et al. 2020 (arXiv:2006.11239): draw a picture, a t and a noise; take a gradient step on the
difference between what the net says and what it should have said. The state lies in runs/NAME, is written every two
minutes and on Ctrl-C, and the same command goes on from there: every draw is a function of the seed and the step,
so a run that was interrupted ends with the same weights as one that was not.
"""

from __future__ import annotations

import copy
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from .cards import write_card
from .checkpoints import Checkpoint, load
from .conditioning import Condition, Vocabulary
from .data import PictureSet, held_out, read_pictures
from .denoiser import UNetDenoiser, clipped, guided
from .errors import UserError
from .images import to_png
from .predictions import Prediction, q_sample
from .quality import denoising_error
from .recipe import Recipe, arguments, optimisers
from .runtimes import choose_device, cores, threads
from .samplers import ddim, run
from .schedules import Level, spaced
from .unet import Sketch


class Trainer:
    """One training run: the net, its running mean, the optimiser, and where they have got to."""

    def __init__(
        self,
        recipe: Recipe,
        pictures: PictureSet,
        device: torch.device,
        compile: bool = False,
        start: Checkpoint | None = None,
    ) -> None:
        self.recipe, self.device = recipe, device
        self.training, self.held_out = held_out(pictures, recipe.held_out, seed=recipe.seed)
        torch.manual_seed(recipe.seed)
        words = Vocabulary.of(pictures.texts).words
        styles = sorted(set(pictures.styles) - {""})
        unet = {"dims": list(recipe.dims), "attention": [bool(a) for a in recipe.attention]}
        unet |= {key: getattr(recipe, key) for key in ("blocks", "patch", "self_condition", "sketch")}
        settings = dict(size=recipe.size, schedule=recipe.schedule, T=recipe.T, prediction=recipe.prediction)
        settings |= dict(words=list(words), styles=styles, unet=unet)
        settings |= {"split": {"held_out": recipe.held_out, "seed": recipe.seed}}
        self.net = Checkpoint(**settings).to(device, memory_format=torch.channels_last).train()
        if start is not None:
            self.begin_with(start)
        self.mean = Checkpoint(**settings).to(device).eval()
        self.mean.load_state_dict(self.net.state_dict())
        self.optimisers = optimisers(self.net, recipe)
        # Each core takes its own share of the pictures: twins of the net, with the same weights and own gradients.
        self.twins = [self.net]
        for _ in range(1, threads() if device.type == "cpu" else 1):
            twin = copy.deepcopy(self.net)
            for own, shared in zip(twin.parameters(), self.net.parameters(), strict=True):
                own.data = shared.data
            self.twins.append(twin)
        self.forwards = [torch.compile(twin.model) if compile else twin.model for twin in self.twins]
        # bf16 needs hardware that computes in it; elsewhere it is emulated and several times slower.
        self.autocast = device.type == "cuda" or (
            device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        self.words = [self.net.parse(text)[0].words for text in self.training.texts]
        self.step, self.seconds, self.loss = 0, 0.0, math.nan  # the loss: a running mean

    def begin_with(self, start: Checkpoint) -> None:
        """Takes over its weights; a net from before there were sketches gets one, which changes nothing at first."""
        try:
            missing, unknown = self.net.load_state_dict(start.state_dict(), strict=False)
        except RuntimeError as error:
            raise UserError("“{name}” is another net, or knows other words.", name=start.name) from error
        if unknown or any(not key.startswith(("model.sketch.", "model.stem_sketch.")) for key in missing):
            raise UserError("“{name}” is another net, or knows other words.", name=start.name)

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
        x0, conditions = self.pictures(r.batch, draw)
        eps = torch.randn(x0.shape, generator=draw)
        t = torch.randint(1, r.T + 1, (r.batch,), generator=draw)
        return x0, eps, t, conditions

    def captions(self) -> list[tuple[Tensor, Condition]]:
        """Pictures and conditions for the sketch alone: also a function of the seed and the step."""
        if self.net.model.sketch is None or not self.recipe.sketch_batch:
            return []
        draw = torch.Generator().manual_seed(self.recipe.seed * 1_000_000_007 + 500_000_000 + self.step)
        return list(zip(*self.pictures(self.recipe.sketch_batch, draw), strict=True))

    def pictures(self, count: int, draw: torch.Generator) -> tuple[Tensor, list[Condition]]:
        """(x0, conditions) of some training pictures drawn at random, words and styles left out as the recipe says."""
        r = self.recipe
        rows = torch.multinomial(self.training.weights, count, replacement=True, generator=draw)
        x0 = self.training.x0(rows)  # (B, 3, H, W)
        mirrored = torch.rand(count, 1, 1, 1, generator=draw) < r.flip
        x0 = torch.where(mirrored, x0.flip(-1), x0)
        keep_prompt = torch.rand(count, generator=draw) >= r.drop_prompt
        keep_style = torch.rand(count, generator=draw) >= r.drop_style
        conditions = []
        for k, row in enumerate(rows.tolist()):
            words = self.words[row] if keep_prompt[k] else ()
            kept = torch.rand(len(words), generator=draw) >= r.drop_words
            words = tuple(word for word, stays in zip(words, kept, strict=True) if stays)
            conditions.append(Condition(words, (self.training.styles[row] or None) if keep_style[k] else None))
        return x0, conditions

    def train_step(self, progress: float) -> float:
        """One gradient step; returns the loss."""
        x0, eps, t, conditions = self.batch()
        captions = self.captions()
        shares = [slice(k, None, len(self.twins)) for k in range(len(self.twins))]
        given = [(k, x0[own], eps[own], t[own], conditions[own], captions[own]) for k, own in enumerate(shares)]
        run = cores().map if len(self.twins) > 1 else map
        loss = sum(run(lambda share: self.backward(*share, len(x0)), given))
        for twin in self.twins[1:]:
            gradients = [(p.grad, q.grad) for p, q in zip(self.net.parameters(), twin.parameters(), strict=True)]
            torch._foreach_add_(*zip(*gradients, strict=True))
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.learning_rate(progress)
            optimiser.step()
        # The running mean looks back further as the run gets longer, so that it never drags its start along.
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.mean.parameters()), list(self.net.parameters()), 1 - decay)
        self.step += 1
        return loss

    def backward(
        self, twin: int, x0: Tensor, eps: Tensor, t: Tensor, conditions: Sequence[Condition], captions: list, batch: int
    ) -> float:
        """Leaves the gradients of a twin's share of a batch with its weights; returns its part of the loss."""
        net, forward = self.twins[twin], self.forwards[twin]
        levels = [net.schedule.level(step) for step in t.tolist()]
        x0, eps, t = x0.to(self.device), eps.to(self.device), t.float().to(self.device)
        x = q_sample(x0, levels, eps).contiguous(memory_format=torch.channels_last)
        target = getattr(Prediction(x0, eps, levels), self.recipe.prediction)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            condition = net.encode(conditions)
            if self.recipe.self_condition and self.step % 2:
                x = torch.cat([x, self.estimate_x0(forward, x, t, condition, levels)], dim=1)
            output = forward(x, t, condition).float()
            loss = (F.mse_loss if self.recipe.loss == "mse" else F.l1_loss)(output, target) * (len(x0) / batch)
            objective = loss
            if captions:
                drawn = torch.stack([picture for picture, _ in captions]).to(self.device)
                sketch = net.model.sketch(net.encode([condition for _, condition in captions])).float()
                share = len(captions) / self.recipe.sketch_batch
                objective = loss + share * F.mse_loss(sketch, Sketch.of(drawn))
        net.zero_grad(set_to_none=True)
        objective.backward()
        return loss.item()

    @torch.no_grad()
    def estimate_x0(
        self, forward: Callable, x: Tensor, t: Tensor, condition: Tensor | None, levels: Sequence[Level]
    ) -> Tensor:
        """The net's first guess, given back to it as input: Chen et al. 2022, algorithm 1."""
        output = forward(x, t, condition).float()
        return Prediction.from_output(self.recipe.prediction, output, x, levels).x0.clamp(-1, 1)

    def save(self, path: Path) -> None:
        """All of the state in one file, whole or not at all."""
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"mean.{k}": v for k, v in self.mean.state_dict().items()}
        for name, weight in self.net.named_parameters():
            for optimiser in self.optimisers:
                tensors |= {f"moment.{k}.{name}": v for k, v in optimiser.state.get(weight, {}).items()}
        tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        about = {"step": self.step, "seconds": self.seconds, "loss": self.loss, "recipe": asdict(self.recipe)}
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
        weights = dict(self.net.named_parameters())
        for key, value in tensors.items():
            if key.startswith("moment."):
                _, kind, name = key.split(".", 2)
                if value.ndim:  # the fused step walks raw memory: moments must lie as their weights do
                    value = torch.empty_like(weights[name]).copy_(value)
                owner = next(o for o in self.optimisers if any(w is weights[name] for w in o.param_groups[0]["params"]))
                owner.state[weights[name]][kind] = value
        self.step, self.seconds, self.loss = about["step"], about["seconds"], about.get("loss", math.nan)

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
    saved, looked = time.monotonic(), time.monotonic()
    bar = tqdm(total=images, initial=trainer.images, unit="img", unit_scale=True, smoothing=0.05)

    def look(final: bool) -> None:
        """Held-out errors to the log, a grid of samples, and the checkpoint with its card as of now."""
        errors = trainer.errors()
        line = {"step": trainer.step, "images": trainer.images, "minutes": round(trainer.seconds / 60, 1)}
        line |= {"loss": round(trainer.loss, 5), "error": {f"{k:g}": round(v, 5) for k, v in errors.items()}}
        with open(runs / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        (runs / f"samples-{trainer.step:07d}.png").write_bytes(to_png(trainer.sample_grid()))
        trainer.mean.save(out, write_card(trainer, out.name, data, trainer.loss, errors, final))
        bar.write(json.dumps(line))

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while (progress := max(trainer.images / images, trainer.seconds / 60 / minutes)) < 1:
            start = time.monotonic()
            loss = trainer.train_step(progress)
            trainer.loss = loss if math.isnan(trainer.loss) else trainer.loss + 0.01 * (loss - trainer.loss)
            trainer.seconds += time.monotonic() - start
            bar.update(trainer.recipe.batch)
            bar.set_postfix(loss=f"{trainer.loss:.4f}", refresh=False)
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


def main(argv: list[str] | None = None) -> None:
    args = arguments(__doc__.split("\n")[0]).parse_args(argv)
    values = {field.name: getattr(args, field.name) for field in fields(Recipe)}
    recipe = Recipe(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
    try:
        device = choose_device(args.device)
        torch.set_num_threads(threads())
        pictures = read_pictures(args.data, recipe.size)
        trainer = Trainer(recipe, pictures, device, args.compile, load(args.start) if args.start else None)
        about = args.about_data or Path(args.data).name
        train(trainer, args.out, Path("runs") / args.out.name, args.images, args.minutes, about)
    except UserError as error:
        sys.exit(f"playground.train: {error}")


if __name__ == "__main__":
    main()
