"""What a player shows before anybody has pressed anything."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future

import gradio as gr

from playground import checkpoints
from playground.engine.batching import SMALL_SIDE
from playground.errors import UserError
from playground.page.controls import QUIET, building, errors_shown
from playground.page.parts.model import METHOD, method_of
from playground.page.widgets.link import present
from playground.page.widgets.receipt import ReceiptCorner
from playground.runs import Live
from playground.runs.records import RunRecord
from playground.runs.settings import DEFAULTS

MOST = 400  # questions to the network that nobody pressed for
KEPT = 8  # finished runs, for each player


def first_look(view: gr.HTML, prepare: Callable, inputs: dict, corner: ReceiptCorner) -> None:
    """Shows a finished run before anyone presses a button: the one in the link's query or, if that is invalid or too
    long, the default settings'. `prepare(values, who)` builds it, as for `run.stream`.

    Each is made once, by whoever comes first; others who ask for the same wait for it, and nobody waits for another
    link's. A model of large pictures, which would take minutes, shows nothing. Like any other run it can be kept, in
    the corner.
    """
    page = building()
    first = page.start("checkpoint")
    start = {"device": page.start("device")} | {name: component.value for name, component in inputs.items()}
    made: OrderedDict[str, Future[tuple[dict, list[RunRecord]]]] = OrderedDict()
    looking = threading.Lock()  # at the dict, never while a run is made

    def asked(request: gr.Request) -> tuple[dict, Live]:
        """The values, and their run; of a run of other settings than the link's that it is one."""
        linked, _errors = present(dict(request.query_params), first)
        wanted = start | {name: value for name, value in linked.items() if name in inputs}
        if checkpoints.known(str(wanted.get("checkpoint"))):  # its controls will follow it: see `follow_model`
            model, before = (checkpoints.outline(values["checkpoint"]) for values in (wanted, start))
            left = {name: wanted[name] for name in METHOD if name in inputs and name not in linked}
            wanted |= method_of(model, before, left)
        try:
            live = prepare(wanted, request.session_hash)
            if live.questions <= MOST:
                return wanted, live
        except UserError:
            pass  # what a link asks for need not be possible
        live = prepare(start, request.session_hash)
        live.more["other"] = True
        return start, live

    def example(request: gr.Request) -> dict:
        values, live = asked(request)
        if live.engine.size > SMALL_SIDE:
            return gr.skip()
        live.more["settings"] = {name: value for name, value in values.items() if name in DEFAULTS}
        key = json.dumps([live.engine.checkpoint.name, values, live.more], default=str)
        with looking:
            mine = key not in made
            future = made.setdefault(key, Future())
            while len(made) > KEPT:
                made.popitem(last=False)
        if mine:
            try:
                future.set_result((live.whole(example=True), [lane.record() for lane in live.lanes]))
            except Exception as error:
                with looking:
                    made.pop(key, None)  # the next one tries again
                future.set_exception(error)
        shown, records = future.result()
        corner.keep(request.session_hash, records, only_if_none=True)
        return shown

    view.ready(errors_shown(example), None, view, **QUIET)
