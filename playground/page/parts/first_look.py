"""What a player shows before anybody has pressed anything."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable

import gradio as gr

from playground.engine.batching import SMALL
from playground.errors import UserError
from playground.page.controls import QUIET, building, errors_shown
from playground.page.widgets.receipt import ReceiptCorner
from playground.runs import Live
from playground.runs.records import RunRecord
from playground.runs.settings import DEFAULTS, from_query

MOST = 400  # questions to the network that nobody pressed for
KEPT = 8  # finished runs, for each player


def first_look(view: gr.HTML, prepare: Callable, inputs: dict, corner: ReceiptCorner) -> None:
    """The finished run that the page's link asks for, or the one of the settings that the page starts with:
    `prepare(values, who)`, as for `sampling.stream`.

    Each is made once, for whoever comes first; not by a model of large pictures, which would take minutes. Like any
    other run it can be kept, in the corner.
    """
    start = {"device": building().start("device")} | {name: component.value for name, component in inputs.items()}
    made: OrderedDict[str, tuple[dict, list[RunRecord]]] = OrderedDict()
    making = threading.Lock()

    def asked(request: gr.Request) -> tuple[dict, Live]:
        """The values, and their run; of a run of other settings than the link's that it is one."""
        linked, _errors = from_query(dict(request.query_params))
        wanted = start | {name: value for name, value in linked.items() if name in inputs}
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
        if live.engine.size > SMALL:
            return gr.skip()
        live.more["settings"] = {name: value for name, value in values.items() if name in DEFAULTS}
        key = json.dumps([live.engine.checkpoint.name, values, live.more], default=str)
        with making:
            if key not in made:
                made[key] = live.whole(example=True), [lane.record() for lane in live.lanes]
                while len(made) > KEPT:
                    made.popitem(last=False)
            shown, records = made[key]
        corner.keep(request.session_hash, records, only_if_none=True)
        return shown

    view.ready(errors_shown(example), None, view, **QUIET)
