"""Denoise: the model at work, step by step, from pure noise or from a picture noised to a strength."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
from PIL import Image

from playground.bench.timing import Row, figure, rows
from playground.images.sheets import film
from playground.models.devices import available_devices
from playground.page.controls import (
    QUIET,
    control,
    errors_shown,
    safe_image,
)
from playground.page.endpoints import endpoint
from playground.page.parts.choices import PICTURES
from playground.page.parts.first_look import first_look
from playground.page.parts.given import picture_given, tell_knowledge
from playground.page.parts.model import follow_model, prompt_controls, starting_model
from playground.page.parts.more import more_controls
from playground.page.parts.run import run_row, stop_on, stream
from playground.page.parts.sampler import SAMPLING, sampler_controls, tell_cost
from playground.page.translations import _
from playground.page.widgets.player import player
from playground.page.widgets.receipt import ReceiptCorner
from playground.page.widgets.timing import timing, timing_value
from playground.runs.experiments import prepared
from playground.runs.inside import look_at
from playground.runs.settings import check

TITLE = _("Denoise")
LEAD = _("A trained net takes noise away, step by step. Press Denoise, then drag: when do you see what it will be?")
ID = "denoise-player"


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    devices = available_devices()
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            view = player(ID)
        with gr.Column(elem_classes="lab-controls"):
            starts = [(_("Pure noise"), "noise"), (_("A picture"), "picture")]
            inputs = {"start": control("start", "denoise", as_=gr.Radio, choices=starts)}
            with gr.Column(visible=False, elem_classes="lab-group") as own:
                image = safe_image(
                    elem_id="denoise-image",
                    buttons=[],
                    alt_text=_("The picture to be noised"),
                )
                beside = picture_given("denoise", image)
                inputs["picture"] = control(
                    "picture",
                    "denoise",
                    label=_("Or one of these"),
                    choices=PICTURES,
                    value="cat",
                )
                inputs["strength"] = control("strength", "denoise")
                inputs["steered"] = control("steered", "denoise", visible=starting_model().conditional)
            with gr.Column(elem_classes="lab-group") as words:
                spoken, hints = prompt_controls("denoise")
                inputs |= spoken
            inputs["seed"] = control("seed", "denoise", info=None)
            go, stop = run_row(_("Denoise"), "denoise-go")
            chosen, cost = sampler_controls("denoise")
            inputs |= chosen
            inputs |= more_controls("denoise", ("spacing", "schedule", "clip", "checkpoint"))
            tell_cost(cost, inputs)
            tell_knowledge(beside, inputs["checkpoint"])
            inputs["device"] = control("device", "denoise", choices=["auto", *devices], visible=len(devices) > 1)
            time_button = gr.Button(_("Time it here"), size="sm", elem_id="denoise-time")
            times = timing("denoise-times")
            time_button.click(errors_shown(timed), inputs["checkpoint"], times, **QUIET)
            follow_model("denoise", inputs, hints, [inputs["steered"]])
            corner = ReceiptCorner("denoise", picture=image)
    inputs["image"] = image
    picks = [inputs["start"], inputs["steered"]]
    gr.on(
        [item.change for item in picks],
        lambda start, steered: (
            gr.update(visible=start == "picture"),
            gr.update(visible=start == "noise" or steered),
        ),
        picks,
        [own, words],
        queue=False,
        **QUIET,
    )
    run = stream([go.click, inputs["prompt"].submit], prepared, inputs, view, corner)
    stop_on(stop, [run], ID)
    first_look(view, prepared, inputs, corner)
    settings = ("image", "strength", "seed", "prompt", "style", "sampler", "steps", "spacing", "schedule", *SAMPLING)
    endpoint(denoise, "denoise", settings=settings, defaults={"prompt": "", "style": ""})
    endpoint(inside, "inside", settings=("prompt", "style", "seed", *SAMPLING))


def timed(checkpoint: str) -> Iterator[dict]:
    """What the model does here, row by row, with what it did elsewhere."""
    checkpoint = check("checkpoint", checkpoint)
    measured: list[Row] = []
    yield timing_value(checkpoint, measured, False)
    for row in rows(checkpoint):
        measured.append(row)
        yield timing_value(checkpoint, measured, False)
    ways = figure(checkpoint, "", measured)["runtime"].items()
    yield timing_value(checkpoint, measured, True, " · ".join(f"{device}: {way}" for device, way in ways))


def denoise(values: dict, image: Image.Image | None = None):
    """Denoises `image` noised to `strength` (0 to 1), or pure noise where no image is given.

    Returns two PNG files, the final picture and a film strip of the run, and the settings used with the numbers of
    every step: t, alpha_bar and, where a picture was given and no prompt or style asks for another, `error`: the root
    mean square of x̂0 − x0 (that of ε̂ − ε is √(ᾱ/(1−ᾱ)) times as much, ε being what is really in x_t).
    """
    values |= {"image": image, "start": "noise" if image is None else "picture", "steered": True}
    run = prepared(values)
    run.finish()
    lane = run.lanes[0]
    numbers = [{"step": f.step, "t": f.t, "alpha_bar": f.alpha_bar, "error": f.error} for f in lane.frames]
    strip = film([frame.x for frame in lane.frames])
    used = lane.settings | run.report() | {"numbers": numbers}
    return [(lane.file, lane.png()), (lane.file.replace(".png", "_film.png"), strip)], used


def inside(values: dict, step: int = 0, block: str = "", told: bool = True, place: list = ()):
    """Looks inside the U-Net at question `step` (from 0) of the run that /generate makes of the first seed.

    Without `block` the settings used with `blocks`: of each its name, its kind, where it stands and the shape of what
    it says. With the name of one its feature maps on one PNG, red above zero and blue below, each in units of its own
    largest number, and its `code`; of an attention to words also a picture for each word, bright where it is looked at;
    of one to places, with `place` [row, column], a picture of where the net looks from there. `told`: asked with the
    prompt and style, or without them.
    """
    return look_at(values, step, block, told, place)
