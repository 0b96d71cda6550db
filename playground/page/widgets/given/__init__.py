"""Beside where a picture is given: what the model makes of it, and the way back to the picture before."""

from __future__ import annotations

import gradio as gr

from playground.page.widgets import widget


def given(elem_id: str, knows: str = "") -> gr.HTML:
    """The component. Its value is the sentence on the model; it is empty where there is no model."""
    return widget("given", knows, elem_id=elem_id, events=("spread",))
