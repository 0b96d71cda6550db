"""The canvas whose every stroke the model answers.

The picture that is painted stays in the browser, and goes along with each question.
"""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from playground.images.bundled import PICTURES
from playground.page.widgets import widget


def paint(value: dict, first: dict, answers: list[Callable], elem_id: str = "paint") -> gr.HTML:
    """The component. Its value is what the page is set to: `paint_mode`, prompt, seed, …; each new one is answered.

    first: the picture that it begins with, ``{"n": side, "pixels": base64 of RGB bytes}``.
    answers: the server functions `answer` (the settings with n, picture, mask and seq → n, pixels, ms, nfe, device,
    unknown), `ground` (a bundled picture's name → n, pixels) and `trace` (n and a picture → its lines).

    A new value of its property `restored`, {n, picture, mask, lines}, is put on the sheet.
    """
    given = {"first": first, "pictures": list(PICTURES), "restored": None}
    return widget("paint", value, elem_id, ("ready",), server_functions=answers, **given)
