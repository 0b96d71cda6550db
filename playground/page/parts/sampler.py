"""The parts of a tab that choose a sampler: its knobs, steps, guidance, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Sequence

import gradio as gr

from playground.page.controls import QUIET, building, control
from playground.page.parts.model import guidance_state, starting_model
from playground.page.translations import _
from playground.page.widgets import widget
from playground.samplers import SAMPLERS

KNOBS = tuple(dict.fromkeys(knob.name for sampler in SAMPLERS.values() for knob in sampler.knobs))
# What an endpoint that samples pictures takes, beside what it makes of them.
SAMPLING = ("sampler", "steps", "guidance_scale", "eta", "spacing", "schedule", "checkpoint", "device")
SAMPLING += (*KNOBS, "points")
SIGNS = {"beta_tilde": "β̃", "beta": "β"}


# ---------------------------------------------------------------- the sampler


def named(choices: Sequence[str]) -> list[tuple[str, str]]:
    """Choices of a knob as a control shows them: (its sign, the choice)."""
    return [(SIGNS.get(choice, choice), choice) for choice in choices]


def knob_state(name: str, sampler: str) -> dict:
    """What the control of a sampler's knob shows while `sampler` is chosen: hidden where it has no such knob."""
    knob = next((knob for knob in SAMPLERS[sampler].knobs if knob.name == name), None)
    if knob is None:
        return {"visible": False}
    state = {"visible": True, "value": knob.default, "label": _(knob.label)}
    return state | (
        {"choices": named(knob.choices)}
        if knob.choices
        else {"minimum": knob.low, "maximum": knob.high, "step": knob.step}
    )


def sampler_controls(tab: str, guided: bool = True) -> dict[str, gr.components.Component]:
    """Sampler, its knobs as they are needed, steps, guidance, and a line that says what they cost."""
    titles = [(entry.title, name) for name, entry in SAMPLERS.items()]
    made = {"sampler": control("sampler", tab, choices=titles)}
    start = building().start("sampler")
    knobs = {name: control(name, tab, **knob_state(name, start)) for name in KNOBS}
    made |= knobs | {"steps": control("steps", tab)}
    if guided:
        made["guidance_scale"] = control("guidance_scale", tab, **guidance_state(starting_model()))
    about = {name: {"evaluations": entry.evaluations, "paper": entry.paper} for name, entry in SAMPLERS.items()}
    first = {
        "sampler": start,
        "steps": made["steps"].value,
        "scale": made["guidance_scale"].value if guided else 1.0,
    }
    cost = widget("cost", first | {"about": about}, elem_id=f"{tab}-cost")
    told = [made[name] for name in ("sampler", "steps", "guidance_scale") if name in made]
    script = f"(sampler, steps, scale = 1) => ({{sampler, steps, scale, about: {json.dumps(about)}}})"
    gr.on([item.change for item in told], None, told, cost, js=script, **QUIET)
    made["sampler"].change(
        lambda sampler: (
            [gr.update(**knob_state(name, sampler)) for name in knobs]
            if len(knobs) > 1
            else gr.update(**knob_state(KNOBS[0], sampler))
        ),
        made["sampler"],
        list(knobs.values()),
        queue=False,
        **QUIET,
    )
    return made
