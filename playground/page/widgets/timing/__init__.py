"""Steps a second of this machine and of others, as a plot, a table and a CSV."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from playground.bench import timing as measuring
from playground.page.widgets import widget


def timing(elem_id: str) -> gr.HTML:
    """The component. Its value is None, or what `timing_value` makes."""
    return widget("timing", elem_id=elem_id)


def timing_value(checkpoint: str, measured: Sequence[measuring.Row], done: bool, note: str = "") -> dict:
    """What is known so far of this machine, and what is of others with the same model; `note` stands above it."""
    here = measuring.figure(checkpoint, measuring.here(), measured)
    others = [one for one in measuring.known_figures() if one["checkpoint"] == checkpoint]
    csv = measuring.as_csv([here, *others]) if done else ""
    return {"here": here, "others": others, "done": done, "note": note, "csv": csv}
