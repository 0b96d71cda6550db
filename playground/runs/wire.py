"""What the page is sent: pictures, curves, figures and particles, as JSON with arrays in base64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from playground.images import encoded, to_pixels
from playground.runs.figures import SCHEDULE_STYLES, SCHEDULE_VIEWS
from playground.schedules import NoiseSchedule
from playground.theory.clouds import Cloud, Trace

EPS_SCALE = 4096  # ε as int16: ±8 σ in steps of 2.4e-4 (as in lib.js)


def picture_value(x0: Tensor, eps: Tensor, **more: object) -> dict:
    """The widget's value: x0 (1, 3, n, n) on the 8-bit grid of [−1, 1] and its noise: 0.8 MB at n = 256.

    `more` goes along: `seed` and `picture` (the bundled one's name, or "") are shown and said.
    """
    noise = np.rint(eps[0].movedim(0, -1).numpy() * EPS_SCALE).clip(-32767, 32767).astype(np.int16)
    return {"n": x0.shape[-1], "x0": encoded(to_pixels(x0)[0]), "eps": encoded(noise), **more}


def curve_value(schedule: NoiseSchedule, title: str, settings: dict) -> dict:
    """What the widget needs to know of a schedule: ᾱ in float64 and its name for people.

    `settings` are what it was made from; they come back with each question to the server.
    """
    return {"alpha_bar": encoded(schedule.alpha_bar.numpy()), "title": title, "settings": settings}


SHOWN_POINTS = 300


def field_value(
    cloud: Cloud,
    schedule: NoiseSchedule,
    run: Trace | None,
    *,
    seed: int,
    step_size: float,
    sampler: str,
    steps: int,
    picture: tuple[Tensor, Tensor],
    stamp: int = 0,
) -> dict:
    """All the widget needs to draw any t: the cloud, ᾱ, noised points with their ε, a run's paths, and a picture.

    picture  (x0, ε), each (3, n, n): the scrubber's picture and noise, made small
    stamp    of the drawing that the points are, so that an answer to an older one is passed over
    """
    x0, eps = cloud.sample(SHOWN_POINTS, seed) if len(cloud.points) else torch.zeros(2, 0, 2)
    about = {"name": cloud.name, "std": cloud.std, "stamp": stamp}
    return {
        "cloud": about | {"points": cloud.points.tolist()},
        "alpha_bar": encoded(schedule.alpha_bar.numpy()),
        "seed": seed,
        "step_size": step_size,
        "data": {"x0": _float32(x0), "eps": _float32(eps)},
        "run": None if run is None else {
            "t": [level.t for level in run.levels], "index": run.index, "frames": len(run.levels),
            "particles": run.paths.shape[1], "paths": _float32(run.paths), "nfe": run.evaluations,
            "sampler": sampler, "steps": steps,
        },
        "picture": picture_value(picture[0][None], picture[1][None]),
    }  # fmt: skip


def points_value(cloud: Cloud, schedule: NoiseSchedule, settings: Mapping[str, object]) -> dict:
    """What a net is trained on in the page: a cloud, ᾱ of t = 0 … T, and the settings of its training."""
    return {
        "cloud": cloud.name,
        "points": cloud.points.flatten().tolist(),
        "std": cloud.std,
        "alpha_bar": encoded(schedule.alpha_bar.numpy()),
        "T": schedule.T,
        "settings": dict(settings),
    }


def _float32(values: Tensor) -> str:
    return encoded(np.ascontiguousarray(values.numpy(), dtype="<f4"))


STRIP_SIZE = 64  # pixels a side of each picture in a strip


def schedules_value(
    schedules: Mapping[str, NoiseSchedule],
    labels: Mapping[str, str],
    t: int,
    points: Sequence[float] | None = None,
    fresh: int | None = None,
) -> dict:
    """Schedules of one T, by name. `points` are those of the schedule "custom", for the page to move; `fresh` is the
    seed of the noises, where each level of a strip has its own."""
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
    return {"T": T, "t": t, "view": "alpha_bar", "views": views, "series": series, "points": points, "fresh": fresh}


def figure_view(key: str, symbol: str, title: str, figure: dict, caption: str = "", values: dict | None = None) -> dict:
    """A finished figure (`figures.figure`) as one view of the widget; `values` fill the caption's {names}."""
    axis = figure["layout"]["yaxis"]
    return {
        "key": key, "symbol": symbol, "title": title, "caption": caption or title, "values": values or {},
        "range": None, "axis": axis["title"]["text"], "log": axis["type"] == "log", "lines": figure["data"],
    }  # fmt: skip


def figures_value(views: Sequence[dict], T: int, t: int, **more: object) -> dict:
    """Finished figures over t = 0 … T; `more` as curves.js says: sum, open, progress, table."""
    return {"T": T, "t": t, "view": views[0]["key"], "views": list(views), **more}
