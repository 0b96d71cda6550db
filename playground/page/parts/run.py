"""The parts of a tab that run something: the buttons, the stream to the player, and Stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import gradio as gr

from playground.page.channels import Channel
from playground.page.controls import QUIET, building, errors_shown
from playground.page.translations import _
from playground.page.widgets.receipt import ReceiptCorner
from playground.runs.settings import DEFAULTS

RUNS = 128  # runs of the page at a time; the engine's queue decides from there


def run_row(label, elem_id: str | None = None) -> tuple[gr.Button, gr.Button]:
    """The buttons that run and stop, side by side; `elem_id` is the first one's."""
    with gr.Row(elem_classes="lab-run"):
        go = gr.Button(label, variant="primary", scale=3, min_width=120, elem_id=elem_id)
        stop = gr.Button(_("Stop"), scale=1, min_width=70)
    return go, stop


def stream(
    triggers: Sequence[Callable],
    prepare: Callable,
    inputs: dict,
    view: gr.HTML,
    corner: ReceiptCorner,
    js: str | None = None,
):
    """An event that makes the run `prepare(values, who)` and streams it to the player, on any of `triggers`.

    `values` is {name: value} of `inputs`, and the page's device where they have none; `who` tells the engine whose run
    it is. The finished run goes to the corner where it can be kept. `js` may put in values that the page alone knows.
    """
    names, device = list(inputs), building().start("device")

    def run(request: gr.Request, *values):
        corner.forget(request.session_hash)
        given = dict(zip(names, values, strict=True))
        live = prepare({"device": device} | given, request.session_hash)
        live.more["settings"] = {name: value for name, value in given.items() if name in DEFAULTS}
        yield from live.messages(channel=Channel())
        corner.keep(request.session_hash, [lane.record() for lane in live.lanes])

    event = gr.on(
        list(triggers),
        errors_shown(run),
        list(inputs.values()),
        view,
        js=js,
        concurrency_limit=RUNS,
        concurrency_id="runs",
        **QUIET,
    )
    corner.follow(event)
    return event


def stop_on(button: gr.Button, events: Sequence, elem_id: str) -> None:
    """Stop: the server drops the run, and the page keeps what has come, at once."""
    script = f"() => {{ window.dispatchEvent(new CustomEvent('lab:stop', {{detail: '{elem_id}'}})); }}"
    button.click(None, None, None, js=script, **QUIET)
    button.click(None, None, None, cancels=list(events), api_visibility="private")
