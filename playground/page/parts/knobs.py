"""The knobs of a method: a control for each knob of any method of a registry, those of the chosen one shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gradio as gr

from playground.knobs import Knob
from playground.page.controls import QUIET, control
from playground.page.translations import _

SIGNS = {
    "beta_tilde": _("β tilde, of the posterior"),
    "beta": _("β, of the forward step"),
    "ancestral": _("an ancestral step"),
    "none": _("nothing"),
}


def named(choices: Sequence[str]) -> list[tuple[str, str]]:
    """Choices of a knob as a control shows them: (its words, the choice)."""
    return [(SIGNS.get(choice, choice), choice) for choice in choices]


def all_knobs(registry: Mapping) -> dict[str, Knob]:
    """Every knob of any method, by name; where methods share a name, the first one's."""
    found: dict[str, Knob] = {}
    for entry in registry.values():
        for knob in entry.knobs:
            found.setdefault(knob.name, knob)
    return found


def knob_state(registry: Mapping, name: str, method: str) -> dict:
    """What the control of a knob shows while `method` is chosen: hidden where that has no such knob."""
    knob = next((knob for knob in registry[method].knobs if knob.name == name), None)
    if knob is None:
        return {"visible": False}
    state = {"visible": True, "value": knob.default, "label": _(knob.label)}
    if knob.choices:
        state["choices"] = named(knob.choices)
    elif isinstance(knob.default, int | float):
        state |= {"minimum": knob.low, "maximum": knob.high, "step": knob.step}
    return state


def knob_controls(tab: str, registry: Mapping, method: str) -> dict[str, gr.components.Component]:
    """The controls, as they are while `method` is chosen."""
    hidden = {name: {"value": knob.default} for name, knob in all_knobs(registry).items()}
    return {name: control(name, tab, **hidden[name] | knob_state(registry, name, method)) for name in hidden}


def follow_method(
    registry: Mapping, chooser: gr.components.Component, knobs: Mapping[str, gr.components.Component]
) -> None:
    """The knobs follow the method in `chooser`.

    One that a person chooses starts with its own values, for a knob that two methods share need not suit both. One that
    comes from a link or from another tab comes with its values.
    """

    def shown(method: str, own_values: bool) -> object:
        states = [knob_state(registry, name, method) for name in knobs]
        kept = [{key: value for key, value in state.items() if own_values or key != "value"} for state in states]
        updates = [gr.update(**state) for state in kept]
        return updates if len(updates) > 1 else updates[0]

    outputs = list(knobs.values())
    chooser.input(lambda method: shown(method, True), chooser, outputs, queue=False, **QUIET)
    chooser.change(lambda method: shown(method, False), chooser, outputs, queue=False, **QUIET)
