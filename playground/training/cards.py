"""Model cards: what a training and an evaluation write beside the weights, with the front matter the Hub reads."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence

import torch

from playground.report import Report

TEMPLATE = """---
license: apache-2.0
library_name: pytorch
tags: [ddpm, diffusion, unconditional-image-generation, text-to-image]
---
# {name}

A DDPM U-Net of the diffusion playground: {size} × {size} RGB pictures, {prediction}-prediction, {schedule} schedule,
T = {T}.{latent}
{asked}

| | |
|---|---|
| data | {data}: {pictures} pictures for training, {held_out} held out |
| seen | {images} images ({epochs:.0f} times each on average), {minutes:.0f} minutes{unfinished} |
| device | {device} |
| parameters | {parameters:.2f} million, stored in fp16 |
| settings | {settings} |
| training loss | {loss:.4f} ({loss_kind} on {prediction}) |

Mean squared error of x̂0 on the held-out pictures ({values} in [−1, 1]):

| log-SNR | {levels} |
|---|{rule}|
| error | {errors} |

Load it with `playground.checkpoints.load("{name}")`.
"""


LATENT = """
It works on latents of {side} × {side} × 3 numbers: an autoencoder, which is part of it, makes one position of every
{factor} × {factor} pixels, and pixels of it again (Rombach et al. 2022, arXiv:2112.10752)."""


def write_card(trainer, name: str, data: str, loss: float, errors: dict[float, float], final: bool) -> str:
    """The card of a `Trainer`'s running mean as it is now.

    data: a sentence on where the pictures are from; errors: by log-SNR, on held-out pictures.
    """
    recipe, net = trainer.recipe, trainer.mean
    device = platform.processor() or platform.machine()
    if trainer.device.type == "cuda":
        device = torch.cuda.get_device_name(trainer.device)
    asked = "It takes no prompt."
    if net.conditional:
        asked = f"It takes a prompt of {len(net.vocabulary)} words and a style: {', '.join(net.styles) or 'none'}."
    shown = ("optimiser", "batch", "lr", "dims", "attention", "patch", "sketch", "sketch_batch", "sketch_dropout")
    shown += ("ema", "drop_words", "drop_prompt", "drop_style", "flip")
    return TEMPLATE.format(
        name=name,
        asked=asked,
        size=net.picture_size,
        latent=LATENT.format(side=net.size, factor=net.space.factor) if net.space.factor > 1 else "",
        values="latents" if net.space.factor > 1 else "pixels",
        prediction=recipe.prediction,
        schedule=recipe.schedule,
        T=recipe.T,
        data=data,
        pictures=len(trainer.training),
        held_out=len(trainer.held_out),
        images=f"{trainer.images:,}",
        epochs=trainer.images / len(trainer.training),
        minutes=trainer.seconds / 60,
        unfinished="" if final else ", still training",
        device=f"{device}, {torch.get_num_threads()} threads" if trainer.device.type == "cpu" else device,
        parameters=sum(p.numel() for p in net.parameters()) / 1e6,
        settings=", ".join(f"{key} {getattr(recipe, key)}" for key in shown),
        loss=loss,
        loss_kind=recipe.loss.upper(),
        levels=" | ".join(f"{level:g}" for level in errors),
        rule="---|" * (len(errors) - 1) + "---" if errors else "---",
        errors=" | ".join(f"{error:.4f}" for error in errors.values()),
    )


# ------------------------------------------------------------------------------------------------ the evaluation

ERRORS = "Mean squared error of x̂0"  # by log-SNR: the training writes them, the evaluation measures them once more
FIRST_ERRORS = re.compile(rf"^{ERRORS} .*\n\n(\|.*\n)+\n", re.MULTILINE)


def evaluation_tables(results: dict) -> list[Report]:
    """What `playground.evaluate` measured as tables, for the terminal and for the card alike."""
    found = []
    how = f"{results['sampler']}, {results['steps']} steps, guidance scale {results['guidance_scale']:g}"
    if errors := results.get("denoising_error"):
        found.append(Report(ERRORS, [f"at log-SNR {level}" for level in errors]))
        found[-1].add("held-out pictures", *(f"{error:.4f}" for error in errors.values()))
        of = "pixels in [−1, 1]."
        if decibels := results.get("reconstruction"):
            of = f"latents in [−1, 1]. The autoencoder alone gives the pictures back with {decibels:.1f} dB (PSNR)."
        found[-1].note(f"Of {results['held_out']} pictures; {of}")
    if retrieval := results.get("retrieval"):
        report = Report("Is the real picture of its prompt the nearest?", ["nearest", "among the nearest 5"])
        titles = {
            "generated": "generated",
            "seen": "generated, for prompts and styles that were seen in training",
            "other_styles": "real pictures of the same prompt in other styles, for comparison",
            "chance": "by chance",
        }
        for name in filter(retrieval.get, titles):
            report.add(titles[name], *(_percent(share) for share in retrieval[name].values()))
        report.note(
            f"Pictures for {retrieval['pictures']} held-out prompts and styles ({how}), each compared with all "
            "held-out pictures of its style by 8 × 8 colours and 4 × 4 histograms of oriented gradients; those for "
            "seen ones with as many pictures of the training, drawn at random."
        )
        found.append(report)
    if copying := results.get("copying"):
        report = Report("Does it copy?", ["median distance", f"nearer than {copying['near']:.3f}"])
        report.add("generated", f"{copying['generated']:.3f}", _percent(copying["closer"]))
        if seen := copying.get("seen"):
            report.add("generated, prompts and styles seen", f"{seen['generated']:.3f}", _percent(seen["closer"]))
        report.add("real, held out", f"{copying['held_out']:.3f}", _percent(0.05))
        report.note(
            f"To the nearest of {results['training']:,} training pictures, in the same features, from "
            f"{copying['pictures']} generated pictures ({how}) and from the held-out ones."
        )
        found.append(report)
    return found + [_against_nfe(results, measure) for measure in NFE if _measured(results, measure)]


NFE = {
    "energy_distance": "NFE → energy distance to the held-out pictures",
    "rmse": "NFE → RMSE to the converged picture of the same noise",
}


def _measured(results: dict, measure: str) -> list[dict]:
    return [row for row in results["samplers"] if measure in row]


def _against_nfe(results: dict, measure: str) -> Report:
    """A row a sampler, a column a number of steps; NFE and distance in each cell."""
    steps = list(dict.fromkeys(row["steps"] for row in results["samplers"]))
    cells = {(row["sampler"], row["steps"]): row for row in _measured(results, measure)}
    report = Report(NFE[measure], [f"{n} steps" for n in steps])
    for name in dict.fromkeys(name for name, _ in cells):
        found = [cells.get((name, n)) for n in steps]
        report.add(name, *(row and f"{row['nfe']:.0f} → {row[measure]:.3f}" for row in found))
    if measure == "rmse":
        last = results["reference"]
        report.note(
            f"Of {last['pictures']} pictures, without guidance, pixels in [−1, 1]. Converged: {last['sampler']} with "
            f"{last['steps']} steps. Samplers that do not follow the flow have nothing to converge to."
        )
        return report
    report.note("In the same features; the same prompts and noises for all, without guidance, which doubles the NFE.")
    for count, floor in results["real_pictures"].items():
        steps = [str(row["steps"]) for row in results["samplers"] if str(row["pictures"]) == count]
        report.note(
            f"{count} pictures at {', '.join(dict.fromkeys(steps))} steps; as many real ones get {floor['mean']:.3f} ± "
            f"{floor['deviation']:.3f}."
        )
    return report


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def with_evaluation(card: str, reports: Sequence[Report], skipped: Sequence[str]) -> str:
    """The card with the section "Evaluation" of these tables and the sheet, in place of the one it had, or last."""
    about = "Measured by `playground.evaluate`; the numbers are in [evaluation.json](evaluation.json)."
    parts = ["## Evaluation", about]
    for report in reports:
        head, *rows = report.cells()
        lines = [head, ["---"] * len(head), *rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts += [f"### {report.name}", table, " ".join(report.notes)]
    parts += [*skipped, "![one picture for each of some prompts, all from one seed](sheet.png)"]
    section = "\n\n".join(parts) + "\n"
    if any(report.name == ERRORS for report in reports):
        card = FIRST_ERRORS.sub("", card)
    # Up to the next heading of its own rank or a higher one.
    found = re.search(r"^## Evaluation *\n.*?(?=^##? |\Z)", card, re.MULTILINE | re.DOTALL)
    if not found:
        return f"{card.rstrip()}\n\n{section}"
    after = card[found.end() :]
    return card[: found.start()] + section + (after and "\n" + after)
