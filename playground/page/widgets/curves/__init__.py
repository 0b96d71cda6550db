"""The curves widget: charts on the page's clock, and the picture under them on the same axis of t.

It draws either schedules (`schedules_value`: it is sent ᾱ, and works out every view of it, the strips and a
curve drawn by hand in the page) or finished figures (`figures_value`).
"""

from __future__ import annotations

import gradio as gr

from playground.page.widgets import widget


def curves(value: dict | None = None, elem_id: str | None = None, picture: dict | None = None) -> gr.HTML:
    """The widget. A curve drawn by hand becomes the page's setting `points`, by the event "lab:set".

    picture  for the strips, as `scrubber.picture_value` gives it; an event puts out a new one as
             ``gr.HTML(picture=…)``
    live     what changes while something is measured, ``gr.HTML(live={"view": …, "progress": …})``: one view and
             the progress, so that little is sent
    """
    return widget("curves", value, elem_id, picture=picture, live=None)
