"""An evaluation: a model, what it is measured on, and the measures that are taken of it, each by its name.

What can be measured depends on the data. Of pictures with captions alone, one or a few to each: whether the real
picture of a prompt is the nearest to what is drawn for it. Of pictures whose metadata says all that is true of them
(`words`), so that hundreds fit a prompt: whether what is drawn shows what was asked, read by a `reader`, and whether
the seed matters.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from playground.errors import UserError
from playground.models.conditioning import Condition
from playground.models.denoiser import Denoiser
from playground.samplers import SAMPLERS
from playground.training import quality
from playground.training.asking import (
    COLOURED,
    Asked,
    Counts,
    colour_of,
    fitting,
    parts_of_captions,
    roomy,
    swapped_colours,
)
from playground.training.data import PictureSet
from playground.training.reader import Reader, labels, train_reader

SAMPLER, STEPS = "ddpm", 20  # of most pictures; a model made for few steps is asked for as many, with ddim
TEACHER_STEPS = 20  # of the teacher's pictures that a student should give back, with ddim and guidance
REFERENCE, REFERENCE_STEPS = "heun", 100  # where the samplers' pictures of the same noise should end up
SCALES = (1.0, 2.0, 4.0, 8.0)  # of guidance, for the trade of what is asked against how different the pictures are
STUDENT_STEPS = (1, 2, 4, 8)
READ = 0.5  # probability from which a word counts as seen
REAL = 8000  # real pictures that generated ones are compared with: more change nothing that can be seen
SPREAD_SEEDS = 8
MEASURES = ("error", "likeness", "words", "spread", "unconditional", "samplers", "teacher")
NO_DATA = "Denoising error, retrieval, copying and energy distance need --data, enough of it to hold two pictures out."
NO_WORDS = "Whether it shows what was asked, and how much the seed decides, is read where metadata lists `words`."


@dataclass
class Amounts:
    """How many pictures each measure rests on."""

    prompted: int | None = None  # for captions held out and seen, None for all there are
    asked: int = 192  # for parts of captions
    combinations: int = 96
    swapped: int = 48
    prompts: int = 8  # for the spread, `SPREAD_SEEDS` of each
    unconditional: int = 512
    taught: int = 12  # prompts on which a student is compared with its teacher
    sampled: int = 16  # for each sampler and number of steps


@dataclass
class Evaluation:
    """A model with what it is measured on; `results` fills as the measures are taken, `skipped` says which were not."""

    denoise: Denoiser
    pictures: tuple[PictureSet, PictureSet] | None  # for training, held out; None without data
    guidance: float = 2.0
    device: str = "cpu"
    amounts: Amounts = field(default_factory=Amounts)
    samplers: Sequence[str] = tuple(SAMPLERS)
    steps: Sequence[int] = (5, 10, 20, 50)
    reader_file: Path | None = None  # where the reader is kept from one evaluation to the next
    teacher: Denoiser | None = None
    results: dict = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.checkpoint = self.denoise.checkpoint
        made_for = getattr(self.checkpoint, "steps", None)
        self.sampler, self.own_steps = ("ddim", made_for) if made_for else (SAMPLER, STEPS)
        inside = getattr(self.checkpoint, "guidance", None)  # of a student: it answers with guidance by itself
        self.scales = SCALES if inside is None else (inside,)
        self.guidance = self.guidance if inside is None else inside

    # ---------------------------------------------------------------------------------------- what it is measured on

    @cached_property
    def features(self) -> tuple[Tensor, Tensor]:
        """Simple features of the training pictures and of those held out, (N, F) each."""
        return tuple(map(quality.features_of, self.pictures))

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
        return Counts(self.pictures[0])

    @cached_property
    def left_out(self) -> list[Asked]:
        """Combinations that the model has seen and the reader has not: how well it reads such is measured on them."""
        return self.counts.rarely_together(2)

    @cached_property
    def reader(self) -> Reader:
        """Trained on the training pictures, or read from its file if it is for these words."""
        training = self.pictures[0]
        kept = self.reader_file and Reader.load(self.reader_file)
        if kept and set(self.counts.phrases) >= set(kept.words) and set(kept.styles) == set(training.styles) - {""}:
            return kept
        apart = {k for pair in self.left_out for k in fitting(training, pair)}
        reader = train_reader(training.subset([k for k in range(len(training)) if k not in apart]))
        if self.reader_file:
            reader.save(self.reader_file)
        return reader

    @cached_property
    def real(self) -> tuple[list[int], Tensor, Tensor]:
        """Some training pictures in a drawn order: which, their features for the reader, the words it sees in them."""
        rows = random.Random(0).sample(range(len(self.pictures[0])), min(REAL, len(self.pictures[0])))
        return rows, *self.reader.look_at(self.pictures[0], rows)

    @property
    def has_words(self) -> bool:
        return bool(self.pictures and self.pictures[0].words and self.checkpoint.vocabulary.words)

    # ---------------------------------------------------------------------------------------------- drawing pictures

    def condition(self, prompt: str, style: str | None = None) -> Condition:
        return self.checkpoint.parse(prompt, (style if style in self.checkpoint.styles else None) or None)[0]

    def drawn(
        self, conditions: Sequence[Condition], seeds: Sequence[int], label: str, scale: float | None = None
    ) -> Tensor:
        """Pictures (N, 3, S, S), one for each condition and seed, as the model is meant to be asked."""
        scale = self.guidance if scale is None else scale
        made, nfe = quality.generate(self.denoise, conditions, seeds, self.sampler, self.own_steps, scale, label)
        self.results.setdefault("nfe", {})[label] = nfe
        return made

    # -------------------------------------------------------------------------------------------------- the measures

    def take(self, names: Sequence[str] = MEASURES, done: Callable[[], None] = lambda: None) -> None:
        """Takes these measures as far as there are pictures for them; done() is called after each."""
        for name in names:
            began = time.monotonic()
            getattr(self, f"measure_{name}")()
            self.results.setdefault("minutes", {})[name] = round((time.monotonic() - began) / 60, 2)
            done()

    def _needs(self, has: object, otherwise: str) -> bool:
        if not has and otherwise not in self.skipped:
            self.skipped.append(otherwise)
        return bool(has)

    def measure_error(self) -> None:
        """Mean squared error of x̂0 on the held-out pictures, or on their latents, by log-SNR."""
        if not self._needs(self.pictures, NO_DATA):
            return
        x0, space = self.pictures[1].x0(), self.checkpoint.space
        if space.factor > 1:
            self.results["reconstruction"] = quality.psnr(space, x0.to(self.device))
            x0 = space.encode(x0.to(self.device)).cpu()
        errors = quality.denoising_error(self.denoise, x0, self.conditions)
        self.results["denoising_error"] = {f"{level:g}": error for level, error in errors.items()}

    def measure_likeness(self) -> None:
        """Copying, of one picture for each held-out prompt and style and for as many of the training; and retrieval.
        Where hundreds of pictures fit a prompt, `measure_words` does it."""
        if not self._needs(self.pictures, NO_DATA) or self.has_words:
            return
        training, held = self.pictures
        of_training, of_held = self.features
        asked = self.order[: self.amounts.prompted]
        made = self._features_for([self.conditions[k] for k in asked], "prompts held out")
        self.results["copying"] = quality.copying(made, of_held, of_training) | {"pictures": len(made)}
        if not any(condition.words for condition in self.conditions):
            self.skipped.append("Retrieval needs a model that takes prompts, and pictures with captions.")
            return
        # Of the training as many as were held out, and of the same kind.
        usual = (training.weights >= 1).nonzero()[:, 0].tolist()
        chosen = random.Random(0).sample(usual, min(len(held), len(usual)))
        seen, there = training.subset(chosen), list(range(len(chosen)))[: len(asked)]
        again = [self.condition(seen.texts[k], seen.styles[k]) for k in there]
        remade = self._features_for(again, "prompts seen")
        copies = quality.copying(remade, of_held, of_training)
        self.results["copying"]["seen"] = {key: copies[key] for key in ("generated", "closer", "nearest")}
        found = {"generated": (made, asked, held, of_held), "seen": (remade, there, seen, of_training[chosen])}
        pairs, others = quality.other_styles(held, training)
        if pairs:
            found["other_styles"] = (of_training[others], pairs, held, of_held)
        self.results["retrieval"] = retrieval = {"pictures": len(asked)}
        for name, among in found.items():
            ranks = quality.ranks(*among)
            retrieval[name] = {f"top_{n}": quality.share_within(ranks, n) for n in (1, 5)}
        retrieval["chance"] = {f"top_{n}": quality.chance(asked, held, n) for n in (1, 5)}

    def _features_for(self, conditions: Sequence[Condition], label: str) -> Tensor:
        return quality.features(self.drawn(conditions, range(len(conditions)), label))

    # ------------------------------------------------------------------------------------ what was asked, the seed

    def measure_words(self) -> None:
        """Whether the reader finds what was asked: for parts of captions, combinations never seen, swapped colours; and
        how sharp and how near to real ones these pictures are."""
        if not self._needs(self.has_words, NO_WORDS):
            return
        held = self.pictures[1]
        asked = parts_of_captions(held, self.amounts.asked)
        seen = self.drawn([self.condition(a.prompt, a.style) for a in asked], range(len(asked)), "parts of captions")
        features, found = self.reader.look(seen)
        _, in_real = self.reader.look_at(held)
        true, known = (part[:, : len(self.reader.words)] for part in labels(held, self.reader))
        words = {"pictures": len(asked), **self._shown(asked, found), "real": (in_real > READ)[true > 0].float().mean()}
        words["real_pictures"] = len(held)
        words["false_alarms"] = (in_real > READ)[(true == 0) & (known > 0)].float().mean()
        of_training, of_held = self.features
        copying = quality.copying(quality.features(seen), of_held, of_training)
        self.results["copying"] = copying | {"pictures": len(seen)}
        _, of_real, _ = self.real
        words["frechet"] = quality.frechet_distance(features, of_real)
        words["frechet_real"] = quality.frechet_distance(of_real[: len(asked)], of_real[len(asked) :])
        words["sharpness"] = quality.sharpness(seen)
        words["sharpness_real"] = quality.sharpness(held.x0())

        never = self.counts.never_together()
        if never:
            times = -(-self.amounts.combinations // len(never))
            combined = [pair for pair in never for _ in range(times)][: max(len(never), self.amounts.combinations)]
            conditions = [self.condition(pair.prompt, pair.style) for pair in combined]
            _, found = self.reader.look(self.drawn(conditions, range(len(combined)), "combinations never seen"))
            words["combinations"] = {"pictures": len(combined), "pairs": len(never), **self._shown(combined, found)}
            unread = [(pair, k) for pair in self.left_out for k in fitting(self.pictures[0], pair)]
            if unread:
                _, found = self.reader.look_at(self.pictures[0], [k for _, k in unread])
                real = self._shown([pair for pair, _ in unread], found)
                words["combinations"] |= {"real": real["shown"], "real_pictures": len(unread)}
        if swapped := swapped_colours(self.counts, self.amounts.swapped):
            conditions = [self.condition(each.prompt, each.style) for each in swapped]
            # Both orders of two colours begin with the same noise: all that differs is the order.
            _, found = self.reader.look(
                self.drawn(conditions, [k // 2 for k in range(len(swapped))], "swapped colours")
            )
            words["swapped"] = {"pictures": len(swapped)} | self._colours_right(swapped, found)
            pairs = [
                (Asked(colours, held.styles[k]), k) for k in range(len(held)) if (colours := _two_colours(held, k))
            ]
            if pairs:
                right = self._colours_right([pair for pair, _ in pairs], in_real[[k for _, k in pairs]])
                words["swapped"] |= {"real": right["right"], "real_pictures": len(pairs)}
        self.results["words"] = _plain(words)

    def _shown(self, asked: Sequence[Asked], found: Tensor) -> dict:
        """Share of the asked phrases that are seen in the pictures, overall and for each phrase: [seen, asked]."""
        each: dict[str, list[int]] = {}
        for one, row in zip(asked, found, strict=True):
            for phrase in one.phrases:
                if phrase in self.reader.index:
                    counted = each.setdefault(phrase, [0, 0])
                    counted[0] += int(row[self.reader.index[phrase]] > READ)
                    counted[1] += 1
        seen, of = (sum(counted[k] for counted in each.values()) for k in (0, 1))
        return {"shown": seen / max(1, of), "by_word": dict(sorted(each.items()))}

    def _colours_right(self, asked: Sequence[Asked], found: Tensor) -> dict:
        """Share of the pictures whose hair and whose clothes are likelier of the asked colour than of any other."""
        columns = {noun: [k for word, k in self.reader.index.items() if colour_of(word, noun)] for noun in COLOURED}
        right = []
        for one, row in zip(asked, found, strict=True):
            wanted = {phrase.split()[-1]: self.reader.index.get(phrase) for phrase in one.phrases}
            best = {noun: columns[noun][row[columns[noun]].argmax()] for noun in COLOURED}
            right.append([best[noun] == wanted[noun] for noun in COLOURED])
        shares = torch.tensor(right, dtype=torch.float32)
        return {"right": shares.prod(dim=1).mean().item()} | dict(
            zip(COLOURED, shares.mean(dim=0).tolist(), strict=True)
        )

    @cached_property
    def roomy(self) -> list[Asked]:
        return roomy(self.pictures[0], self.counts, max(self.amounts.prompts, self.amounts.taught))

    def _real_of(self, asked: Asked, count: int = 48) -> tuple[Tensor, Tensor]:
        """Real pictures that a prompt fits, (N, 3, S, S), and their features for the reader."""
        rows = random.Random(0).sample(found := fitting(self.pictures[0], asked), min(count, len(found)))
        pictures = self.pictures[0].x0(torch.tensor(rows))
        return pictures, self.reader.look(pictures)[0]

    def _of_prompts(self, asked: Sequence[Asked], made: Tensor) -> dict:
        """What can be said of `SPREAD_SEEDS` pictures for each of some prompts, beside real ones of the same."""
        features, found = self.reader.look(made)
        own, real, of_real, fresh = [], [], [], []
        for one, pictures, seen in zip(asked, made.split(SPREAD_SEEDS), features.split(SPREAD_SEEDS), strict=True):
            there, features_there = self._real_of(one)
            own.append((quality.spread(pictures), quality.spread(seen)))
            real.append((quality.spread(there), quality.spread(features_there)))
            of_real.append(features_there[:SPREAD_SEEDS])
            fresh.append(features_there[SPREAD_SEEDS : 2 * SPREAD_SEEDS])
        (pixels, read), (real_pixels, real_read) = (torch.tensor(each).mean(dim=0).tolist() for each in (own, real))
        of_real, fresh = torch.cat(of_real), torch.cat(fresh)
        return {
            "shown": self._shown([one for one in asked for _ in range(SPREAD_SEEDS)], found)["shown"],
            "spread": pixels / real_pixels,
            "spread_read": read / real_read,
            "grey_levels": 127.5 * pixels,
            "real_grey_levels": 127.5 * real_pixels,
            "sharpness": quality.sharpness(made),
            "frechet": quality.frechet_distance(features, of_real),
            "frechet_real": quality.frechet_distance(fresh, of_real),
            **quality.manifold(of_real, features),
            "real": quality.manifold(of_real, fresh),
        }

    def _asked_often(self, asked: Sequence[Asked]) -> tuple[list[Condition], list[int]]:
        conditions = [self.condition(one.prompt, one.style) for one in asked for _ in range(SPREAD_SEEDS)]
        return conditions, list(range(len(conditions)))

    def measure_spread(self) -> None:
        """How different the pictures of one prompt are, by guidance, beside real ones of the same prompt."""
        if not self._needs(self.has_words and self.roomy, NO_WORDS):
            return
        asked = self.roomy[: self.amounts.prompts]
        conditions, seeds = self._asked_often(asked)
        rows = {}
        for scale in self.scales:
            made = self.drawn(conditions, seeds, f"guidance {scale:g}", scale)
            rows[f"{scale:g}"] = self._of_prompts(asked, made)
        self.results["spread"] = {"prompts": len(asked), "seeds": SPREAD_SEEDS, "by_guidance": rows}

    def measure_unconditional(self) -> None:
        """Pictures that nothing was asked of, beside as many real ones."""
        if not self._needs(self.pictures and self.pictures[0].words, NO_WORDS):
            return
        _, of_real, _ = self.real
        count = min(self.amounts.unconditional, len(of_real) // 2)
        made = self.drawn([Condition()] * count, range(count), "no condition")
        features, _ = self.reader.look(made)
        fresh, others = of_real[:count], of_real[count:]
        self.results["unconditional"] = {
            "pictures": count,
            "real_pictures": len(others),
            "frechet": quality.frechet_distance(features, others),
            "frechet_real": quality.frechet_distance(fresh, others),
            "sharpness": quality.sharpness(made),
            "sharpness_real": quality.sharpness(self.pictures[1].x0()),
            **quality.manifold(others[:count], features),
            "real": quality.manifold(others[:count], fresh),
        }

    def measure_samplers(self) -> None:
        """What each sampler makes of so many steps, from the same noises for the same prompts, without guidance, which
        doubles the NFE and leaves the data's distribution on purpose. Every cell rests on the same pictures."""
        count = self.amounts.sampled
        conditions = [self.conditions[self.order[k % len(self.order)]] for k in range(count)]
        last = min(REFERENCE_STEPS, self.checkpoint.T)

        def made(name: str, steps: int, label: str) -> tuple[Tensor, float]:
            return quality.generate(self.denoise, conditions, range(count), name, steps, label=label)

        reference, _ = made(REFERENCE, last, "reference")
        cells = [(name, steps) for name in self.samplers for steps in self.steps]
        rows = []
        for number, (name, steps) in enumerate(cells, start=1):
            try:
                found, nfe = made(name, steps, f"{name}, {steps} steps ({number}/{len(cells)})")
            except UserError:  # more steps than the schedule has, or a sampler that breaks down with so few
                continue
            row = {"sampler": name, "steps": steps, "pictures": count, "nfe": nfe}
            if SAMPLERS[name].order and (name, steps) != (REFERENCE, last):
                row["rmse"] = (found - reference).square().mean().sqrt().item()
            if self.pictures:
                row["energy_distance"] = quality.energy_distance(quality.features(found), self.features[1])
            rows.append(row)
        self.results["samplers"] = rows
        self.results["reference"] = {"sampler": REFERENCE, "steps": last, "pictures": count}
        if self.pictures and 2 * count <= len(self.features[1]):
            mean, deviation = quality.energy_floor(self.features[1], count)
            self.results["real_pictures"] = {"pictures": count, "mean": mean, "deviation": deviation}

    def measure_teacher(self) -> None:
        """A student beside its teacher, from the same noises: at its own few steps, and at as many evaluations."""
        if self.teacher is None:
            return
        if not self._needs(self.has_words and self.roomy, NO_WORDS):
            return
        asked = self.roomy[: self.amounts.taught]
        conditions, seeds = self._asked_often(asked)
        teacher = {"scale": self.guidance, "steps": TEACHER_STEPS, "name": self.teacher.checkpoint.name}

        def drawn(denoise: Denoiser, steps: int, scale: float) -> tuple[Tensor, float]:
            label = f"{denoise.checkpoint.name}, {steps} steps"
            return quality.generate(denoise, conditions, seeds, "ddim", steps, scale, label)

        target, nfe = drawn(self.teacher, TEACHER_STEPS, self.guidance)
        rows = [{"who": "teacher", "steps": TEACHER_STEPS, "nfe": nfe} | self._of_prompts(asked, target)]
        for steps in STUDENT_STEPS:
            # A guided step of the teacher costs two evaluations; for a single one it goes without guidance.
            for who, denoise, taken in (
                ("student", self.denoise, steps),
                ("teacher", self.teacher, max(1, steps // 2)),
            ):
                made, nfe = drawn(denoise, taken, self.guidance if who == "student" or steps > 1 else 1.0)
                row = {"who": who, "steps": taken, "nfe": nfe, "off": quality.grey_levels(made, target)}
                rows.append(row | self._of_prompts(asked, made))
        real = quality.sharpness(torch.cat([self._real_of(one)[0] for one in asked]))
        self.results["teacher"] = teacher | {
            "rows": rows, "prompts": len(asked), "seeds": SPREAD_SEEDS, "sharpness_real": real,
        }  # fmt: skip


def _two_colours(pictures: PictureSet, k: int) -> tuple[str, str] | None:
    """The colours of hair and clothes that are true of a picture, if there is one of each and they differ."""
    found = [[word for word in pictures.words[k] if colour_of(word, noun)] for noun in COLOURED]
    if any(len(each) != 1 for each in found):
        return None
    (hair,), (clothes,) = found
    return (hair, clothes) if hair.split()[0] != clothes.split()[0] else None


def _plain(found: dict) -> dict:
    """Tensors of one number as numbers."""
    return {key: value.item() if isinstance(value, Tensor) else value for key, value in found.items()}
