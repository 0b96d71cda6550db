"""The page's language: a switch in its head, remembered in this browser, in the address as ``lang=``."""

from __future__ import annotations

import gradio as gr

from playground.page.translations import NAMES
from playground.page.widgets import widget


def language_switch(elem_id: str = "language") -> gr.HTML:
    """The component. A choice loads the page anew, as it is set: Gradio's own words, too, are in the new language."""
    return widget("language", None, elem_id, languages=NAMES)
