"""A training run: Algorithm 1 of Ho et al. 2020 (arXiv:2006.11239), and what it takes to stop it and go on.

Every draw is a function of the seed and the step, so a run that was interrupted ends with the same weights as one
that was not.
"""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from playground.checkpoints import Checkpoint
from playground.errors import UserError
from playground.models.autoencoder import Autoencoder
from playground.models.conditioning import Condition, Vocabulary
from playground.models.denoiser import UNetDenoiser, clipped, guided
from playground.models.devices import bf16, cores, threads
from playground.models.unet import Sketch
from playground.predictions import Prediction, q_sample
from playground.samplers import ddim, run
from playground.schedules import Level, spaced
from playground.training.data import PictureSet, held_out
from playground.training.optimisers import optimisers
from playground.training.quality import denoising_error
from playground.training.recipe import Recipe


class Trainer:
    """One training run: the net, its running mean, the optimiser, and where they have got to."""

    def __init__(
        self,
        recipe: Recipe,
        pictures: PictureSet,
        device: torch.device,
        compile: bool = False,
        start: Checkpoint | None = None,
        autoencoder: Autoencoder | None = None,
    ) -> None:
        """pictures: of `recipe.size`, or of latents where there is an autoencoder (`data.in_latents`); it is not
        trained any more, and is part of the checkpoint that is written."""
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
        if autoencoder is not None:
            settings["autoencoder"] = autoencoder.arguments
        self.mean = Checkpoint(**settings).to(device).eval()
        fixed = {} if autoencoder is None else autoencoder.state_dict()
        self.mean.load_state_dict(self.net.state_dict() | {f"space.{key}": value for key, value in fixed.items()})
        self.means = [weight for name, weight in self.mean.named_parameters() if not name.startswith("space.")]
        self.optimisers = optimisers(self.net, recipe)
        # Each core takes its own share of the pictures: twins of the net, with the same weights and own gradients.
        self.twins = [self.net]
        for _ in range(1, threads() if device.type == "cpu" else 1):
            twin = copy.deepcopy(self.net)
            for own, shared in zip(twin.parameters(), self.net.parameters(), strict=True):
                own.data = shared.data
            self.twins.append(twin)
        self.forwards = [torch.compile(twin.model) if compile else twin.model for twin in self.twins]
        self.autocast = bf16(device.type)
        self.words = [self.net.parse(text)[0].words for text in self.training.texts]
        self.step, self.seconds, self.loss = 0, 0.0, math.nan  # the loss: a running mean

    def begin_with(self, start: Checkpoint) -> None:
        """Takes over its weights. A net from before there were sketches gets one, a narrower sketch gets more units;
        neither changes anything at first."""
        weights = {key: weight for key, weight in start.state_dict().items() if not key.startswith("space.")}
        own = self.net.state_dict()
        try:
            for key in weights.keys() & own.keys():
                if key.startswith("model.sketch."):
                    weights[key] = widened(weights[key], own[key])
            missing, unknown = self.net.load_state_dict(weights, strict=False)
            if unknown or any(not key.startswith(("model.sketch.", "model.stem_sketch.")) for key in missing):
                raise RuntimeError("weights of another net")
        except RuntimeError as error:
            raise UserError("“{name}” is another net, or knows other words.", name=start.name) from error

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

    def captions(self) -> tuple[Tensor, list[Condition]]:
        """(x0, conditions) for the sketch alone: also a function of the seed and the step. Empty without a sketch."""
        if self.net.model.sketch is None or not self.recipe.sketch_batch:
            return self.training.x0([]), []
        draw = torch.Generator().manual_seed(self.recipe.seed * 1_000_000_007 + 500_000_000 + self.step)
        return self.pictures(self.recipe.sketch_batch, draw)

    def masks(self) -> Tensor | None:
        """What dropout leaves of the sketch's hidden units: (batch + sketch_batch, 2, width), None for all of them."""
        r = self.recipe
        if self.net.model.sketch is None or not r.sketch_dropout:
            return None
        draw = torch.Generator().manual_seed(r.seed * 1_000_000_007 + 700_000_000 + self.step)
        kept = torch.rand(r.batch + r.sketch_batch, 2, r.sketch, generator=draw) >= r.sketch_dropout
        return kept / (1 - r.sketch_dropout)

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
        batch, captions, masks = self.batch(), self.captions(), self.masks()
        twins = range(len(self.twins))
        run = cores().map if len(twins) > 1 else map
        loss = sum(run(lambda twin: self.backward(twin, batch, captions, masks), twins))
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
            torch._foreach_lerp_(self.means, list(self.net.parameters()), 1 - decay)
        self.step += 1
        return loss

    def backward(self, twin: int, batch: tuple, captions: tuple, masks: Tensor | None) -> float:
        """Leaves the gradients of a twin's share of a batch with its weights; returns its part of the loss."""
        net, forward, recipe = self.twins[twin], self.forwards[twin], self.recipe
        own = slice(twin, None, len(self.twins))
        x0, eps, t, conditions = (part[own] for part in batch)
        pictures, texts = (part[own] for part in captions)
        count = len(x0)
        levels = [net.schedule.level(step) for step in t.tolist()]
        x0, eps, t = x0.to(self.device), eps.to(self.device), t.float().to(self.device)
        x = q_sample(x0, levels, eps).contiguous(memory_format=torch.channels_last)
        target = getattr(Prediction(x0, eps, levels), recipe.prediction)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            condition, sketches = net.encode([*conditions, *texts]), None
            if net.model.sketch is not None:
                if masks is not None:
                    masks = torch.cat([masks[: recipe.batch][own], masks[recipe.batch :][own]]).to(self.device)
                sketches = net.model.sketch(condition, masks)

            def predict(x: Tensor) -> Tensor:
                drawn = (None if part is None else part[:count] for part in (condition, sketches))
                return forward(x, t, *drawn).float()

            if recipe.self_condition and self.step % 2:
                x = torch.cat([x, self.estimate_x0(predict, x, levels)], dim=1)
            error = F.mse_loss if recipe.loss == "mse" else F.l1_loss
            loss = error(predict(x), target) * (count / recipe.batch)
            objective = loss
            if texts:
                truth = Sketch.of(pictures.to(self.device))
                objective = loss + F.mse_loss(sketches[count:].float(), truth) * (len(texts) / recipe.sketch_batch)
        net.zero_grad(set_to_none=True)
        objective.backward()
        return loss.item()

    @torch.no_grad()
    def estimate_x0(self, predict: Callable[[Tensor], Tensor], x: Tensor, levels: Sequence[Level]) -> Tensor:
        """The net's first guess, given back to it as input: Chen et al. 2022, algorithm 1."""
        return Prediction.from_output(self.recipe.prediction, predict(x), x, levels).x0.clamp(-1, 1)

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
        """(1, 3, rows·S, columns·S): held-out captions down, styles across, one noise for all."""
        texts = list(dict.fromkeys(self.held_out.texts))[:rows] or [""]
        styles = self.mean.styles or [None] * rows
        conditions = [self.mean.parse(text, style)[0] for text in texts for style in styles]
        noise = torch.randn(1, 3, self.mean.size, self.mean.size, generator=torch.Generator().manual_seed(7))
        x = noise.double().repeat(len(conditions), 1, 1, 1)
        denoise = clipped(guided(UNetDenoiser(self.mean), scale))
        levels = spaced(self.mean.schedule, steps)
        x = run(ddim(x, levels, torch.randn), lambda x, level: denoise(x, level, conditions))
        x = self.mean.space.decode(x)
        across = len(styles)
        lines = [torch.cat(list(x[i : i + across]), dim=2) for i in range(0, len(x), across)]
        return torch.cat(lines, dim=1)[None]


def widened(narrow: Tensor, fresh: Tensor) -> Tensor:
    """A layer's weight with more units, which what follows does not listen to yet: Net2Net, Chen et al. 2015
    (arXiv:1511.05641). fresh: as initialised, no smaller in any dimension."""
    wide = fresh.clone()
    wide[: len(narrow)] = 0
    wide[tuple(slice(size) for size in narrow.shape)] = narrow
    return wide
