"""The field widget: q_t of a point cloud, its score and particles on it, drawn in the browser from closed forms."""

from __future__ import annotations

import gradio as gr

from playground.page.undocumented import shipped
from playground.page.widgets import widget
from playground.samplers import SAMPLERS


def field(value: dict | None = None, elem_id: str | None = None) -> gr.HTML:
    """The widget; its value is what `field_value` gives. Its event `drawn` brings a person's points and their stamp."""
    step_size = next(knob for knob in SAMPLERS["langevin"].knobs if knob.name == "step_size")
    limits = {"low": step_size.low, "high": step_size.high}
    katex = {kind: shipped(f"katex-*.{kind}") for kind in ("js", "css")}  # where it has moved: plain letters instead
    return widget("field", value, elem_id, events=("drawn",), katex=katex, step_size=limits)
