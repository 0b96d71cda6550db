"""Train: a net learns to denoise, from nothing: points in the page."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr

from playground.page.controls import QUIET, control, errors_shown
from playground.page.parts.clouds import CLOUDS
from playground.page.translations import _
from playground.page.widgets.points import points
from playground.runs.forward import schedule_of
from playground.runs.settings import check
from playground.runs.wire import points_value
from playground.theory.clouds import cloud

TITLE = _("Train")
TAB = "train"
PREDICTIONS = [("ε", "eps"), ("x₀", "x0"), ("v", "v")]
LOSSES = [(_("Squared"), "mse"), (_("Absolute"), "l1"), ("Huber", "huber")]
OF_A_NET = ("prediction", "width", "layers", "seed", "loss", "batch")


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            view = points(points_of({}), elem_id="train-points")
        with gr.Column(elem_classes="lab-controls"):
            made = {"dataset": control("dataset", TAB, as_=gr.Radio, choices=CLOUDS)}
            made["prediction"] = control("prediction", TAB, as_=gr.Radio, choices=PREDICTIONS)
            made["loss"] = control("loss", TAB, as_=gr.Radio, choices=LOSSES)
            made |= {name: control(name, TAB) for name in ("learning_rate", "batch", "width", "layers", "seed")}
            with gr.Accordion(_("More"), open=False):
                made |= {name: control(name, TAB) for name in ("schedule", "T")}

    def show(*values) -> dict:
        return points_of(dict(zip(made, values, strict=True)))

    changes = [item.change for item in made.values()]
    gr.on(changes, errors_shown(show), list(made.values()), view, trigger_mode="always_last", **QUIET)


def points_of(values: Mapping[str, object]) -> dict:
    """The value of the points widget for settings of the page, missing ones at their defaults. Raises UserError."""
    schedule, _used = schedule_of(values)
    settings = {name: check(name, values.get(name)) for name in OF_A_NET}
    settings["rate"] = check("learning_rate", values.get("learning_rate"))
    return points_value(cloud(check("dataset", values.get("dataset"))), schedule, settings)
