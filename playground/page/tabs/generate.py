"""Generate: a prompt, a style, a seed; pictures side by side, each with its seed, each a run to scrub."""

from __future__ import annotations

import gradio as gr
from PIL import Image

from playground.page.controls import QUIET, control
from playground.page.endpoints import endpoint
from playground.page.parts.first_look import first_look
from playground.page.parts.model import follow_model, prompt_controls, starting_model
from playground.page.parts.more import more_controls
from playground.page.parts.run import run_row, stop_on, stream
from playground.page.parts.sampler import SAMPLING, sampler_controls, tell_cost
from playground.page.translations import _
from playground.page.widgets.player import player
from playground.page.widgets.receipt import ReceiptCorner
from playground.runs.experiments import (
    BETWEEN,
    answer,
    guidance_pair,
    interpolation,
    pictures,
)

TITLE = _("Generate")
LEAD = _("Pictures out of noise and words. Change a word or the seed, and press Generate.")
ID = "generate-player"
DICE = "() => Math.floor(Math.random() * 10000)"  # as many as a person can tell another


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            view = player(ID)
        with gr.Column(elem_classes="lab-controls"):
            inputs, hints = prompt_controls("generate")
            with gr.Row(elem_classes="lab-seed"):
                inputs["seed"] = control("seed", "generate", info=None, scale=2, min_width=100)
                look = {"scale": 1, "min_width": 80, "elem_classes": "lab-sets-seed"}
                dice = gr.Button(_("New seed"), elem_id="generate-dice", **look)
            inputs["count"] = control("count", "generate")
            go, stop = run_row(_("Generate"), "generate-go")
            chosen, cost = sampler_controls("generate")
            inputs |= chosen
            pair = gr.Button(_("With and without guidance"), elem_id="generate-pair", visible=starting_model().guided)
            with gr.Accordion(_("Between two seeds"), open=False):
                inputs["other_seed"] = control("other_seed", "generate")
                between = gr.Button(_("From one to the other"), elem_id="generate-between")
            inputs |= more_controls("generate", ("spacing", "schedule", "clip", "checkpoint"))
            tell_cost(cost, inputs)
            follow_model("generate", inputs, hints, guided=[pair])
            corner = ReceiptCorner("generate")
    runs = [
        stream([go.click, inputs["prompt"].submit], pictures, inputs, view, corner),
        stream([pair.click], guidance_pair, inputs, view, corner),
        stream([between.click], lambda values, who: interpolation(values, who=who), inputs, view, corner),
    ]
    stop_on(stop, runs, ID)
    dice.click(None, None, inputs["seed"], js=DICE, **QUIET)
    first_look(view, pictures, inputs, corner)
    endpoint(generate, "generate", settings=("prompt", "style", "seed", "count", *SAMPLING))
    settings = ("prompt", "style", "seed", "other_seed", "count", *SAMPLING)
    endpoint(interpolate, "interpolate", settings=settings, defaults={"count": BETWEEN})


def generate(values: dict, lines: Image.Image | None = None):
    """Makes `count` pictures; picture k has the seed `seed` + k. `lines` is a drawing, dark on light or the reverse: a
    model that takes lines makes them those of the pictures.

    Returns the PNG files, and the settings used with `nfe` (network evaluations), and `pictures`: file, seed, nfe and
    sha256 of the 8-bit RGB pixels of each.
    """
    return answer(pictures(values, lines=lines))


def interpolate(values: dict):
    """Makes `count` pictures whose starting noise goes from that of `seed` to that of `other_seed` along the sphere.

    Returns the PNG files in order, and the settings used; the first and the last are those that /generate makes.
    """
    return answer(interpolation(values, values["count"]))
