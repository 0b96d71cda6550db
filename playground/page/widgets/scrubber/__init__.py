"""The scrubber: x_t = √ᾱ_t x0 + √(1−ᾱ_t) ε under the hand.

x0 and ε go to the browser once; whatever follows t is computed there, in one frame and without a request. A
new schedule is a new ᾱ and nothing else. Pixels equal the server's `q_sample` to one grey level.
"""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from playground.page.widgets import widget


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
