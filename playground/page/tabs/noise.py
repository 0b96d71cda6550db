"""Noise: the forward process on a picture of yours. Scrubbed in the browser, checked by the server."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping

import gradio as gr
import numpy as np
from PIL import Image

from playground.errors import UserError
from playground.images import encoded, to_pixels, to_tensor
from playground.page.controls import HURRIED, answered, control, errors_shown, safe_image
from playground.page.endpoints import endpoint
from playground.page.parts.choices import PICTURES, schedule_titles
from playground.page.parts.given import picture_given
from playground.page.parts.knobs import follow_method, knob_controls
from playground.page.translations import _
from playground.page.widgets.scrubber import scrubber
from playground.predictions import q_sample
from playground.runs.forward import (
    FIRST,
    chosen_picture,
    numbers_of,
    schedule_of,
    seen,
    strip,
    walk,
)
from playground.runs.frames import error_map
from playground.runs.settings import DEFAULTS, check, fitted
from playground.runs.wire import curve_value, picture_value
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES

TITLE = _("Add noise")
LEAD = _("A picture drowns in noise, a little more at every level t. Drag the slider: how long can you still see it?")
TAB = "noise"
SIZES = [int(size) for size in DEFAULTS["resolution"].choices]
SIZE = int(DEFAULTS["resolution"].default)
MOST = 64  # side of the picture that comes with a question from the page
WALKS = threading.BoundedSemaphore(2)  # such questions go around the queue, and 4,000 steps take a second


def noise_endpoint(values: dict, image: Image.Image | None = None, size: int = SIZE, chain: bool = False):
    """Noise a picture to level t: x0, eps, x_t and a strip of ten levels as PNG, the numbers as JSON.

    `image` is a file, or `picture` the name of a bundled one; `size` its side in pixels. With `chain` the
    first 64 × 64 pixels also walk there step by step, and mean and standard deviation of chain, jump and
    theory are given. Values are shown as rint(clip(127.5 x + 127.5)), ε too.
    """
    t, seed, picture = values["t"], values["seed"], values["picture"]
    if not 8 <= size <= 512:
        raise UserError("Size must be a whole number between 8 and 512; you gave {value}.", value=size)
    made, used = schedule_of(values)
    t = fitted("t", t, made.T)
    level = made.level(t)
    x0 = chosen_picture(image, picture, size)
    eps = noise_of(seed)(x0.shape)
    x = q_sample(x0, level, eps)
    levels, film = strip(x0, eps, made)
    told = used | {"picture": "" if image is not None else picture or FIRST, "seed": seed, "size": size}
    told |= numbers_of(level) | {"mean": x.mean().item(), "std": x.std(correction=0).item()}
    told["strip"] = [each.t for each in levels]
    if chain:
        told |= walk(x0[..., :MOST, :MOST], made, t, seed)[2]
    stem = f"{used['schedule']}_T-{made.T}_t-{t}_seed-{seed}.png"
    shown = {"x0": x0[0], "eps": eps[0], "x_t": x[0], "strip": film}
    return [(f"{name}_{stem}", each) for name, each in shown.items()], told


def picture_of(image: Image.Image | None, name: str | None, seed: int, size: int) -> dict:
    """The scrubber's picture from page settings."""
    if size not in SIZES:
        raise UserError("Resolution must be one of {choices}.", choices=", ".join(map(str, SIZES)))
    seed = check("seed", seed)
    x0 = chosen_picture(image, name, size)
    named = "" if image is not None else name or FIRST
    return picture_value(x0, noise_of(seed)(x0.shape), seed=seed, picture=named, nonce=time.monotonic_ns())


def curve_of(values: Mapping[str, object]) -> dict:
    """The scrubber's curve from page settings."""
    schedule, used = schedule_of(values)
    return curve_value(schedule, SCHEDULES[used["schedule"]].title, used)


def _question(asked: object) -> tuple:
    """(picture, schedule, t, seed) of a question from the page; a UserError for whatever else comes."""
    wrong = UserError("This question has no picture, or one of a wrong size.")
    if not isinstance(asked, dict) or not isinstance(asked.get("x0"), str):
        raise wrong
    side, text = asked.get("n"), asked["x0"]
    if type(side) is not int or not 1 <= side <= MOST or len(text) > 4 * side * side + 4:
        raise wrong
    try:
        pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(side, side, 3)
    except ValueError as error:
        raise wrong from error
    schedule, _used = schedule_of(asked)
    t = check("t", asked.get("t"))
    schedule.level(t)  # t ≤ T
    return Image.fromarray(pixels), schedule, t, check("seed", asked.get("seed"))


def questions(engine: Callable) -> list[Callable]:
    """What the page may ask the server about the picture in hand; `engine(checkpoint)` gives the engine."""

    @answered
    def look(asked):
        image, schedule, t, seed = _question(asked)
        network = engine(check("checkpoint", asked.get("checkpoint")))
        began = time.perf_counter()
        views = seen(network, image, schedule, t, seed)
        error, gap = error_map(views["x0_hat"], views["x0"])
        answer = {name: encoded(to_pixels(view)) for name, view in views.items()}
        took = 1000 * (time.perf_counter() - began)
        return answer | {"gap": encoded(gap), "rmse": error, "n": network.picture_size, "t": t, "ms": took}

    @answered
    def chain(asked):
        image, schedule, t, seed = _question(asked)
        with WALKS:
            walked, jump, told = walk(to_tensor(image, image.width).double(), schedule, t, seed)
        views = {"chain": encoded(to_pixels(walked)[0]), "jump": encoded(to_pixels(jump)[0])}
        return views | {"n": image.width, "t": t, "told": told}

    return [look, chain]


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    start = {name: page.start(name) for name in ("schedule", "T", "t", "seed")}
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            first = picture_of(None, FIRST, start["seed"], SIZE)
            stage = scrubber(first, curve_of(start), start["t"], questions(page.engine))
        with gr.Column(elem_classes="lab-controls"):
            named = control("picture", TAB, as_=gr.Radio, choices=PICTURES, value=FIRST, elem_classes="lab-pictures")
            upload = safe_image(elem_id="noise-upload")
            picture_given(TAB, upload)
            schedule = control("schedule", TAB, choices=schedule_titles())
            with gr.Accordion(_("More"), open=False, elem_id="noise-more"):
                knobs = knob_controls(TAB, SCHEDULES, start["schedule"])
                zero = control("zero_terminal_snr", TAB)
                T = control("T", TAB)
                seed = control("seed", TAB)
                squares = [(f"{n}²", str(n)) for n in SIZES]
                resolution = control("resolution", TAB, as_=gr.Radio, choices=squares)

    gr.on(
        [named.change, upload.change, seed.change, resolution.change],
        errors_shown(lambda *given: picture_of(*given[:3], int(check("resolution", given[3])))),
        [upload, named, seed, resolution], stage, trigger_mode="always_last", **HURRIED,
    )  # fmt: skip

    inputs = {"schedule": schedule, "T": T, "zero_terminal_snr": zero} | knobs

    def bend(*values):
        return gr.HTML(curve=curve_of(dict(zip(inputs, values, strict=True))))

    gr.on(
        [item.change for item in inputs.values()],
        errors_shown(bend), list(inputs.values()), stage, trigger_mode="always_last", **HURRIED,
    )  # fmt: skip
    follow_method(SCHEDULES, schedule, knobs)
    settings = ("image", "picture", "schedule", "T", "t", "seed", "size", "chain", "zero_terminal_snr", *knobs)
    endpoint(noise_endpoint, "noise", settings=settings)
