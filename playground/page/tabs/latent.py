"""Latent: an autoencoder at work on one's own picture, and what its space is like."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import gradio as gr
import torch
from PIL import Image

from playground.errors import UserError
from playground.images import encoded, to_pixels, to_tensor
from playground.images.sheets import tiled
from playground.page.controls import HURRIED, answered, control, errors_shown, safe_image
from playground.page.endpoints import endpoint
from playground.page.parts.choices import PICTURES
from playground.page.parts.easel import picture_of
from playground.page.parts.given import picture_given
from playground.page.parts.model import about_model, model_state
from playground.page.translations import _
from playground.page.widgets import widget
from playground.runs import engine_for, latent
from playground.runs.forward import chosen_picture
from playground.runs.settings import check

TITLE = _("Latent")
LEAD = _("A small picture for the model to think in. Turn the latent with the sliders: what becomes of the large one?")
TAB = "latent"
FIRST, OTHER = "cat", "sunset"  # the two pictures that the tab begins with
SIDE = 128  # of the pictures that the page keeps and sends along


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            first = shown_pictures(None, FIRST, None, OTHER)
            value = {**first, "seed": page.start("seed"), "checkpoint": page.start("checkpoint")}
            stage = widget(TAB, value, "latent-stage", server_functions=[questions(page.start("device"))])
        with gr.Column(elem_classes="lab-controls"):
            inputs = []
            for place, name, start, said in (
                ("image", "picture", FIRST, _("Your picture")),
                ("other", "other_picture", OTHER, _("The picture to go to")),
            ):
                inputs.append(safe_image(elem_id=f"latent-{place}", buttons=[], alt_text=said, label=said))
                if place == "image":
                    picture_given(TAB, inputs[-1])
                inputs.append(control(name, TAB, label=_("Or one of these"), choices=PICTURES, value=start))
            inputs.append(control("seed", TAB))
            inputs.append(control("checkpoint", TAB, **model_state()))
            about_model(TAB, inputs[-1])

    def changed(image, picture, other, other_picture, seed, checkpoint) -> dict:
        return shown_pictures(image, picture, other, other_picture) | {"seed": seed, "checkpoint": checkpoint}

    gr.on([item.change for item in inputs], errors_shown(changed), inputs, stage, trigger_mode="always_last", **HURRIED)
    settings = ("image", "picture", "other", "other_picture", "t", "seed", "checkpoint")
    endpoint(latent_endpoint, "latent", settings=settings)


def shown_pictures(image: Image.Image | None, picture: str, other: Image.Image | None, other_picture: str) -> dict:
    """The two pictures as the page keeps them: it sends them along with each question. Raises UserError."""
    pair = chosen_picture(image, picture or FIRST, SIDE), chosen_picture(other, other_picture or OTHER, SIDE)
    one, two = (encoded(to_pixels(x)[0]) for x in pair)
    return {"n": SIDE, "picture": one, "other": two}


def shown(x: torch.Tensor) -> dict:
    """A picture (C, S, S) as the page shows it."""
    return {"n": x.shape[-1], "pixels": encoded(to_pixels(x))}


def questions(device: object) -> Callable:
    """What the stage asks, each part for itself: {part, checkpoint, n, picture, …} → pictures and numbers."""

    def there(engine, asked: Mapping, x: torch.Tensor) -> dict:
        found = latent.trip(latent.latent_space(engine), x)
        channels = [shown(found.z[0, k : k + 1]) for k in range(found.z.shape[1])]
        return {"x": shown(x[0]), "z": shown(found.z[0]), "back": shown(found.back[0]), "channels": channels,
                "decibels": found.decibels, "shapes": latent.shapes(found)}  # fmt: skip

    def noised(engine, asked: Mapping, x: torch.Tensor) -> dict:
        t = check("t", asked.get("t"))
        found = latent.noised(engine, x, t, check("seed", asked.get("seed")))
        return {name: shown(each[0]) for name, each in zip(("z", "decoded", "pixels"), found, strict=True)} | {"t": t}

    def walk(engine, asked: Mapping, x: torch.Tensor) -> dict:
        end = to_tensor(picture_of(asked, "other", 3), engine.picture_size)
        rows = latent.walk(latent.latent_space(engine), x, end)
        return {name: [shown(each) for each in row] for name, row in zip(("latents", "pixels"), rows, strict=True)}

    def bent(engine, asked: Mapping, x: torch.Tensor) -> dict:
        z, decoded = latent.bent(latent.latent_space(engine), x, asked.get("channel"), asked.get("shift"))
        return {"z": shown(z[0]), "decoded": shown(decoded[0])}

    def drawn(engine, asked: Mapping, x: torch.Tensor) -> dict:
        seed = check("seed", asked.get("seed"))
        rows = {"latents": latent.at_random(engine, seed)} | latent.codes(seed)
        told = latent.figures()
        own = told["latents"].get(engine.checkpoint.name)
        return {"rows": {name: [shown(each) for each in row] for name, row in rows.items()},
                "figures": {**told, "latents": own}}  # fmt: skip

    parts = {"there": there, "noised": noised, "walk": walk, "bent": bent, "drawn": drawn}

    @answered
    def ask(asked) -> dict:
        asked = asked if isinstance(asked, dict) else {}
        if asked.get("part") not in parts:
            raise UserError("This question has no picture, or one of a wrong size.")
        engine = engine_for(asked.get("checkpoint"), device)
        latent.latent_space(engine)
        x = to_tensor(picture_of(asked, "picture", 3), engine.picture_size)
        return parts[asked["part"]](engine, asked, x)

    return ask


def latent_endpoint(
    values: dict,
    image: Image.Image | None = None,
    other: Image.Image | None = None,
    channel: int = 0,
    shift: float = 0.5,
):
    """Takes a picture through the autoencoder of a latent model and back.

    `image` and `other` are files, or `picture` and `other_picture` the names of bundled ones. Returns as PNG the
    picture, its latent and what comes back; the latent noised to `t` and decoded; a straight walk to the other picture,
    of latents above and of pixels below; the latent with `channel` (from 0) changed by `shift`, decoded; and latents
    drawn at random from where those of pictures lie, each number by itself, decoded; and codes drawn
    at random of two small autoencoders that come along, a row each: of a variational one from N(0, 1), of a plain one
    from there too, then from where its codes lie, each number by itself, then all together. And the numbers: psnr in
    dB, the shapes of picture and latent; `codes`: what was measured of the two.
    """
    engine = engine_for(values["checkpoint"])
    space, side = latent.latent_space(engine), engine.picture_size
    x = chosen_picture(image, values["picture"] or FIRST, side)
    end = chosen_picture(other, values["other_picture"] or OTHER, side)
    changed, after = latent.bent(space, x, channel, shift)
    found = latent.trip(space, x)
    z, decoded, _pixels = latent.noised(engine, x, values["t"], values["seed"])
    rows = latent.walk(space, x, end)
    named = {"picture": x, "latent": found.z, "back": found.back, "noised-latent": z, "noised-back": decoded,
             "changed-latent": changed, "changed-back": after}  # fmt: skip
    pictures = [(f"{name}.png", each[0]) for name, each in named.items()]
    pictures.append(("walk.png", tiled([to_pixels(each) for each in row] for row in rows)))
    pictures.append(("random.png", tiled([to_pixels(latent.at_random(engine, values["seed"]))])))
    codes = latent.codes(values["seed"])
    pictures.append(("random-codes.png", tiled([to_pixels(each) for each in row] for row in codes.values())))
    numbers = {"codes": {name: latent.figures()[name] for name in ("variational", "plain")}}
    numbers |= {"psnr": found.decibels, "shapes": latent.shapes(found), "channel": channel, "shift": shift}
    return pictures, values | numbers
