"""An evaluation: a model and what it is measured on; the measures that are taken of it are in `measures`.

What can be measured depends on the data. Of pictures with captions alone, one or a few to each: whether the real
picture of a prompt is the nearest to what is drawn for it. Of pictures whose metadata says all that is true of them
(`words`), so that hundreds fit a prompt: whether what is drawn shows what was asked, read by a `reader`, and whether
the seed matters.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from playground.models.conditioning import Condition
from playground.models.denoiser import Denoiser
from playground.samplers import SAMPLERS
from playground.training import quality
from playground.training.asking import Asked, Counts, fitting, roomy
from playground.training.data import PictureSet
from playground.training.reader import Reader, train_reader

SAMPLER, STEPS = "ddpm", 20  # of most pictures; a model made for few steps is asked for as many, with ddim
SCALES = (1.0, 2.0, 4.0, 8.0)  # of guidance, for the trade of what is asked against how different the pictures are
COMPARED, COMPARED_FEW = (5, 10, 20, 50), (1, 2, 4, 8)  # steps for all samplers, of a model and of a student
REAL = 8000  # real pictures that generated ones are compared with: more change nothing that can be seen


@dataclass
class Amounts:
    """How many pictures each measure rests on."""

    prompted: int | None = None  # for captions held out and seen, None for all there are
    asked: int = 192  # for parts of captions
    combinations: int = 96
    swapped: int = 48
    prompts: int = 8  # for the spread, some seeds of each
    unconditional: int = 512
    taught: int = 12  # prompts on which a student is compared with its teacher
    sampled: int = 32  # for each sampler and number of steps


@dataclass
class Evaluation:
    """A model with what it is measured on; `results` fills as the measures are taken, `skipped` says which were not."""

    denoise: Denoiser
    pictures: tuple[PictureSet, PictureSet] | None  # for training, held out; None without data
    guidance: float = 2.0
    device: str = "cpu"
    amounts: Amounts = field(default_factory=Amounts)
    samplers: Sequence[str] = tuple(SAMPLERS)
    steps: Sequence[int] = ()  # for which the samplers are compared; without any, those that suit the model
    readers: Path | None = None  # the folder where readers are kept from one evaluation to the next
    teacher: Denoiser | None = None
    results: dict = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    noted: Callable[[], None] = lambda: None  # called whenever a part of a long measure is in the results

    def __post_init__(self) -> None:
        self.checkpoint = self.denoise.checkpoint
        made_for = getattr(self.checkpoint, "steps", None)
        self.sampler, self.own_steps = ("ddim", made_for) if made_for else (SAMPLER, STEPS)
        self.inside = getattr(self.checkpoint, "guidance", None)  # of a student: it answers with guidance by itself
        self.scales = SCALES if self.inside is None else (self.inside,)
        self.guidance = self.guidance if self.inside is None else self.inside
        self.steps = self.steps or (COMPARED if self.inside is None else COMPARED_FEW)

    # ---------------------------------------------------------------------------------------- what it is measured on

    @cached_property
    def of_training(self) -> Tensor:
        """Simple features of the training pictures, (N, F)."""
        return quality.features_of(self.pictures[0])

    @cached_property
    def of_held(self) -> Tensor:
        """The same of the pictures held out."""
        return quality.features_of(self.pictures[1])

    @cached_property
    def conditions(self) -> list[Condition]:
        """What the held-out pictures' captions and styles ask for; without data, nothing."""
        if self.pictures is None:
            return [Condition()]
        held = self.pictures[1]
        return [self.condition(text, style) for text, style in zip(held.texts, held.styles, strict=True)]

    @cached_property
    def order(self) -> list[int]:
        """The held-out pictures in a drawn order, so that the first few are of every style."""
        return torch.randperm(len(self.conditions), generator=torch.Generator().manual_seed(0)).tolist()

    @cached_property
    def counts(self) -> Counts:
        """How often phrases are true of the training pictures, alone and two together."""
        return Counts(self.pictures[0])

    @cached_property
    def left_out(self) -> list[Asked]:
        """Combinations that the model has seen and the reader has not: how well it reads such is measured on them."""
        return self.counts.rarely_together(2)

    @cached_property
    def reader(self) -> Reader:
        """Trained on the training pictures alone, or the one that was trained on these very pictures before."""
        training = self.pictures[0]
        apart = {k for pair in self.left_out for k in fitting(training, pair)}
        pictures = training.subset([k for k in range(len(training)) if k not in apart])
        # Another split holds out other pictures, and a reader that had seen them would pass for better than it is.
        told = repr((pictures.texts, pictures.styles, pictures.words, pictures.unsure)).encode()
        seen = hashlib.sha256(pictures.pixels.cpu().contiguous().numpy().tobytes() + told).hexdigest()[:16]
        file = self.readers and self.readers / f"reader-{seen}.safetensors"
        if file and (kept := Reader.load(file)):
            return kept
        reader = train_reader(pictures)
        if file:
            reader.save(file)
        return reader

    @cached_property
    def real(self) -> tuple[list[int], Tensor, Tensor]:
        """Some training pictures in a drawn order: which, their features for the reader, the words it sees in them."""
        rows = random.Random(0).sample(range(len(self.pictures[0])), min(REAL, len(self.pictures[0])))
        return rows, *self.reader.look_at(self.pictures[0], rows)

    @property
    def has_words(self) -> bool:
        """Whether the data says all that is true of a picture, and the model takes words."""
        return bool(self.pictures and self.pictures[0].words and self.checkpoint.vocabulary.words)

    # ---------------------------------------------------------------------------------------------- drawing pictures

    def condition(self, prompt: str, style: str | None = None) -> Condition:
        """What a prompt and a style of the data ask of the model; a style that it does not know asks for nothing."""
        return self.checkpoint.parse(prompt, (style if style in self.checkpoint.styles else None) or None)[0]

    def drawn(
        self, conditions: Sequence[Condition], seeds: Sequence[int], label: str, scale: float | None = None
    ) -> Tensor:
        """Pictures (N, 3, S, S), one for each condition and seed, as the model is meant to be asked."""
        scale = self.guidance if scale is None else scale
        made, nfe = quality.generate(self.denoise, conditions, seeds, self.sampler, self.own_steps, scale, label)
        self.results.setdefault("nfe", {})[label] = nfe
        return made

    @cached_property
    def roomy(self) -> list[Asked]:
        """Prompts that many different training pictures fit: where the seed has something to decide."""
        return roomy(self.pictures[0], self.counts, max(self.amounts.prompts, self.amounts.taught))

    def needs(self, has: object, otherwise: str) -> bool:
        """Whether a measure can be taken; if not, the sentence that says why is noted, once."""
        if not has and otherwise not in self.skipped:
            self.skipped.append(otherwise)
        return bool(has)
