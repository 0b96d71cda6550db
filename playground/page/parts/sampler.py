"""The parts of a tab that choose a sampler: its knobs, steps, guidance, and what they cost."""

from __future__ import annotations

import gradio as gr

from playground.errors import UserError
from playground.page.controls import QUIET, building, control
from playground.page.parts.knobs import all_knobs, follow_method, knob_controls
from playground.page.parts.model import guidance_state, starting_model
from playground.page.translations import _
from playground.page.widgets import widget
from playground.runs.lanes import announced
from playground.samplers import SAMPLERS

KNOBS = tuple(all_knobs(SAMPLERS))
# What an endpoint that samples pictures takes, beside what it makes of them.
SAMPLING = ("sampler", "steps", "guidance_scale", "clip", "eta", "spacing", "schedule", "checkpoint", "device")
SAMPLING += (*KNOBS, "points")
SPACED = {
    "trailing": _("Trailing: even in t, from T"),
    "leading": _("Leading: even in t, to 1"),
    "linspace": _("Even in t, both ends"),
    "log_snr": _("Even in log-SNR"),
    "karras": _("Karras: even in the seventh root of σ"),
}


def spacing(tab: str) -> gr.components.Component:
    """The control of the spacing, its choices in words."""
    return control("spacing", tab, choices=[(words, name) for name, words in SPACED.items()])


def sampler_controls(tab: str, guided: bool = True) -> tuple[dict[str, gr.components.Component], gr.HTML]:
    """Sampler, its knobs as they are needed, steps, guidance; and the line for what they cost (see `tell_cost`)."""
    titles = [(entry.title, name) for name, entry in SAMPLERS.items()]
    made = {"sampler": control("sampler", tab, choices=titles)}
    start = building().start("sampler")
    knobs = knob_controls(tab, SAMPLERS, start)
    made |= knobs | {"steps": control("steps", tab)}
    if guided:
        made["guidance_scale"] = control("guidance_scale", tab, **guidance_state(starting_model()))
    cost = widget("cost", None, elem_id=f"{tab}-cost")
    follow_method(SAMPLERS, made["sampler"], knobs)
    return made, cost


COSTLY = ("sampler", *KNOBS, "steps", "spacing", "schedule", "T", "guidance_scale", "prompt", "style", "checkpoint")
COSTLY += ("start", "strength", "steered")  # all that the number of evaluations depends on


def tell_cost(cost: gr.HTML, inputs: dict, what: str = "picture") -> None:
    """Says what the settings in `inputs` will cost, now and whenever one of them changes; `what`: picture or particle.

    Counted by the sampler itself: some ask less often at their first or last steps, or twice at the others.
    """
    told = {name: item for name, item in inputs.items() if name in COSTLY}

    def counted(*values) -> dict:
        given = dict(zip(told, values, strict=True))
        try:
            nfe, guided = announced(given)
        except UserError:  # a number that is being typed; who runs it is told
            return gr.skip()
        return {"nfe": nfe, "guided": guided, "what": what, "paper": SAMPLERS[given["sampler"]].paper}

    cost.value = counted(*[item.value for item in told.values()])
    changes = [item.change for item in told.values()]
    gr.on(changes, counted, list(told.values()), cost, trigger_mode="always_last", queue=False, **QUIET)
