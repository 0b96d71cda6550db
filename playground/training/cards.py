"""Model cards: what a training and an evaluation write beside the weights, with the front matter the Hub reads."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Sequence

import torch

from playground.report import Report
from playground.training.tables import ERRORS

TEMPLATE = """---
license: apache-2.0
library_name: pytorch
tags: [ddpm, diffusion, unconditional-image-generation, text-to-image]
---
# {name}

A DDPM U-Net of the diffusion playground: {size} × {size} {colours} pictures, {prediction}-prediction,
{schedule} schedule, T = {T}.{latent}
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
        colours="grey" if net.space.channels == 1 else "RGB",
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

FIRST_ERRORS = re.compile(rf"^{ERRORS} .*\n\n(\|.*\n)+\n", re.MULTILINE)
SHEETS = {  # file beside the weights → what it shows
    "sheet.png": "pictures for some prompts",
    "unconditional.png": "64 pictures that nothing was asked of",
    "lines.png": "lines, and four pictures from four seeds for each",
}


def with_evaluation(card: str, reports: Sequence[Report], skipped: Sequence[str], sheets: Iterable[str]) -> str:
    """The card with the section "Evaluation" of these tables and sheets, in place of the one it had, or last."""
    about = "Measured by `playground.evaluate`; the numbers are in [evaluation.json](evaluation.json)."
    parts = ["## Evaluation", about]
    for report in reports:
        head, *rows = report.cells()
        lines = [head, ["---"] * len(head), *rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts += [f"### {report.name}", table, " ".join(report.notes)]
    rest = with_section(card, "## Evaluation\n")  # a sheet that somebody shows elsewhere on the card stays there
    parts += [*skipped, *(f"![{SHEETS[name]}]({name})" for name in sheets if f"]({name})" not in rest)]
    if any(report.name == ERRORS for report in reports):
        card = FIRST_ERRORS.sub("", card)
    return with_section(card, "\n\n".join(parts) + "\n")


def with_section(card: str, section: str) -> str:
    """The card with a section, which begins with its "## " heading, in place of the one of that name, or last."""
    heading = re.escape(section.split("\n", 1)[0])
    # Up to the next heading of its own rank or a higher one.
    found = re.search(rf"^{heading} *\n.*?(?=^##? |\Z)", card, re.MULTILINE | re.DOTALL)
    if not found:
        return f"{card.rstrip()}\n\n{section}"
    after = card[found.end() :]
    return card[: found.start()] + section + (after and "\n" + after)


def with_history(card: str, history: dict) -> str:
    """The card with a section on how the training got there, from what it wrote beside the weights: loss and held-out
    error against the pictures seen, and pictures from fixed noises on the way."""
    if "](history.webp)" in with_section(card, "## How it got there\n"):
        return card  # somebody has written of it
    points = history["points"]
    some = [points[k] for k in sorted({round(i * (len(points) - 1) / 9) for i in range(10)})]
    level = next((level for level in ("0", "-2") if all(level in point["errors"] for point in some)), None)
    rows = {
        "pictures seen": [f"{point['images']:,}" for point in some],
        "training loss": [_number(point.get("loss")) for point in some],
    }
    if level:
        rows[f"error on held-out pictures at log-SNR {level}"] = [_number(point["errors"][level]) for point in some]
    lines = [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    lines.insert(1, "|---" * (len(some) + 1) + "|")
    parts = ["## How it got there", "\n".join(lines)]
    if samples := history.get("samples"):
        prompts = [picture["prompt"] for picture in samples["pictures"]]
        shown = ", ".join(f"“{prompt}”" if prompt else "nothing" for prompt in prompts)
        parts.append(
            f"Pictures from fixed noises on the way, {len(points)} times, the first at the top. Asked for, from left "
            f"to right: {shown}."
        )
        parts.append(f"![pictures from fixed noises in the course of the training]({samples['file']})")
    return with_section(card, "\n\n".join(parts) + "\n")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
