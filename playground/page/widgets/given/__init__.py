"""Beside where a picture is given: what the model makes of it, and the way back to the picture before."""

from __future__ import annotations

import gradio as gr

from playground.page.widgets import widget


def given(elem_id: str) -> gr.HTML:
    """The component. Its value is None, or {side, subject} of the pictures that the tab's model knows."""
    return widget("given", elem_id=elem_id, events=("spread",))
