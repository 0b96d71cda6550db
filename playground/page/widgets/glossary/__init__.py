"""The glossary: explained where a symbol or a control stands, listed in a window; and what a change has done."""

from __future__ import annotations

import gradio as gr

from playground.page.widgets import widget


def glossary(elem_id: str = "glossary") -> gr.HTML:
    """The component, once in a page: its button, and what appears over the page."""
    return widget("glossary", None, elem_id)
