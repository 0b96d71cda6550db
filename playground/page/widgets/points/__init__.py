"""The points widget: a small net that learns the score of a cloud in the page, beside the exact score."""

from __future__ import annotations

import gradio as gr

from playground.page.widgets import widget


def points(value: dict, elem_id: str | None = None) -> gr.HTML:
    """The widget; its value is what `runs.wire.points_value` gives. All the training is the page's own."""
    return widget("points", value, elem_id)
