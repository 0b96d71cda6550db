"""The curves widget: Plotly figures on the page's clock, and the picture under them on the same axis of t.

It draws either schedules (`schedules_value`: it is sent ᾱ, and works out every view of it, the strips and a
curve drawn by hand in the page) or finished figures (`figures_value`). Plotly's own script is fetched when the
first chart appears.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache

import gradio as gr
import numpy as np
from PIL import Image

from playground.figures import SCHEDULE_STYLES, SCHEDULE_VIEWS, plotly_js
from playground.images import to_pixels, to_tensor
from playground.jobs import noise_of
from playground.schedules import NoiseSchedule
from playground.widgets import widget

STRIP_SIZE = 64  # pixels a side of each picture in a strip
EPS_SCALE = 4096  # ε travels as int16 = rint(ε · 4096), see lib.js


@lru_cache
def _plotly_address() -> str:
    path = plotly_js()
    gr.set_static_paths([path])
    return f"/gradio_api/file={path.resolve().as_posix()}"


def curves(value: dict | None = None, elem_id: str | None = None, picture: dict | None = None) -> gr.HTML:
    """The widget. Its event `drawn` carries `points`, the text of a curve drawn by hand."""
    return widget("curves", value, elem_id, events=("drawn",), plotly=_plotly_address(), picture=picture)


def _packed(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode("ascii")


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
         "alpha_bar": _packed(schedule.alpha_bar.numpy(), "<f8")}
        for name, schedule in schedules.items()
        for style in [SCHEDULE_STYLES[name]]
    ]  # fmt: skip
    views = [
        {"key": key, "symbol": view.symbol, "title": view.title, "log": view.log, "range": view.y_range}
        for key, view in SCHEDULE_VIEWS.items()
    ]
    points = list(points) if points is not None else None
    return {"T": T, "t": t, "view": "alpha_bar", "views": views, "series": series, "points": points}


def figure_view(key: str, symbol: str, title: str, figure: dict, caption: str = "") -> dict:
    """A finished figure (`figures.figure`) as one view of the widget."""
    axis = figure["layout"]["yaxis"]
    return {
        "key": key, "symbol": symbol, "title": title, "caption": caption or title, "range": None,
        "axis": axis["title"]["text"], "log": axis["type"] == "log", "lines": figure["data"],
    }  # fmt: skip


def figures_value(views: Sequence[dict], T: int, t: int, **more: object) -> dict:
    """Finished figures over t = 0 … T; `more` as curves.js says: sum, unit, table."""
    return {"T": T, "t": t, "view": views[0]["key"], "views": list(views), **more}


def picture_value(picture: Image.Image, seed: int, size: int = STRIP_SIZE) -> dict:
    """A picture and the noise of a seed, for the strips."""
    x0 = to_pixels(to_tensor(picture, size))[0]
    eps = noise_of(seed)((1, 3, size, size))[0].permute(1, 2, 0).numpy()
    eps = np.rint(eps * EPS_SCALE).clip(-32768, 32767)
    return {"n": size, "x0": _packed(x0, "u1"), "eps": _packed(eps, "<i2")}
