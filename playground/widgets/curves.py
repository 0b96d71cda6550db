"""The curves widget: Plotly figures on the page's clock, and the picture under them on the same axis of t.

It draws either schedules (`schedules_value`: it is sent ᾱ, and works out every view of it, the strips and a
curve drawn by hand in the page) or finished figures (`figures_value`). Plotly's script is fetched with the first
chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import gradio as gr

from playground.figures import SCHEDULE_STYLES, SCHEDULE_VIEWS, plotly_js
from playground.schedules import NoiseSchedule
from playground.widgets import widget
from playground.widgets.scrubber import encoded

STRIP_SIZE = 64  # pixels a side of each picture in a strip


@lru_cache
def _plotly_address() -> str:
    path = plotly_js()
    gr.set_static_paths([path])
    return f"/gradio_api/file={path.resolve().as_posix()}"


def curves(value: dict | None = None, elem_id: str | None = None, picture: dict | None = None) -> gr.HTML:
    """The widget. A curve drawn by hand becomes the page's setting `points`, by the event "lab:set".

    picture  for the strips, as `scrubber.picture_value` gives it; an event puts out a new one as
             ``gr.HTML(picture=…)``
    live     what changes while something is measured, ``gr.HTML(live={"view": …, "progress": …})``: one view and
             the progress, so that little is sent
    """
    return widget("curves", value, elem_id, plotly=_plotly_address(), picture=picture, live=None)


def schedules_value(
    schedules: Mapping[str, NoiseSchedule],
    labels: Mapping[str, str],
    t: int,
    points: Sequence[float] | None = None,
) -> dict:
    """Schedules of one T, by name. `points` are those of the schedule "custom", for the page to move."""
    T = next(iter(schedules.values())).T
    series = [
        {"name": name, "label": labels[name], "light": style.light, "dark": style.dark, "dash": style.dash,
         "alpha_bar": encoded(schedule.alpha_bar.numpy())}
        for name, schedule in schedules.items()
        for style in [SCHEDULE_STYLES[name]]
    ]  # fmt: skip
    views = [
        {"key": key, "symbol": view.symbol, "title": view.title, "log": view.log, "range": view.y_range}
        for key, view in SCHEDULE_VIEWS.items()
    ]
    points = list(points) if points is not None else None
    return {"T": T, "t": t, "view": "alpha_bar", "views": views, "series": series, "points": points}


def figure_view(
    key: str, symbol: str, title: str, figure: dict, caption: str = "", values: dict | None = None
) -> dict:
    """A finished figure (`figures.figure`) as one view of the widget; `values` fill the caption's {names}."""
    axis = figure["layout"]["yaxis"]
    return {
        "key": key, "symbol": symbol, "title": title, "caption": caption or title, "values": values or {},
        "range": None, "axis": axis["title"]["text"], "log": axis["type"] == "log", "lines": figure["data"],
    }  # fmt: skip


def figures_value(views: Sequence[dict], T: int, t: int, **more: object) -> dict:
    """Finished figures over t = 0 … T; `more` as curves.js says: sum, open, progress, table."""
    return {"T": T, "t": t, "view": views[0]["key"], "views": list(views), **more}
