"""Model cards: what a training writes beside the weights, with the front matter the Hub reads."""

from __future__ import annotations

import platform

import torch

TEMPLATE = """---
license: apache-2.0
library_name: pytorch
tags: [ddpm, diffusion, unconditional-image-generation, text-to-image]
---
# {name}

A DDPM U-Net of the diffusion playground: {size} × {size} RGB pictures, {prediction}-prediction, {schedule} schedule,
T = {T}.
{asked}

| | |
|---|---|
| data | {data}: {pictures} pictures for training, {held_out} held out |
| seen | {images} images ({epochs:.0f} times each on average), {minutes:.0f} minutes{unfinished} |
| device | {device} |
| parameters | {parameters:.2f} million, stored in fp16 |
| settings | {settings} |
| training loss | {loss:.4f} ({loss_kind} on {prediction}) |

Mean squared error of x̂0 on the held-out pictures (pixels in [−1, 1]):

| log-SNR | {levels} |
|---|{rule}|
| error | {errors} |

Load it with `playground.checkpoints.load("{name}")`.
"""


def write_card(
    trainer, name: str, data: str, loss: float, errors: dict[float, float], final: bool
) -> str:
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
    shown = ("batch", "lr", "dims", "attention", "patch", "ema", "drop_words", "drop_prompt", "drop_style", "flip")
    return TEMPLATE.format(
        name=name,
        asked=asked,
        size=net.size,
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
