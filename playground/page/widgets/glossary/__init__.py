"""The glossary: explained where a symbol or a control stands, listed in a window; and what a change has done."""

from __future__ import annotations

import gradio as gr

from playground.page.widgets import widget
from playground.samplers import SAMPLERS
from playground.schedules import SCHEDULES


def glossary(elem_id: str = "glossary") -> gr.HTML:
    """The component, once in a page: its button, and what appears over the page."""
    titles = {name: entry.title for registry in (SAMPLERS, SCHEDULES) for name, entry in registry.items()}
    return widget("glossary", None, elem_id, titles=titles)
