"""Paint: pictures made from pixels, live under the hand.

What is painted becomes a picture, what is masked is made anew; a picture is edited by strength, and two are mixed.
"""

from __future__ import annotations

import json

import gradio as gr
import numpy as np
from PIL import Image

from playground.checkpoints import Outline, outline
from playground.images import bundled, encoded
from playground.page.controls import QUIET, control, safe_image
from playground.page.endpoints import endpoint
from playground.page.parts.choices import PICTURES
from playground.page.parts.easel import of_sheet, questions
from playground.page.parts.first_look import first_look
from playground.page.parts.given import picture_given, tell_knowledge
from playground.page.parts.model import follow_model, guidance_state, prompt_controls, starting_model
from playground.page.parts.more import more_controls
from playground.page.parts.run import run_row, stop_on, stream
from playground.page.parts.sampler import SAMPLING
from playground.page.translations import _
from playground.page.widgets.paint import paint
from playground.page.widgets.player import player
from playground.page.widgets.receipt import ReceiptCorner
from playground.runs import Live, engine_for
from playground.runs.experiments import (
    SHARES,
    answer,
    between_pictures,
    drawing_of,
    drawn,
    editing,
    filling,
    mask_of,
)
from playground.runs.rows import STRENGTHS
from playground.runs.settings import check
from playground.samplers import SAMPLERS

TITLE = _("Paint")
LEAD = _("You paint, and the model makes a picture of it. Draw on the left; more strength leaves it more freedom.")
RUN = "paint-player"
EDIT = "edit-player"
BETWEEN = "between-player"
TO_STRENGTHS = [f"strength_{k}" for k in range(1, len(STRENGTHS) + 1)]
DICE = "() => Math.floor(Math.random() * 10000)"


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    with gr.Tabs(elem_classes="lab-subtabs"):
        with gr.Tab(_("Canvas")):
            build_canvas(page)
        with gr.Tab(_("Editing by strength")):
            build_editing()
        with gr.Tab(_("Between two pictures")):
            build_between()
    endpoint(edit, "edit", settings=("image", "prompt", "style", "seed", "strengths", *SAMPLING))
    filled = ("image", "mask", "prompt", "style", "seed", "resamplings", "jump", *SAMPLING)
    endpoint(inpaint, "inpaint", settings=filled)
    endpoint(draw, "draw", settings=("lines", "prompt", "style", "seed", *SAMPLING))
    mixed = ("image", "other", "prompt", "style", "seed", "shares", "strengths", *SAMPLING)
    endpoint(interpolate_pictures, "interpolate_pictures", settings=mixed)


# ---------------------------------------------------------------- the canvas


def build_canvas(page) -> None:
    first = {"n": 64, "pixels": encoded(np.asarray(bundled.picture("cat", 64)))}
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage lab-flowing"):
            easel = paint({}, first, questions(page.start("device")))
            view = player(RUN)
        with gr.Column(elem_classes="lab-controls"):
            beside = picture_given("paint", None)
            inputs = {"paint_mode": control("paint_mode", "paint", as_=gr.Radio, choices=modes_of(starting_model()))}
            spoken, hints = prompt_controls("paint")
            inputs |= spoken
            with gr.Row(elem_classes="lab-seed"):
                inputs["seed"] = control("seed", "paint", info=None, scale=2, min_width=100)
                dice = gr.Button(_("New seed"), scale=1, min_width=80, elem_id="paint-dice")
            inputs["strength"] = control("strength", "paint")
            own = {
                "picture": ["strength"], "fill": ["resamplings", "jump"], "mix": ["strength", "mix", "other_picture"],
                "lines": [],
            }  # fmt: skip
            inputs |= {name: control(name, "paint", visible=False) for name in ("resamplings", "jump", "mix")}
            inputs["other_picture"] = control("other_picture", "paint", choices=PICTURES, value="sunset", visible=False)
            inputs["guidance_scale"] = control("guidance_scale", "paint", **guidance_state(starting_model()))
            inputs["paint_steps"] = control("paint_steps", "paint")
            go, stop = run_row(_("Step by step"))
            titles = [(entry.title, name) for name, entry in SAMPLERS.items()]
            with gr.Accordion(_("Sampler"), open=False):
                inputs["paint_sampler"] = control("paint_sampler", "paint", choices=titles)
            inputs |= more_controls("paint")
            follow_model("paint", inputs, hints)
            tell_knowledge(beside, inputs["checkpoint"])
            asked = [inputs["checkpoint"], inputs["paint_mode"]]
            asked[0].change(suited, asked, asked[1], queue=False, **QUIET)
            corner = ReceiptCorner("paint", sheet=easel)
    only = ("strength", "resamplings", "jump", "mix", "other_picture")
    dice.click(None, None, inputs["seed"], js=DICE, **QUIET)
    names = json.dumps(list(inputs))
    told = f"(...values) => Object.fromEntries({names}.map((name, k) => [name, values[k]]))"
    gr.on([item.change for item in inputs.values()], None, list(inputs.values()), easel, js=told, **QUIET)
    easel.ready(None, list(inputs.values()), easel, js=told, **QUIET)
    inputs["paint_mode"].change(
        lambda mode: [gr.update(visible=name in own[check("paint_mode", mode)]) for name in only],
        inputs["paint_mode"],
        [inputs[name] for name in only],
        queue=False,
        **QUIET,
    )

    def prepare(values: dict, who: object) -> Live:
        sheet = values.pop("sheet")
        return of_sheet({**values, **(sheet if isinstance(sheet, dict) else {})}, who)

    # The sheet comes from the page with the press, not from a component.
    asked = inputs | {"sheet": gr.JSON(visible=False)}
    script = (
        "(...values) => { const host = document.querySelector('#paint *:has(> .paint)'); "
        "values[values.length - 1] = host.painted(); return values; }"
    )
    stop_on(stop, [stream([go.click], prepare, asked, view, corner, js=script)], RUN)


def modes_of(model: Outline) -> list[tuple[object, str]]:
    """What painting can be for a model."""
    modes = [
        (_("The painting into a picture"), "picture"),
        (_("What is masked anew"), "fill"),
        (_("A mixture with another picture"), "mix"),
    ]
    return modes + ([(_("The lines into a picture"), "lines")] if "lines" in model.conditions else [])


def suited(name: str, mode: str) -> dict:
    """The modes for another model: lines only where it takes them."""
    modes = modes_of(outline(check("checkpoint", name)))
    return gr.update(choices=modes, value=mode if mode in [value for _label, value in modes] else "picture")


# ---------------------------------------------------------------- editing by strength


def build_editing() -> None:
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            view = player(EDIT)
        with gr.Column(elem_classes="lab-controls"):
            inputs = {
                "image": safe_image(
                    elem_id="edit-image",
                    buttons=[],
                    alt_text=_("The picture to be edited"),
                )
            }
            beside = picture_given("edit", inputs["image"])
            inputs["picture"] = control("picture", "edit", label=_("Or one of these"), choices=PICTURES, value="cat")
            spoken, hints = prompt_controls("edit")
            inputs |= spoken
            inputs["seed"] = control("seed", "edit", info=None)
            go, stop = run_row(_("Edit"))
            inputs |= {name: control(name, "edit") for name in TO_STRENGTHS}
            inputs["steps"] = control("steps", "edit")
            inputs["guidance_scale"] = control("guidance_scale", "edit", **guidance_state(starting_model()))
            inputs |= more_controls("edit")
            follow_model("edit", inputs, hints)
            tell_knowledge(beside, inputs["checkpoint"])
            corner = ReceiptCorner("edit", picture=inputs["image"])

    def prepare(values: dict, who: object) -> Live:
        image = values["image"] or bundled.picture(values["picture"] or "cat")
        return editing(values, image, [values[name] for name in TO_STRENGTHS], who)

    stop_on(stop, [stream([go.click, inputs["prompt"].submit], prepare, inputs, view, corner)], EDIT)
    first_look(view, prepare, inputs, corner)


# ---------------------------------------------------------------- between two pictures


def build_between() -> None:
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            view = player(BETWEEN)
        with gr.Column(elem_classes="lab-controls"):
            inputs = {}
            for image, picture, start, said in (
                ("image", "picture", "cat", _("The picture to begin with")),
                ("other", "other_picture", "sunset", _("The picture to go to")),
            ):
                inputs[image] = safe_image(elem_id=f"between-{image}", buttons=[], alt_text=said, label=said)
                if image == "image":
                    beside = picture_given("between", inputs[image])
                inputs[picture] = control(picture, "between", label=_("Or one of these"), choices=PICTURES, value=start)
            spoken, hints = prompt_controls("between")
            inputs |= spoken
            inputs["seed"] = control("seed", "between", info=None)
            go, stop = run_row(_("From one to the other"))
            inputs |= {name: control(name, "between") for name in TO_STRENGTHS[:3]}
            inputs["steps"] = control("steps", "between")
            inputs["guidance_scale"] = control("guidance_scale", "between", **guidance_state(starting_model()))
            inputs |= more_controls("between")
            follow_model("between", inputs, hints)
            tell_knowledge(beside, inputs["checkpoint"])
            corner = ReceiptCorner("between", picture=inputs["image"], other=inputs["other"])

    def prepare(values: dict, who: object) -> Live:
        pair = tuple(
            values[image] or bundled.picture(values[name] or start)
            for image, name, start in (("image", "picture", "cat"), ("other", "other_picture", "sunset"))
        )
        return between_pictures(values, pair, SHARES, [values[name] for name in TO_STRENGTHS[:3]], who)

    stop_on(stop, [stream([go.click, inputs["prompt"].submit], prepare, inputs, view, corner)], BETWEEN)
    first_look(view, prepare, inputs, corner)


# ---------------------------------------------------------------- for scripts


def edit(values: dict, image: Image.Image | None = None, strengths: list = None):
    """Edits `image` (the bundled cat where there is none): noised to each of `strengths`, denoised towards the prompt.

    Returns one PNG file for each strength, and the settings used.
    """
    run = editing(values, image or bundled.picture("cat"), strengths or list(STRENGTHS))
    files, used = answer(run)
    return files, used | {"strengths": [lane.settings["strength"] for lane in run.lanes]}


def inpaint(values: dict, image: Image.Image | None = None, mask: Image.Image | None = None):
    """Makes anew what `mask` shows white of `image` (the middle of the bundled cat where there is none).

    The rest stays as it is, to the last bit. Returns one PNG file, made by replacing what is known at every level, and
    with `resamplings` above 1 a second one by RePaint's resampling in stretches of `jump` steps; and the settings used.
    A model of latents makes anew wherever the mask touches one of its squares, and is pasted in at the end.
    """
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    files, used = answer(filling(values, image or bundled.picture("cat"), mask_of(mask, engine.picture_size)))
    return files, used | {"resamplings": check("resamplings", values["resamplings"])}


def draw(values: dict, lines: Image.Image | None = None):
    """A picture with the lines of a drawing, dark on light (of the bundled cat where there is none), by a model that
    takes lines. Returns one PNG file and the settings used."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    return answer(drawn(values, drawing_of(lines, engine.picture_size)))


def interpolate_pictures(
    values: dict,
    image: Image.Image | None = None,
    other: Image.Image | None = None,
    shares: list = None,
    strengths: list = None,
):
    """From `image` to `other`: both noised to each of `strengths` with the same noise, mixed by each of `shares` of the
    other one, denoised. At most 16 pictures.

    Returns one PNG file for each strength and share, strength by strength, and the settings used.
    """
    pair = image or bundled.picture("cat"), other or bundled.picture("sunset")
    shares = list(SHARES) if shares is None else shares
    run = between_pictures(values, pair, shares, list(STRENGTHS[:3]) if strengths is None else strengths)
    files, used = answer(run)
    return files, used | {"grid": [{name: lane.settings[name] for name in ("strength", "mix")} for lane in run.lanes]}
