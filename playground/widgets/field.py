"""The field widget: q_t of a point cloud, its score and particles on it, drawn in the browser from closed forms."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
import numpy as np
import torch
from torch import Tensor

from playground.clouds import Cloud, Trace
from playground.samplers import SAMPLERS
from playground.schedules import NoiseSchedule
from playground.widgets import widget
from playground.widgets.scrubber import encoded, picture_value

SHOWN_POINTS = 300
ASSETS = Path(gr.__file__).parent / "templates" / "frontend" / "assets"


def field(value: dict | None = None, elem_id: str | None = None) -> gr.HTML:
    """The widget; its value is what `field_value` gives. Its event `drawn` brings a person's points and their stamp."""
    step_size = next(knob for knob in SAMPLERS["langevin"].knobs if knob.name == "step_size")
    limits = {"low": step_size.low, "high": step_size.high}
    return widget("field", value, elem_id, events=("drawn",), katex=_katex(), step_size=limits)


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


def _katex() -> dict[str, str]:
    """Where the page finds the KaTeX that Gradio ships; empty (plain letters instead) where it has moved."""
    found = {kind: sorted(path.name for path in ASSETS.glob(f"katex-*.{kind}")) for kind in ("js", "css")}
    return {kind: f"./assets/{names[0]}" if names else "" for kind, names in found.items()}


def _float32(values: Tensor) -> str:
    return encoded(np.ascontiguousarray(values.numpy(), dtype="<f4"))
