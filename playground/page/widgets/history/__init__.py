"""The history widget: how a model got there, to be scrubbed."""

from __future__ import annotations

import gradio as gr

from playground.page.widgets import widget


def history(elem_id: str | None = None) -> gr.HTML:
    """The widget. Its value is what `runs.history.history_of` says of a model; the moment shown is the setting
    `moment`, counted from 0."""
    return widget("history", None, elem_id)
