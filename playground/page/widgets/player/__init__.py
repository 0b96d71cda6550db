"""The player: shows a run while it comes in; plays, steps and scrubs it afterwards without the server.

One value per yield. The first message of a run opens it (`opening`), the next ones carry what is new (`news`), the last
one ends it. Messages of a run that is no longer shown are passed over by the page, by their run id.
"""

from __future__ import annotations

import gradio as gr

from playground.page.widgets import widget


def player(elem_id: str, **options) -> gr.HTML:
    """The widget; as an event's output use ``show_progress="hidden"``. Canvases carry ``data-view``."""
    return widget("player", elem_id=elem_id, events=("ready",), ident=elem_id, **options)
