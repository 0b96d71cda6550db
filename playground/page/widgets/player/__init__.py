"""The player: shows a run while it comes in; plays, steps and scrubs it afterwards without the server.

One value per yield. The first message of a run opens it (`opening`), the next ones carry what is new (`news`), the last
one ends it. Messages of a run that is no longer shown are passed over by the page, by their run id.
"""

from __future__ import annotations

import gradio as gr

from playground.errors import UserError
from playground.page.controls import answered
from playground.page.widgets import widget
from playground.runs.inside import inside as look_inside
from playground.runs.opened import laid_open


def _place(asked: object) -> tuple[dict, tuple[str, int, int]]:
    """What is asked, and the step that it is asked of: (run, lane, step). Raises UserError."""
    asked = asked if isinstance(asked, dict) else {}
    run, lane, index = asked.get("run"), asked.get("lane"), asked.get("step")
    if not isinstance(run, str) or type(lane) is not int or type(index) is not int:
        raise UserError("This run is not kept any more. Make it again, and open its steps then.")
    return asked, (run, lane, index)


@answered
def step(asked) -> dict:
    """What the player asks of a step: {run, lane, step, clipped: null is as in the run} → `opened.laid_open`."""
    asked, place = _place(asked)
    clipped = asked.get("clipped")
    return laid_open(*place, clipped if isinstance(clipped, bool) else None, who=place[0])


@answered
def inside(asked) -> dict:
    """What the player asks of the net at a step: {run, lane, step, block, head, told} → `inside.inside`."""
    asked, place = _place(asked)
    block, head = asked.get("block"), asked.get("head")
    block, head = block if isinstance(block, str) else "", head if type(head) is int else None
    return look_inside(*place, block, head, asked.get("told") is not False, who=place[0])


def player(elem_id: str, **options) -> gr.HTML:
    """The widget; as an event's output use ``show_progress="hidden"``. Canvases carry ``data-view``."""
    asked = [step, inside]
    return widget("player", elem_id=elem_id, events=("ready",), server_functions=asked, ident=elem_id, **options)
