"""Duel: samplers side by side from one seed, in lock-step."""

from __future__ import annotations

import gradio as gr

from playground.page.controls import QUIET, control
from playground.page.endpoints import endpoint
from playground.page.parts.first_look import first_look
from playground.page.parts.model import (
    follow_model,
    prompt_controls,
    starting_model,
)
from playground.page.parts.more import more_controls
from playground.page.parts.run import run_row, stop_on, stream
from playground.page.parts.sampler import SAMPLING
from playground.page.translations import _
from playground.page.widgets.player import player
from playground.page.widgets.receipt import ReceiptCorner
from playground.runs import Live
from playground.runs.experiments import (
    LANES,
    OF_A_LANE,
    answer,
    distances,
    duel,
    has_eta,
    lane_of,
)
from playground.runs.settings import check
from playground.samplers import SAMPLERS

TITLE = _("Compare samplers")
LEAD = _("From one noise to a picture on different ways, side by side. Give a lane fewer steps: what does it lose?")
ID = "duel-player"
LANE_TITLES = (_("First lane"), _("Second lane"), _("Third lane"), _("Fourth lane"))
NUMBERS = range(1, len(LANES) + 1)


def _eta_of(sampler: str) -> dict:
    """What a lane's η shows once that sampler is chosen: the sampler's own, or nothing where it has none."""
    knob = next((knob for knob in SAMPLERS[sampler].knobs if knob.name == "eta"), None)
    return gr.update(visible=False) if knob is None else gr.update(visible=True, value=knob.default)


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    titles = [(entry.title, name) for name, entry in SAMPLERS.items()]
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            view = player(ID)
        with gr.Column(elem_classes="lab-controls"):
            inputs, hints = prompt_controls("duel")
            inputs["seed"] = control("seed", "duel", info=None)
            go, stop = run_row(_("Compare"), "duel-go")
            inputs["lane_count"] = control("lane_count", "duel")
            groups = []
            for k, lane in enumerate(LANES, start=1):
                with gr.Column(visible=k <= 2, elem_classes="lab-lane") as group:
                    gr.Markdown(LANE_TITLES[k - 1], elem_classes="lab-lane-title")
                    sampler = control(f"sampler_{k}", "duel", choices=titles)
                    steps = control(f"steps_{k}", "duel")
                    with gr.Row():
                        narrow = {"as_": gr.Number, "min_width": 80}
                        eta = control(f"eta_{k}", "duel", visible=has_eta(lane["sampler"]), **narrow)
                        scale = control(f"guidance_scale_{k}", "duel", visible=starting_model().guided, **narrow)
                    own = dict(zip(OF_A_LANE, (sampler, steps, eta, scale), strict=True))
                inputs |= {f"{name}_{k}": item for name, item in own.items()}
                groups.append(group)
                sampler.change(_eta_of, sampler, eta, queue=False, **QUIET)
            inputs |= more_controls("duel")
            follow_model("duel", inputs, hints, guided=[inputs[f"guidance_scale_{k}"] for k in NUMBERS])
            corner = ReceiptCorner("duel")
    inputs["lane_count"].change(
        lambda n: [gr.update(visible=k <= n) for k in NUMBERS],
        inputs["lane_count"],
        groups,
        queue=False,
        **QUIET,
    )

    def prepare(values: dict, who: object) -> Live:
        shown = NUMBERS[: check("lane_count", values["lane_count"])]
        lanes = [{name: values[f"{name}_{k}"] for name in OF_A_LANE} for k in shown]
        lanes = [lane if has_eta(lane["sampler"]) else {**lane, "eta": None} for lane in lanes]
        return duel(values, lanes, who)

    stop_on(stop, [stream([go.click, inputs["prompt"].submit], prepare, inputs, view, corner)], ID)
    first_look(view, prepare, inputs, corner)
    common = [name for name in SAMPLING if name != "sampler"]
    endpoint(compare_samplers, "compare_samplers", settings=("prompt", "style", "seed", *common))


def compare_samplers(values: dict, lanes: list = None):
    """Two to four samplers from one seed.

    lanes: names of samplers, or objects with settings of their own: ``["ddpm", {"sampler": "ddim", "steps": 10}]``.
    Returns the PNG files, and the settings with each lane's `nfe`; `apart`: for each lane the root mean square
    distance of its x̂0 from the first lane's, at each of its noise levels (log_snr).
    """
    run = duel(values, [lane_of(lane) for lane in (lanes or LANES[:2])])
    files, used = answer(run)
    used["lanes"] = [lane.settings for lane in run.lanes]
    used["apart"] = [distances(run.lanes[0].frames, lane.frames) for lane in run.lanes]
    return files, used
