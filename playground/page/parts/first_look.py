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
from playground.runs import Live
from playground.runs.settings import from_query

MOST = 400  # questions to the network that nobody pressed for
KEPT = 8  # finished runs, for each player


def first_look(view: gr.HTML, prepare: Callable, inputs: dict) -> None:
    """The finished run that the page's link asks for, or the one of the settings that the page starts with:
    `prepare(values, who)`, as for `sampling.stream`.

    Each is made once, for whoever comes first; not by a model of large pictures, which would take minutes.
    """
    start = {"device": building().start("device")} | {name: component.value for name, component in inputs.items()}
    made: OrderedDict[str, dict] = OrderedDict()
    making = threading.Lock()

    def asked(request: gr.Request) -> tuple[dict, Live]:
        linked, _errors = from_query(dict(request.query_params))
        wanted = start | {name: value for name, value in linked.items() if name in inputs}
        try:
            live = prepare(wanted, request.session_hash)
            if live.questions <= MOST:
                return wanted, live
        except UserError:
            pass  # what a link asks for need not be possible
        return start, prepare(start, request.session_hash)

    def example(request: gr.Request) -> dict:
        values, live = asked(request)
        if live.engine.size > SMALL:
            return gr.skip()
        key = json.dumps([live.engine.checkpoint.name, values], default=str)
        with making:
            if key not in made:
                made[key] = live.whole(example=True)
                while len(made) > KEPT:
                    made.popitem(last=False)
            return made[key]

    view.ready(errors_shown(example), None, view, **QUIET)
