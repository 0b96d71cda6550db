"""The scrubber: x_t = √ᾱ_t x0 + √(1−ᾱ_t) ε under the hand.

x0 and ε go to the browser once; whatever follows t is computed there, in one frame and without a request. A
new schedule is a new ᾱ and nothing else. Pixels equal the server's `q_sample` to one grey level.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import gradio as gr
import numpy as np
from torch import Tensor

from playground.images import to_pixels
from playground.schedules import NoiseSchedule
from playground.widgets import widget

EPS_SCALE = 4096  # ε as int16: ±8 σ in steps of 2.4e-4 (as in lib.js)


def encoded(array: np.ndarray) -> str:
    """An array's bytes, little-endian, as base64."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode()


def picture_value(x0: Tensor, eps: Tensor, **more: object) -> dict:
    """The widget's value: x0 (1, 3, n, n) on the 8-bit grid of [−1, 1] and its noise: 0.8 MB at n = 256.

    `more` goes along: `seed` and `picture` (the bundled one's name, or "") are shown and said.
    """
    noise = np.rint(eps[0].movedim(0, -1).numpy() * EPS_SCALE).clip(-32767, 32767).astype(np.int16)
    return {"n": x0.shape[-1], "x0": encoded(to_pixels(x0)[0]), "eps": encoded(noise), **more}


def curve_value(schedule: NoiseSchedule, title: str, settings: dict) -> dict:
    """What the widget needs to know of a schedule: ᾱ in float64 and its name for people.

    `settings` are what it was made from; they come back with each question to the server.
    """
    return {"alpha_bar": encoded(schedule.alpha_bar.numpy()), "title": title, "settings": settings}


def scrubber(
    picture: dict,
    curve: dict,
    t: int,
    questions: list[Callable],
    elem_id: str = "noise-scrubber",
) -> gr.HTML:
    """The component. An event puts out a new picture as its value, a new curve as ``gr.HTML(curve=…)``.

    `questions` are the functions `look` (what the network sees) and `chain` (step by step), each of one dict.
    """
    return widget("scrubber", picture, elem_id, server_functions=questions, curve=curve, t=t)
