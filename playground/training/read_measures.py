"""Measures that read words off pictures, with a `reader`: does a model show what it was asked for, does the seed
matter, how near are pictures that nothing was asked of to real ones, and how near is a student to its teacher."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from torch import Tensor

from playground.images.measures import sharpness
from playground.models.conditioning import Condition
from playground.models.denoiser import Denoiser
from playground.training import quality
from playground.training.asking import COLOURED, Asked, colour_of, fitting, parts_of_captions, swapped_colours
from playground.training.data import PictureSet
from playground.training.evaluation import Evaluation
from playground.training.reader import labels

TEACHER_STEPS = 20  # of the teacher's pictures that a student should give back, with ddim and guidance
STUDENT_STEPS = (1, 2, 4, 8)
# How much of the spread and of the sharpness is lost to few steps, and whether another sampler loses less.
LONGER = (("ddpm", 20), ("ddpm", 50), ("ddpm", 100), ("dpmpp_2m_sde", 50), ("dpmpp_2m_sde", 100), ("langevin", 50))
READ = 0.5  # probability from which a word counts as seen
SPREAD_SEEDS = 8
NO_WORDS = "Whether it shows what was asked, and how much the seed decides, is read where metadata lists `words`."


def words(evaluation: Evaluation) -> None:
    """Whether the reader finds what was asked: for parts of captions, combinations never seen, swapped colours; and
    how sharp and how near to real ones these pictures are."""
    if not evaluation.needs(evaluation.has_words, NO_WORDS):
        return
    held = evaluation.pictures[1]
    asked = parts_of_captions(held, evaluation.amounts.asked)
    seen = evaluation.drawn(
        [evaluation.condition(a.prompt, a.style) for a in asked], range(len(asked)), "parts of captions"
    )
    features, found = evaluation.reader.look(seen)
    _, in_real = evaluation.reader.look_at(held)
    true, known = (part[:, : len(evaluation.reader.words)] for part in labels(held, evaluation.reader))
    words = {
        "pictures": len(asked),
        **_shown(evaluation, asked, found),
        "real": (in_real > READ)[true > 0].float().mean(),
    }
    words["real_pictures"] = len(held)
    words["false_alarms"] = (in_real > READ)[(true == 0) & (known > 0)].float().mean()
    of_training, of_held = evaluation.of_training, evaluation.of_held
    copying = quality.copying(quality.features(seen), of_held, of_training)
    evaluation.results["copying"] = copying | {"pictures": len(seen)}
    _, of_real, _ = evaluation.real
    words["frechet"] = quality.frechet_distance(features, of_real)
    words["frechet_real"] = quality.frechet_distance(of_real[: len(asked)], of_real[len(asked) :])
    words["sharpness"] = sharpness(seen)
    words["sharpness_real"] = sharpness(held.x0())

    never = evaluation.counts.never_together()
    if never:
        times = -(-evaluation.amounts.combinations // len(never))
        combined = [pair for pair in never for _ in range(times)][: max(len(never), evaluation.amounts.combinations)]
        conditions = [evaluation.condition(pair.prompt, pair.style) for pair in combined]
        _, found = evaluation.reader.look(evaluation.drawn(conditions, range(len(combined)), "combinations never seen"))
        words["combinations"] = {"pictures": len(combined), "pairs": len(never), **_shown(evaluation, combined, found)}
        unread = [(pair, k) for pair in evaluation.left_out for k in fitting(evaluation.pictures[0], pair)]
        if unread:
            _, found = evaluation.reader.look_at(evaluation.pictures[0], [k for _, k in unread])
            real = _shown(evaluation, [pair for pair, _ in unread], found)
            words["combinations"] |= {"real": real["shown"], "real_pictures": len(unread)}
    if swapped := swapped_colours(evaluation.counts, evaluation.amounts.swapped):
        conditions = [evaluation.condition(each.prompt, each.style) for each in swapped]
        # Both orders of two colours begin with the same noise: all that differs is the order.
        _, found = evaluation.reader.look(
            evaluation.drawn(conditions, [k // 2 for k in range(len(swapped))], "swapped colours")
        )
        words["swapped"] = {"pictures": len(swapped)} | _colours_right(evaluation, swapped, found)
        pairs = [(Asked(colours, held.styles[k]), k) for k in range(len(held)) if (colours := _two_colours(held, k))]
        if pairs:
            right = _colours_right(evaluation, [pair for pair, _ in pairs], in_real[[k for _, k in pairs]])
            words["swapped"] |= {"real": right["right"], "real_pictures": len(pairs)}
    evaluation.results["words"] = _plain(words)


def spread(evaluation: Evaluation) -> None:
    """How different the pictures of one prompt are, by guidance, beside real ones of the same prompt."""
    if not evaluation.needs(evaluation.has_words and evaluation.roomy, NO_WORDS):
        return
    asked = evaluation.roomy[: evaluation.amounts.prompts]
    conditions, seeds = _asked_often(evaluation, asked)
    found = evaluation.results.setdefault("spread", {"by_guidance": {}}) | {
        "prompts": len(asked),
        "seeds": SPREAD_SEEDS,
    }
    evaluation.results["spread"] = found
    for scale in evaluation.scales:
        if f"{scale:g}" not in found["by_guidance"]:
            made = evaluation.drawn(conditions, seeds, f"guidance {scale:g}", scale)
            found["by_guidance"][f"{scale:g}"] = _of_prompts(evaluation, asked, made)
            evaluation.noted()


def longer(evaluation: Evaluation) -> None:
    """What more steps and other samplers with noise of their own would give, without guidance: spread and sharpness of
    pictures of some prompts, sharpness of as many that nothing was asked of; and what is left of both in real pictures
    that went through the autoencoder."""
    if evaluation.inside is not None:  # made for few steps
        return
    if not evaluation.needs(evaluation.has_words and evaluation.roomy, NO_WORDS):
        return
    asked = evaluation.roomy[: evaluation.amounts.prompts]
    conditions, seeds = _asked_often(evaluation, asked)
    found = evaluation.results.setdefault("longer", {"by_way": {}}) | {"prompts": len(asked), "seeds": SPREAD_SEEDS}
    evaluation.results["longer"] = found

    for sampler, steps in LONGER:
        if (way := f"{sampler}, {steps} steps") not in found["by_way"]:
            made, nfe = quality.generate(evaluation.denoise, conditions, seeds, sampler, steps, label=way)
            nothing = [Condition()] * len(seeds)
            free, _ = quality.generate(evaluation.denoise, nothing, seeds, sampler, steps, label=f"{way}, no condition")
            row = _of_prompts(evaluation, asked, made)
            found["by_way"][way] = row | {"nfe": nfe, "sharpness_free": sharpness(free)}
            evaluation.noted()
    space, real = evaluation.checkpoint.space, [_real_of(evaluation, one)[0] for one in asked]
    if space.factor > 1:
        back = [space.decode(space.encode(each.to(evaluation.device))).cpu() for each in real]
        shares = [quality.spread(kept) / quality.spread(each) for kept, each in zip(back, real, strict=True)]
        found["autoencoder"] = {"spread": sum(shares) / len(shares), "sharpness": sharpness(torch.cat(back))}
    found["sharpness_real"] = sharpness(torch.cat(real))


def unconditional(evaluation: Evaluation) -> None:
    """Pictures that nothing was asked of, beside as many real ones."""
    if not evaluation.needs(evaluation.pictures and evaluation.pictures[0].words, NO_WORDS):
        return
    _, of_real, _ = evaluation.real
    count = min(evaluation.amounts.unconditional, len(of_real) // 2)
    made = evaluation.drawn([Condition()] * count, range(count), "no condition")
    features, _ = evaluation.reader.look(made)
    fresh, others = of_real[:count], of_real[count:]
    evaluation.results["unconditional"] = {
        "pictures": count,
        "real_pictures": len(others),
        "frechet": quality.frechet_distance(features, others),
        "frechet_real": quality.frechet_distance(fresh, others),
        "sharpness": sharpness(made),
        "sharpness_real": sharpness(evaluation.pictures[1].x0()),
        **quality.manifold(others[:count], features),
        "real": quality.manifold(others[:count], fresh),
    }


def teacher(evaluation: Evaluation) -> None:
    """A student beside its teacher, from the same noises: at its own few steps, and at as many evaluations."""
    if evaluation.teacher is None:
        return
    if not evaluation.needs(evaluation.has_words and evaluation.roomy, NO_WORDS):
        return
    asked = evaluation.roomy[: evaluation.amounts.taught]
    conditions, seeds = _asked_often(evaluation, asked)
    teacher = {"scale": evaluation.guidance, "steps": TEACHER_STEPS, "name": evaluation.teacher.checkpoint.name}

    def drawn(denoise: Denoiser, steps: int, scale: float) -> tuple[Tensor, float]:
        label = f"{denoise.checkpoint.name}, {steps} steps"
        return quality.generate(denoise, conditions, seeds, "ddim", steps, scale, label)

    target, nfe = drawn(evaluation.teacher, TEACHER_STEPS, evaluation.guidance)
    rows = [{"who": "teacher", "steps": TEACHER_STEPS, "nfe": nfe} | _of_prompts(evaluation, asked, target)]
    for steps in STUDENT_STEPS:
        # A guided step of the teacher costs two evaluations; for a single one it goes without guidance.
        for who, denoise, taken in (
            ("student", evaluation.denoise, steps),
            ("teacher", evaluation.teacher, max(1, steps // 2)),
        ):
            made, nfe = drawn(denoise, taken, evaluation.guidance if who == "student" or steps > 1 else 1.0)
            row = {"who": who, "steps": taken, "nfe": nfe, "off": quality.grey_levels(made, target)}
            rows.append(row | _of_prompts(evaluation, asked, made))
    real = sharpness(torch.cat([_real_of(evaluation, one)[0] for one in asked]))
    evaluation.results["teacher"] = teacher | {
        "rows": rows, "prompts": len(asked), "seeds": SPREAD_SEEDS, "sharpness_real": real,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------ what they share


def _shown(evaluation: Evaluation, asked: Sequence[Asked], found: Tensor) -> dict:
    """Share of the asked phrases that are seen in the pictures, overall and for each phrase: [seen, asked]."""
    each: dict[str, list[int]] = {}
    for one, row in zip(asked, found, strict=True):
        for phrase in one.phrases:
            if phrase in evaluation.reader.index:
                counted = each.setdefault(phrase, [0, 0])
                counted[0] += int(row[evaluation.reader.index[phrase]] > READ)
                counted[1] += 1
    seen, of = (sum(counted[k] for counted in each.values()) for k in (0, 1))
    return {"shown": seen / max(1, of), "by_word": dict(sorted(each.items()))}


def _colours_right(evaluation: Evaluation, asked: Sequence[Asked], found: Tensor) -> dict:
    """Share of the pictures whose hair and whose clothes are likelier of the asked colour than of any other."""
    columns = {noun: [k for word, k in evaluation.reader.index.items() if colour_of(word, noun)] for noun in COLOURED}
    right = []
    for one, row in zip(asked, found, strict=True):
        wanted = {phrase.split()[-1]: evaluation.reader.index.get(phrase) for phrase in one.phrases}
        best = {noun: columns[noun][row[columns[noun]].argmax()] for noun in COLOURED}
        right.append([best[noun] == wanted[noun] for noun in COLOURED])
    shares = torch.tensor(right, dtype=torch.float32)
    return {"right": shares.prod(dim=1).mean().item()} | dict(zip(COLOURED, shares.mean(dim=0).tolist(), strict=True))


def _two_colours(pictures: PictureSet, k: int) -> tuple[str, str] | None:
    """The colours of hair and clothes that are true of a picture, if there is one of each and they differ."""
    found = [[word for word in pictures.words[k] if colour_of(word, noun)] for noun in COLOURED]
    if any(len(each) != 1 for each in found):
        return None
    (hair,), (clothes,) = found
    return (hair, clothes) if hair.split()[0] != clothes.split()[0] else None


def _real_of(evaluation: Evaluation, asked: Asked, count: int = 48) -> tuple[Tensor, Tensor]:
    """Real pictures that a prompt fits, (N, 3, S, S), and their features for the reader."""
    rows = random.Random(0).sample(found := fitting(evaluation.pictures[0], asked), min(count, len(found)))
    pictures = evaluation.pictures[0].x0(torch.tensor(rows))
    return pictures, evaluation.reader.look(pictures)[0]


def _of_prompts(evaluation: Evaluation, asked: Sequence[Asked], made: Tensor) -> dict:
    """What can be said of `SPREAD_SEEDS` pictures for each of some prompts, beside real ones of the same."""
    features, found = evaluation.reader.look(made)
    own, real, of_real, fresh = [], [], [], []
    for one, pictures, seen in zip(asked, made.split(SPREAD_SEEDS), features.split(SPREAD_SEEDS), strict=True):
        there, features_there = _real_of(evaluation, one)
        own.append((quality.spread(pictures), quality.spread(seen)))
        real.append((quality.spread(there), quality.spread(features_there)))
        of_real.append(features_there[:SPREAD_SEEDS])
        fresh.append(features_there[SPREAD_SEEDS : 2 * SPREAD_SEEDS])
    own, real = torch.tensor(own), torch.tensor(real)
    (pixels, read), (real_pixels, real_read) = own.mean(dim=0).tolist(), real.mean(dim=0).tolist()
    off = (own - real * (own.mean(dim=0) / real.mean(dim=0)))[:, 0]  # of each prompt, from what all of them say
    of_real, fresh = torch.cat(of_real), torch.cat(fresh)
    return {
        "shown": _shown(evaluation, [one for one in asked for _ in range(SPREAD_SEEDS)], found)["shown"],
        "spread": pixels / real_pixels,
        "spread_error": (off.square().mean() / max(1, len(asked) - 1)).sqrt().item() / real_pixels,
        "spread_read": read / real_read,
        "grey_levels": 127.5 * pixels,
        "real_grey_levels": 127.5 * real_pixels,
        "sharpness": sharpness(made),
        "frechet": quality.frechet_distance(features, of_real),
        "frechet_real": quality.frechet_distance(fresh, of_real),
        **quality.manifold(of_real, features),
        "real": quality.manifold(of_real, fresh),
    }


def _asked_often(evaluation: Evaluation, asked: Sequence[Asked]) -> tuple[list[Condition], list[int]]:
    conditions = [evaluation.condition(one.prompt, one.style) for one in asked for _ in range(SPREAD_SEEDS)]
    return conditions, list(range(len(conditions)))


def _plain(found: dict) -> dict:
    """Tensors of one number as numbers."""
    return {key: value.item() if isinstance(value, Tensor) else value for key, value in found.items()}
