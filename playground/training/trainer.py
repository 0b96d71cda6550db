"""A training run: Algorithm 1 of Ho et al. 2020 (arXiv:2006.11239).

Every draw is a function of the seed and the step, so a run that was interrupted ends with the same weights as one
that was not.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.checkpoints import Checkpoint
from playground.errors import UserError
from playground.images.lines import by_hand
from playground.models.autoencoder import Autoencoder
from playground.models.conditioning import Vocabulary
from playground.models.denoiser import UNetDenoiser
from playground.models.devices import bf16, cores, one_thread, threads
from playground.models.initial import InitialWeights
from playground.models.unet import Sketch
from playground.predictions import Prediction
from playground.training.captions import Captions, Told, closed_up
from playground.training.data import PictureSet, held_out
from playground.training.many import Team
from playground.training.optimisers import optimisers
from playground.training.quality import denoising_error
from playground.training.recipe import Recipe
from playground.training.resuming import Resumable
from playground.training.starting import begin_with

SHARES = 2  # of a batch, for every core


class Trainer(Resumable):
    """One training run: the net, its running mean, the optimiser, and where they have got to."""

    def __init__(
        self,
        recipe: Recipe,
        pictures: PictureSet,
        device: torch.device,
        compile: bool = False,
        start: Checkpoint | None = None,
        autoencoder: Autoencoder | None = None,
        team: Team = Team(),  # noqa: B008 (frozen)
        accumulate: int = 1,
    ) -> None:
        """pictures: of `recipe.size`, or of latents where there is an autoencoder (`data.in_latents`); it is not
        trained any more, and is part of the checkpoint that is written.
        team: the processes that train together; accumulate: the parts in which each takes its share of a batch, one
        after the other, where memory is short. Neither changes the step, rounding aside."""
        self.recipe, self.device, self.team, self.accumulate = recipe, device, team, accumulate
        most = min(recipe.batch, recipe.sketch_batch or recipe.batch) // (team.size * accumulate)
        if most < 1:
            raise UserError("A batch has fewer pictures than there are processes to share it; give a larger --batch.")
        self.training, self.held_out = held_out(pictures, recipe.held_out, seed=recipe.seed)
        words = Vocabulary.of([*pictures.texts, *chain.from_iterable(pictures.words)]).words
        styles = sorted(set(pictures.styles) - {""})
        if start is not None:  # what it knows stays known, in its place
            words = list(dict.fromkeys([*start.vocabulary.words, *words]))
            styles = list(dict.fromkeys([*start.styles, *styles]))
        unet = {"dims": list(recipe.dims), "attention": [bool(a) for a in recipe.attention]}
        unet |= {key: getattr(recipe, key) for key in ("blocks", "patch", "emb_dim", "self_condition", "sketch")}
        settings = dict(size=recipe.size, schedule=recipe.schedule, T=recipe.T, prediction=recipe.prediction)
        settings |= dict(channels=pictures.pixels.shape[1], words=list(words), styles=styles, unet=unet)
        settings["condition_dim"] = recipe.condition_dim
        if recipe.text == "transformer":
            settings["text"] = {"length": 23, "depth": 2, "heads": 6}
            unet["cross"] = [bool(c) for c in recipe.cross]
        if pictures.lines is not None:
            unet["lines"] = pictures.lines.shape[-1] // (recipe.size // recipe.patch)
        settings |= {"split": {"held_out": recipe.held_out, "seed": recipe.seed}}
        with InitialWeights(recipe.seed):
            net = Checkpoint(**settings)
        self.net = net.to(device, memory_format=torch.channels_last).train()
        if start is not None:
            begin_with(self.net, start)
        team.begin_alike(self.net.state_dict().values())
        if autoencoder is not None:
            settings["autoencoder"] = autoencoder.arguments
        with InitialWeights():
            self.mean = Checkpoint(**settings).to(device).eval()
        fixed = {} if autoencoder is None else autoencoder.state_dict()
        self.mean.load_state_dict(self.net.state_dict() | {f"space.{key}": value for key, value in fixed.items()})
        self.means = [weight for name, weight in self.mean.named_parameters() if not name.startswith("space.")]
        self.optimisers = optimisers(self.net, recipe)
        # Every share of a batch has a twin of the net, with the same weights and own gradients. There are more shares
        # than cores, taken as cores become free: beside a core that is busy with something else, the others wait less.
        self.twins = [self.net]
        cpu = device.type == "cpu" and threads() > 1
        for _ in range(1, min(SHARES * threads(), most) if cpu else 1):
            twin = copy.deepcopy(self.net)
            for own, shared in zip(twin.parameters(), self.net.parameters(), strict=True):
                own.data = shared.data
            self.twins.append(twin)
        self.forwards = [torch.compile(twin.model) if compile else twin.model for twin in self.twins]
        self.autocast = bf16(device.type)
        # What is drawn from lies on the device, so that it never waits for the processor.
        self.pixels, self.weights = self.training.pixels.to(device), self.training.weights.to(device)
        self.lines = None if self.training.lines is None else self.training.lines.to(device)
        self.mirrored = None if self.training.mirrored is None else self.training.mirrored.to(device)
        self.styles = torch.tensor([1 + styles.index(style) if style else 0 for style in self.training.styles])
        self.styles = self.styles.to(device)
        length = self.net.conditioner.length if self.net.reads_order else None
        self.captions = Captions(self.training.texts, self.training.words, self.numbers, length, device)
        self.alpha_bar = self.net.schedule.alpha_bar.float().to(device)
        self.step, self.seconds = 0, 0.0
        self.running = torch.tensor(math.nan, device=device)  # mean of the loss

    def numbers(self, text: str) -> list[int]:
        """The numbers of a text's words in the model's vocabulary."""
        known, _ = self.net.vocabulary.parse(text)
        known = known if self.net.reads_order else dict.fromkeys(known)
        return [self.net.vocabulary.index[word] for word in known]

    @property
    def loss(self) -> float:
        """The running mean of the loss; nan before the first step. Waits for the device."""
        return self.running.item()

    @property
    def images(self) -> int:
        """Pictures seen so far, each as often as it was drawn."""
        return self.step * self.recipe.batch

    def learning_rate(self, progress: float) -> float:
        """Warm-up by steps, flat, then a cosine to zero over the last `cooldown` of the run."""
        rising = min(1.0, (self.step + 1) / self.recipe.warmup)
        falling = max(0.0, (progress - (1 - self.recipe.cooldown)) / self.recipe.cooldown)
        return self.recipe.lr * rising * 0.5 * (1 + math.cos(math.pi * min(1.0, falling)))

    def draws(self, kind: int = 0) -> torch.Generator:
        """Random draws on the device for this step: a function of the seed, the step and what they are for."""
        seed = self.recipe.seed * 1_000_000_007 + kind * 100_000_000 + self.step
        return torch.Generator(self.device).manual_seed(seed)

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Told]:
        """(x0, ε, t, what is told) of this step: a function of the seed and the step alone."""
        r, draw = self.recipe, self.draws()
        x0, told = self.pictures(r.batch, draw)
        eps = torch.randn(x0.shape, generator=draw, device=self.device)
        t = torch.randint(1, r.T + 1, (r.batch,), generator=draw, device=self.device)
        return x0, eps, t, told

    def sketched(self) -> tuple[Tensor, Told] | None:
        """(x0, what is told) for the sketch alone: also a function of the seed and the step. None without a sketch."""
        if self.net.model.sketch is None or not self.recipe.sketch_batch:
            return None
        return self.pictures(self.recipe.sketch_batch, self.draws(5))

    def masks(self) -> Tensor | None:
        """What dropout leaves of the sketch's hidden units: (batch + sketch_batch, 2, width), None for all of them."""
        r = self.recipe
        if self.net.model.sketch is None or not r.sketch_dropout:
            return None
        shape = (r.batch + r.sketch_batch, 2, r.sketch)
        return (torch.rand(shape, generator=self.draws(7), device=self.device) >= r.sketch_dropout) / (
            1 - r.sketch_dropout
        )

    def pictures(self, count: int, draw: torch.Generator) -> tuple[Tensor, Told]:
        """(x0, what is told) of some training pictures drawn at random, parts left out as the recipe says."""
        r = self.recipe

        def chance(share: float, *shape: int) -> Tensor:
            return torch.rand(count, *shape, generator=draw, device=self.device) < share

        rows = torch.multinomial(self.weights, count, replacement=True, generator=draw)
        mirrored, pixels = chance(r.flip, 1, 1, 1), self.pixels[rows]
        other = pixels.flip(-1) if self.mirrored is None else self.mirrored[rows]
        x0 = torch.where(mirrored, other, pixels).float() / 127.5 - 1  # (B, 3, H, W)
        words, styles = self.captions.draw(rows, draw, r.as_given), self.styles[rows]
        if not self.training.words:
            words = closed_up(words.masked_fill(chance(r.drop_words, words.shape[1]), 0))
        nothing = chance(r.drop_all)
        words = words.masked_fill((nothing | chance(r.drop_prompt))[:, None], 0)
        styles = styles.masked_fill(nothing | chance(r.drop_style), 0)
        lines = None
        if self.lines is not None:
            shown = chance(r.lines / (1 - r.drop_all)) & ~nothing
            lines = self.lines[rows]
            lines = by_hand(torch.where(mirrored, lines.flip(-1), lines), draw) * shown[:, None, None, None]
        return x0, Told(words, styles, lines)

    def train_step(self, progress: float) -> Tensor:
        """One gradient step; returns the loss, on the device."""
        batch, sketched, masks = self.batch(), self.sketched(), self.masks()
        twins = range(len(self.twins))
        run = cores().map if len(twins) > 1 else map
        loss = sum(run(lambda twin: self.backward(twin, batch, sketched, masks), twins))
        with self.small_work():
            for twin in self.twins[1:]:
                gradients = [(p.grad, q.grad) for p, q in zip(self.net.parameters(), twin.parameters(), strict=True)]
                torch._foreach_add_(*zip(*gradients, strict=True))
        loss = self.team.add_up(self.net, loss)
        self.apply_gradients(progress, loss)
        return loss

    def apply_gradients(self, progress: float, loss: Tensor) -> None:
        """The optimisers' step, that of the running means of weights and loss, and the count of steps."""
        adamw, *muon = self.optimisers
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.learning_rate(progress)
        # The running mean looks back further as the run gets longer, so that it never drags its start along.
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        with self.small_work():
            nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            adamw.step()
        for optimiser in muon:  # which shares its work out itself
            optimiser.step()
        with self.small_work(), torch.no_grad():
            torch._foreach_lerp_(self.means, list(self.net.parameters()), 1 - decay)
        self.count(loss)

    def count(self, loss: Tensor) -> None:
        """One step more, of this loss."""
        self.running = torch.lerp(self.running, loss, 0.01) if self.step else loss
        self.step += 1

    def small_work(self) -> contextlib.AbstractContextManager:
        """For hundreds of small operations: on a processor one thread does them. Several would wait for each other
        after every one, some milliseconds each time where another process has one of the cores."""
        return one_thread() if self.device.type == "cpu" else contextlib.nullcontext()

    def backward(self, twin: int, batch: tuple, sketched: tuple | None, masks: Tensor | None) -> Tensor:
        """Computes a twin's share of a batch: its gradients stay with its weights, its part of the loss is returned."""
        self.twins[twin].zero_grad(set_to_none=True)
        shares = range(twin, len(self.twins) * self.accumulate, len(self.twins))
        rows = (self.team.rows(share, len(self.twins) * self.accumulate) for share in shares)
        return sum(self.add_gradients(twin, own, batch, sketched, masks) for own in rows)

    def add_gradients(
        self, twin: int, own: slice, batch: tuple, sketched: tuple | None, masks: Tensor | None
    ) -> Tensor:
        """Adds the gradients of some rows of a batch to those of a twin; returns the rows' part of the loss."""
        net, forward, recipe = self.twins[twin], self.forwards[twin], self.recipe
        x0, eps, t, told = (part[own] for part in batch)
        count = len(x0)
        x, target = self.question(x0, eps, t)
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            texts = None
            if sketched is not None:
                pictures, texts = (part[own] for part in sketched)
                told = told.with_more(texts)
            inputs, sketches = net.embed(told.words, told.styles, told.lines) if net.conditional else (), None
            if net.model.sketch is not None:
                if masks is not None:
                    masks = torch.cat([masks[: recipe.batch][own], masks[recipe.batch :][own]])
                sketches = net.model.sketch(inputs[0], masks)

            def predict(x: Tensor) -> Tensor:
                sketch = {} if sketches is None else {"sketch": sketches[:count]}
                return forward(x, t.float(), *(part[:count] for part in inputs), **sketch).float()

            if recipe.self_condition and self.step % 2:
                x = torch.cat([x, self.estimate_x0(predict, x, t)], dim=1)
            error = {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.huber_loss}[recipe.loss]
            loss = error(predict(x), target) * (count / recipe.batch)
            objective = loss
            if texts is not None:
                truth = Sketch.of(pictures)
                share = len(pictures) / recipe.sketch_batch
                objective = loss + F.mse_loss(sketches[count:].float(), truth) * share
        objective.backward()
        return loss.detach()

    def question(self, x0: Tensor, eps: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(x, what the net should say of it): the pictures noised to t (B,), and what the recipe predicts."""
        alpha_bar = self.alpha_bar[t][:, None, None, None]
        signal, noise = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        target = {"eps": eps, "x0": x0, "v": signal * eps - noise * x0}[self.recipe.prediction]
        return signal * x0 + noise * eps, target

    @torch.no_grad()
    def estimate_x0(self, predict: Callable[[Tensor], Tensor], x: Tensor, t: Tensor) -> Tensor:
        """The net's first guess, given back to it as input: Chen et al. 2022, algorithm 1."""
        levels = [self.net.schedule.level(step) for step in t.tolist()]
        return Prediction.from_output(self.recipe.prediction, predict(x), x, levels).x0.clamp(-1, 1)

    def errors(self, most: int | None = None) -> dict[float, float]:
        """Denoising error on the held-out pictures, or on the first so many; see quality.denoising_error."""
        asked = list(zip(self.held_out.texts, self.held_out.styles, strict=True))[:most]
        conditions = [self.mean.parse(text, style or None)[0] for text, style in asked]
        denoise = UNetDenoiser(self.mean)
        return denoising_error(denoise, self.held_out.x0()[:most], conditions) if asked else {}
