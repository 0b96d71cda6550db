"""Figures from arrays, in Plotly's form: plain dictionaries for JSON and for `plotly.graph_objects.Figure(figure)`.

Nothing here imports plotly, and the page draws the lines itself. Colours come in pairs, light and dark, and never
alone: every line also has a dash of its own and its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from playground.schedules import NoiseSchedule
from playground.theory.objective import loss_weight


@dataclass(frozen=True)
class Style:
    """How a line looks: a colour for light and one for dark pages (each ≥ 4.5 : 1 there), and a dash."""

    light: str
    dark: str
    dash: str  # Plotly's names, or lengths in pixels

    def on(self, dark: bool) -> str:
        return self.dark if dark else self.light


STYLES = (
    Style("#0f766e", "#2dd4bf", "solid"),
    Style("#1d4ed8", "#7ab0ff", "6px,4px"),
    Style("#a34a06", "#fbbf24", "2px,3px"),
    Style("#9d1ab1", "#ee8bff", "10px,4px,2px,4px"),
    Style("#4a6b0d", "#a3e635", "14px,5px"),
    Style("#be123c", "#ff8fa3", "8px,3px,2px,3px,2px,3px"),
    Style("#334155", "#f1f5f9", "solid"),
)
# One look per schedule, whichever others stand beside it.
SCHEDULE_STYLES = dict(
    zip(
        ("cosine", "linear", "quadratic", "sigmoid", "scaled_linear", "sigmoid_alpha_bar", "custom"),
        STYLES,
        strict=True,
    )
)


@dataclass(frozen=True)
class Line:
    """One curve. `name` is for programs, `label` for people; `measured` puts a dot at every value."""

    name: str
    label: str
    x: Sequence[float] | torch.Tensor
    y: Sequence[float] | torch.Tensor
    style: Style
    measured: bool = False


def numbers(values: Iterable[float]) -> list[float | None]:
    """Floats for JSON: nine significant digits, and None (a gap in the line) for what is not finite."""
    return [float(f"{v:.9g}") if math.isfinite(v) else None for v in map(float, values)]


def _places(x: Sequence[float] | torch.Tensor) -> dict:
    """The x of a trace; even steps in two numbers."""
    return {"x0": x.start, "dx": x.step} if isinstance(x, range) else {"x": numbers(x)}


def figure(
    lines: Sequence[Line],
    *,
    x_title: str,
    y_title: str,
    log: bool = False,
    y_range: tuple[float, float] | None = None,
    dark: bool = False,
) -> dict:
    """The lines as a Plotly figure {"data", "layout"}. `y_range` is in the units of y, on a log axis too."""
    ink, grid = ("#e5e7eb", "#3f4754") if dark else ("#1f2937", "#e2e8f0")
    axis = {"gridcolor": grid, "linecolor": grid, "zeroline": False, "ticks": "", "automargin": True}
    y_axis = {**axis, "title": {"text": y_title}, "type": "log" if log else "linear"}
    if y_range:
        y_axis["range"] = [math.log10(v) for v in y_range] if log else list(y_range)
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers" if line.measured else "lines",
                "name": line.label,
                **_places(line.x),
                "y": numbers(line.y),
                "line": {"color": line.style.on(dark), "dash": line.style.dash, "width": 2.5},
                "marker": {"size": 5},
                "meta": {"name": line.name, "light": line.style.light, "dark": line.style.dark},
            }
            for line in lines
        ],
        "layout": {
            "xaxis": {**axis, "title": {"text": x_title}},
            "yaxis": y_axis,
            "font": {"color": ink, "family": "system-ui, sans-serif", "size": 13},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 64, "r": 24, "t": 16, "b": 48},
            "hovermode": "x unified",
            "showlegend": True,
        },
    }


@dataclass(frozen=True)
class View:
    """One way to look at a schedule. `symbol` is HTML as Plotly and the page both read it."""

    symbol: str
    title: str
    values: Callable[[NoiseSchedule], torch.Tensor]  # (T+1,), indexed by t
    log: bool = False
    y_range: tuple[float, float] | None = None


DECIBELS = 10 / math.log(10)  # of a natural logarithm

SCHEDULE_VIEWS: dict[str, View] = {
    "alpha_bar": View(
        "ᾱ<sub>t</sub>", "Share of the power that is the picture's", lambda s: s.alpha_bar, y_range=(0, 1)
    ),
    "signal_rate": View(
        "√ᾱ<sub>t</sub>", "Share of the picture that is left", lambda s: s.alpha_bar.sqrt(), y_range=(0, 1)
    ),
    "log_snr": View("SNR", "Signal against noise, in dB", lambda s: DECIBELS * s.log_snr, y_range=(-65, 65)),
    "beta": View("β<sub>t</sub>", "Noise added by one step", lambda s: s.beta, log=True, y_range=(1e-5, 1)),
    "weight": View("λ<sub>t</sub>", "Weight of the error at t in the bound", loss_weight, log=True, y_range=(1e-3, 10)),
}


def schedule_curves(
    schedules: Mapping[str, NoiseSchedule],
    labels: Mapping[str, str],
    view: str = "alpha_bar",
    dark: bool = False,
) -> dict:
    """Curves of schedules over t, in one of the SCHEDULE_VIEWS. Both mappings go by the schedule's name."""
    chosen = SCHEDULE_VIEWS[view]
    lines = [
        Line(name, labels[name], range(schedule.T + 1), chosen.values(schedule), SCHEDULE_STYLES[name])
        for name, schedule in schedules.items()
    ]
    return figure(lines, x_title="t", y_title=chosen.symbol, log=chosen.log, y_range=chosen.y_range, dark=dark)
