"""The settings that are one click away."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from playground.page.controls import QUIET, building, control
from playground.page.parts.choices import schedule_titles
from playground.page.parts.model import model_state, schedule_state, starting_model
from playground.page.parts.sampler import spacing
from playground.page.translations import _


def more_controls(tab: str, names: Sequence[str] = ("spacing", "schedule", "checkpoint")) -> dict:
    """The rest, one click away."""
    with gr.Accordion(_("More"), open=False):
        made = {}
        for name in names:
            if name == "checkpoint":
                made[name] = control(name, tab, **model_state())
            elif name == "schedule":
                made[name] = control(name, tab, choices=schedule_titles(), **schedule_state(starting_model()))
            elif name == "spacing":
                made[name] = spacing(tab)
            else:
                made[name] = control(name, tab)
        if "schedule" in made:  # one drawn by hand comes with its points
            made["points"] = control("points", tab, visible=building().start("schedule") == "custom")
            made["schedule"].change(
                lambda name: gr.update(visible=name == "custom"), made["schedule"], made["points"], queue=False, **QUIET
            )
    return made
