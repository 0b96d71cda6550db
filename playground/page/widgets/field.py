"""The field widget: q_t of a point cloud, its score and particles on it, drawn in the browser from closed forms."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from playground.page.widgets import widget
from playground.samplers import SAMPLERS

ASSETS = Path(gr.__file__).parent / "templates" / "frontend" / "assets"


def field(value: dict | None = None, elem_id: str | None = None) -> gr.HTML:
    """The widget; its value is what `field_value` gives. Its event `drawn` brings a person's points and their stamp."""
    step_size = next(knob for knob in SAMPLERS["langevin"].knobs if knob.name == "step_size")
    limits = {"low": step_size.low, "high": step_size.high}
    return widget("field", value, elem_id, events=("drawn",), katex=_katex(), step_size=limits)


def _katex() -> dict[str, str]:
    """Where the page finds the KaTeX that Gradio ships; empty (plain letters instead) where it has moved."""
    found = {kind: sorted(path.name for path in ASSETS.glob(f"katex-*.{kind}")) for kind in ("js", "css")}
    return {kind: f"./assets/{names[0]}" if names else "" for kind, names in found.items()}
