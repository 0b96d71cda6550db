"""Denoise: the model at work, step by step, from pure noise or from a picture noised to a strength."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr
import torch
from PIL import Image

from playground import pictures
from playground.api import endpoint
from playground.controls import control, errors_shown, safe_image
from playground.engine import timing
from playground.images import to_tensor
from playground.runs import Live, engine_for, lane_for
from playground.runtimes import available_devices
from playground.settings import check
from playground.tabs.looks import first_look
from playground.tabs.sampling import (
    QUIET,
    follow_model,
    more_controls,
    prompt_controls,
    run_row,
    sampler_controls,
    starting_model,
    stop_on,
    stream,
    with_knobs,
)
from playground.widgets.player import player
from playground.widgets.receipt import ReceiptCorner
from playground.words import _, say

TITLE = _("Denoise")
ID = "denoise-player"
FILM = 10  # pictures of the film strip


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
                names = [name.capitalize() for name in pictures.PICTURES]
                inputs["picture"] = control(
                    "picture",
                    "denoise",
                    label=_("Or one of these"),
                    choices=list(zip(names, pictures.PICTURES, strict=True)),
                    value="cat",
                )
                inputs["strength"] = control("strength", "denoise")
                inputs["steered"] = control("steered", "denoise", visible=starting_model().conditional)
            with gr.Column(elem_classes="lab-group") as words:
                spoken, hints = prompt_controls("denoise")
                inputs |= spoken
            inputs["seed"] = control("seed", "denoise", info=None)
            go, stop = run_row(_("Denoise"))
            inputs |= sampler_controls("denoise")
            inputs |= more_controls("denoise")
            inputs["device"] = control("device", "denoise", choices=["auto", *devices], visible=len(devices) > 1)
            if len(devices) > 1:
                time_button = gr.Button(_("Time all devices"), size="sm")
                times = gr.Markdown(elem_id="denoise-times")
                time_button.click(errors_shown(compare_devices), inputs["checkpoint"], times, **QUIET)
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
    first_look(view, prepared, inputs)
    endpoint(with_knobs(denoise), "denoise")


def prepared(values: Mapping[str, object], who: object = None) -> Live:
    """The run that the tab's settings ask for. Raises UserError."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    if check("start", values.get("start")) == "noise":
        return Live(engine, [lane_for(engine, values)], who=who)
    image = values.get("image") or pictures.picture(values.get("picture") or "cat")
    if not values.get("steered"):
        values = {**values, "prompt": "", "style": ""}
    lane = lane_for(engine, values, start=to_tensor(image, engine.picture_size))
    return Live(engine, [lane], curve="error", who=who)


def compare_devices(checkpoint: str) -> str:
    """A line for each device: how many steps a second it takes."""
    lines = []
    for device in available_devices():
        measured = timing(device, checkpoint)
        rate, milliseconds = measured["steps_per_second"], 1000 / measured["steps_per_second"]
        lines.append(f"**{device}** {rate:.0f} {say('steps a second')} ({milliseconds:.1f} ms)")
    return "  \n".join(lines)


def denoise(
    image: Image.Image | None = None,
    strength: float | None = None,
    seed: int | None = None,
    prompt: str = "",
    style: str = "",
    sampler: str | None = None,
    steps: int | None = None,
    spacing: str | None = None,
    schedule: str | None = None,
    guidance_scale: float | None = None,
    eta: float | None = None,
    checkpoint: str | None = None,
    device: str | None = None,
    **knobs,
):
    """Denoises `image` noised to `strength` (0 to 1), or pure noise where no image is given.

    Returns two PNG files, the final picture and a film strip of the run, and the settings used with the numbers of
    every step: t, alpha_bar, and (where a picture was given) the model's error, the root mean square of ε̂ − ε.
    """
    values = {k: v for k, v in locals().items() if k not in ("knobs", "image")} | knobs
    values |= {"image": image, "start": "noise" if image is None else "picture", "steered": True}
    run = prepared(values)
    run.finish()
    lane = run.lanes[0]
    numbers = [{"step": f.step, "t": f.t, "alpha_bar": f.alpha_bar, "error": f.error} for f in lane.frames]
    strip = film([frame.x for frame in lane.frames])
    used = {"start": "noise"} | lane.settings | run.report() | {"numbers": numbers}
    return [(lane.file, lane.png()), (lane.file.replace(".png", "_film.png"), strip)], used


def film(frames: list) -> Image.Image:
    """`FILM` of the frames (uint8 (H, W, 3)), evenly chosen, side by side."""
    count = min(FILM, len(frames))
    chosen = [frames[round(k * (len(frames) - 1) / max(1, count - 1))] for k in range(count)]
    return Image.fromarray(torch.cat([torch.from_numpy(frame) for frame in chosen], dim=1).numpy())
