"""The measures of an evaluation, each by its name in `MEASURES`: they write what they find into its results.

Here are those that any pictures allow; those that read words off pictures are in `read_measures`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import cache

from torch import Tensor

from playground.errors import UserError
from playground.models.conditioning import Condition
from playground.samplers import SAMPLERS
from playground.training import quality
from playground.training.evaluation import Evaluation
from playground.training.read_measures import longer, spread, teacher, unconditional, words

REFERENCE, REFERENCE_STEPS = "heun", 100  # where the samplers' pictures of the same noise should end up
NO_DATA = "Denoising error, retrieval, copying and energy distance need --data, enough of it to hold two pictures out."


def take(evaluation: Evaluation, names: Sequence[str], done: Callable[[str], None] = lambda name: None) -> None:
    """Takes these measures as far as there are pictures for them; done(name) is called after each. What the results
    hold of one that was not finished is gone on with."""
    results = evaluation.results
    for name in names:
        if results.get("unfinished") != name:
            results.pop(name, None)
        results["unfinished"], began = name, time.monotonic()
        MEASURES[name](evaluation)
        del results["unfinished"]
        results.setdefault("minutes", {})[name] = round((time.monotonic() - began) / 60, 2)
        done(name)


def error(evaluation: Evaluation) -> None:
    """Mean squared error of x̂0 on the held-out pictures, or on their latents, by log-SNR."""
    if not evaluation.needs(evaluation.pictures, NO_DATA):
        return
    x0, space = evaluation.pictures[1].x0(), evaluation.checkpoint.space
    if space.factor > 1:
        evaluation.results["reconstruction"] = quality.psnr(space, x0.to(evaluation.device))
        x0 = space.encode(x0.to(evaluation.device)).cpu()
    errors = quality.denoising_error(evaluation.denoise, x0, evaluation.conditions)
    evaluation.results["denoising_error"] = {f"{level:g}": error for level, error in errors.items()}


def likeness(evaluation: Evaluation) -> None:
    """Copying, of one picture for each held-out prompt and style and for as many of the training; and retrieval.
    Where hundreds of pictures fit a prompt, `words` does it."""
    if not evaluation.needs(evaluation.pictures, NO_DATA) or evaluation.has_words:
        return
    training, held = evaluation.pictures
    of_training, of_held = evaluation.of_training, evaluation.of_held
    asked = evaluation.order[: evaluation.amounts.prompted]
    made = _features_for(evaluation, [evaluation.conditions[k] for k in asked], "prompts held out")
    evaluation.results["copying"] = quality.copying(made, of_held, of_training) | {"pictures": len(made)}
    if not any(condition.words for condition in evaluation.conditions):
        evaluation.needs(False, "Retrieval needs a model that takes prompts, and pictures with captions.")
        return
    # Of the training as many as were held out, and of the same kind.
    usual = (training.weights >= 1).nonzero()[:, 0].tolist()
    chosen = random.Random(0).sample(usual, min(len(held), len(usual)))
    seen, there = training.subset(chosen), list(range(len(chosen)))[: len(asked)]
    again = [evaluation.condition(seen.texts[k], seen.styles[k]) for k in there]
    remade = _features_for(evaluation, again, "prompts seen")
    copies = quality.copying(remade, of_held, of_training)
    evaluation.results["copying"]["seen"] = {key: copies[key] for key in ("generated", "closer", "nearest")}
    found = {"generated": (made, asked, held, of_held), "seen": (remade, there, seen, of_training[chosen])}
    pairs, others = quality.other_styles(held, training)
    if pairs:
        found["other_styles"] = (of_training[others], pairs, held, of_held)
    evaluation.results["retrieval"] = retrieval = {"pictures": len(asked)}
    for name, among in found.items():
        ranks = quality.ranks(*among)
        retrieval[name] = {f"top_{n}": quality.share_within(ranks, n) for n in (1, 5)}
    retrieval["chance"] = {f"top_{n}": quality.chance(asked, held, n) for n in (1, 5)}


def _features_for(evaluation: Evaluation, conditions: Sequence[Condition], label: str) -> Tensor:
    return quality.features(evaluation.drawn(conditions, range(len(conditions)), label))


def samplers(evaluation: Evaluation) -> None:
    """What each sampler makes of so many steps, from the same noises for the same prompts, without guidance, which
    doubles the NFE and leaves the data's distribution on purpose. Every cell rests on the same pictures.

    A student is not held against a converged picture: it was made for few steps, and many lead it elsewhere.
    """
    count, student = evaluation.amounts.sampled, evaluation.inside is not None
    conditions = [evaluation.conditions[evaluation.order[k % len(evaluation.order)]] for k in range(count)]
    last = min(REFERENCE_STEPS, evaluation.checkpoint.T)

    def made(name: str, steps: int, label: str) -> tuple[Tensor, float]:
        return quality.generate(evaluation.denoise, conditions, range(count), name, steps, label=label)

    cells = [(name, steps) for name in evaluation.samplers for steps in evaluation.steps]
    rows = evaluation.results.setdefault("samplers", [])
    there = {(row["sampler"], row["steps"]) for row in rows}
    reference = cache(lambda: made(REFERENCE, last, "reference")[0])  # once one that follows the flow is missing
    if not student:
        evaluation.results["reference"] = {"sampler": REFERENCE, "steps": last, "pictures": count}
    if evaluation.pictures and 2 * count <= len(evaluation.of_held):
        mean, deviation = quality.energy_floor(evaluation.of_held, count)
        evaluation.results["real_pictures"] = {"pictures": count, "mean": mean, "deviation": deviation}
    for number, (name, steps) in enumerate(cells, start=1):
        if (name, steps) in there:
            continue
        try:
            found, nfe = made(name, steps, f"{name}, {steps} steps ({number}/{len(cells)})")
        except UserError:  # more steps than the schedule has, or a sampler that breaks down with so few
            continue
        row = {"sampler": name, "steps": steps, "pictures": count, "nfe": nfe}
        if SAMPLERS[name].order and not student and (name, steps) != (REFERENCE, last):
            row["rmse"], row["rmse_error"] = quality.rmse(found, reference())
        if evaluation.pictures:
            row["energy_distance"] = quality.energy_distance(quality.features(found), evaluation.of_held)
        rows.append(row)
        evaluation.noted()


MEASURES: dict[str, Callable[[Evaluation], None]] = {
    "error": error,
    "likeness": likeness,
    "words": words,
    "spread": spread,
    "longer": longer,
    "unconditional": unconditional,
    "samplers": samplers,
    "teacher": teacher,
}
