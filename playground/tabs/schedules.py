"""Schedules: how fast a picture drowns. Curves of any choice of schedules, and the same picture under each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import gradio as gr
import torch
from PIL import Image

from playground import drawn, pictures
from playground.api import endpoint
from playground.controls import control, errors_shown, safe_image
from playground.errors import UserError
from playground.figures import SCHEDULE_VIEWS, numbers, schedule_curves
from playground.images import to_tensor
from playground.jobs import noise_of
from playground.pictures import PICTURES
from playground.predictions import q_sample
from playground.schedules import SCHEDULES, NoiseSchedule, zero_terminal_snr
from playground.settings import DEFAULTS, shorten
from playground.widgets.curves import STRIP_SIZE, curves, picture_value, schedules_value
from playground.words import _

TITLE = _("Schedules")
TAB = "schedules"
DRAWN = "custom"
LABELS = {name: kind.title for name, kind in SCHEDULES.items()}
KNOBS = [(name, knob) for name, kind in SCHEDULES.items() for knob in kind.knobs if name != DRAWN]
FIRST = next(iter(PICTURES))


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    start = {name: DEFAULTS[name].default for name in ("schedules", "T", "zero_terminal_snr", "points", "seed")}
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            first = chosen_schedules(start["schedules"], start["T"], start["zero_terminal_snr"], start["points"])
            chart = curves(
                shown(first, start["points"]), "schedules-curves", strip_picture(FIRST, None, start["seed"])
            )
        with gr.Column(elem_classes="lab-controls"):
            chosen = control(
                "schedules", TAB, as_=gr.CheckboxGroup, choices=[(LABELS[name], name) for name in SCHEDULES]
            )
            T = control("T", TAB)
            zero = control("zero_terminal_snr", TAB)
            named = control("picture", TAB, as_=gr.Dropdown, choices=list(PICTURES), value=FIRST)
            with gr.Accordion(_("More"), open=False, elem_id="schedules-more"):
                upload = safe_image(label=_("Your picture"), elem_id="schedules-upload", height=180)
                seed = control("seed", TAB)
                groups, sliders = {}, []
                for name, kind in SCHEDULES.items():
                    with gr.Group(visible=name in start["schedules"]) as groups[name]:
                        if name == DRAWN:
                            points = control("points", TAB)
                        else:
                            sliders += [knob_slider(name, knob) for knob in kind.knobs]

    def redraw(names, T, zero, points, *values) -> dict:
        bends: dict[str, dict] = {}
        for (name, knob), value in zip(KNOBS, values, strict=True):
            bends.setdefault(name, {})[knob.name] = value
        return shown(chosen_schedules(names or (), T, zero, points, bends), points)

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    inputs = [chosen, T, zero, points, *sliders]
    gr.on(
        [item.change for item in inputs], errors_shown(redraw), inputs, chart, trigger_mode="always_last", **quiet
    )
    chosen.change(
        lambda names: [gr.update(visible=name in (names or ())) for name in groups],
        chosen, list(groups.values()), **quiet,
    )  # fmt: skip
    gr.on(
        [named.change, upload.change, seed.change],
        errors_shown(lambda name, image, seed: gr.HTML(picture=strip_picture(name, image, seed))),
        [named, upload, seed], chart, trigger_mode="always_last", **quiet,
    )  # fmt: skip
    chart.drawn(errors_shown(drawn_points), None, points, **quiet)
    endpoint(curves_endpoint, "schedule_curves")


def knob_slider(name: str, knob) -> gr.Slider:
    """A knob of one schedule here, where several schedules that share a knob's name stand side by side."""
    label = f"{LABELS[name]}: {knob.label}"
    return gr.Slider(
        knob.low, knob.high, knob.default, step=knob.step, label=label, elem_id=f"{TAB}-{name}-{knob.name}"
    )


def drawn_points(event: gr.EventData) -> str:
    return drawn.write(drawn.read(str(event.points)[:400]))


# ------------------------------------------------------------------------------------ what is shown


def chosen_schedules(
    names: Sequence[str], T: int, zero: bool, points: str, bends: Mapping[str, Mapping] | None = None
) -> dict[str, NoiseSchedule]:
    """The named schedules, in the order of the registry. `bends`: schedule → knob → value. Raises UserError."""
    if not names:
        raise UserError("Choose at least one schedule.")
    bends = bends or {}
    for name in bends:
        if name not in SCHEDULES or not isinstance(bends[name], Mapping):
            raise UserError("There is no schedule {name}.", name=shorten(name))
    made = {}
    for name, kind in SCHEDULES.items():
        if name in names:
            knobs = {str(key): value for key, value in bends.get(name, {}).items()}
            schedule = kind.make(T=T, **({"points": points} if name == DRAWN else {}), **knobs)
            made[name] = zero_terminal_snr(schedule) if zero else schedule
    return made


def shown(schedules: Mapping[str, NoiseSchedule], points: str) -> dict:
    """The widget's value. A drawn curve can be bent while it is as drawn (not while it is stretched to ᾱ_T = 0)."""
    own = schedules.get(DRAWN)
    bare = own is not None and torch.equal(own.alpha_bar, drawn.through(drawn.read(points), own.T))
    return schedules_value(
        schedules, LABELS, DEFAULTS["t"].default, drawn.fallen(drawn.read(points)) if bare else None
    )


def strip_picture(name: str | None, image: Image.Image | None, seed: int) -> dict:
    """The picture of the strips: the person's own where there is one, else the bundled one of that name."""
    return picture_value(image or pictures.picture(name if name in PICTURES else FIRST), int(seed))


# ------------------------------------------------------------------------------------ the endpoint


def curves_endpoint(
    schedules: list,
    T: int,
    t: int,
    points: str,
    zero_terminal_snr: bool,
    seed: int,
    picture: str,
    image: Image.Image | None = None,
    view: str = "alpha_bar",
    knobs: dict = {},  # noqa: B006 (read only; the endpoint's default must be plain JSON)
    dark: bool = False,
) -> tuple[list, dict]:
    """Compare noise schedules.

    Returns one PNG strip per schedule (the picture at ten levels from t = 0 to T), and as JSON the settings used,
    "figure" (a Plotly figure of `view`: alpha_bar, signal_rate, log_snr, beta or weight) and "numbers" (what is left
    of the picture at t and at T). `knobs` is {schedule: {knob: value}}; a t beyond T counts as T.
    """
    view = view or "alpha_bar"
    if view not in SCHEDULE_VIEWS:
        raise UserError("View must be one of: {choices}.", choices=", ".join(SCHEDULE_VIEWS))
    if picture and picture not in PICTURES:
        raise UserError("Picture must be one of: {choices}.", choices=", ".join(PICTURES))
    made = chosen_schedules(schedules, T, zero_terminal_snr, points, knobs)
    t = min(t, T)
    source = image or pictures.picture(picture or FIRST)
    strips = [(f"strip-{name}.png", strip(schedule, source, seed)) for name, schedule in made.items()]
    used = {
        "schedules": list(made), "T": T, "t": t, "points": points, "zero_terminal_snr": zero_terminal_snr,
        "seed": seed, "picture": "" if image else picture or FIRST, "view": view, "knobs": knobs,
    }  # fmt: skip
    rows = [{"schedule": name, "at_t": left(s, t), "at_T": left(s, T)} for name, s in made.items()]
    return strips, used | {"numbers": rows, "figure": schedule_curves(made, LABELS, view, dark)}


def left(schedule: NoiseSchedule, t: int) -> dict:
    """What is left of the picture at t, as JSON; the SNR is None at both ends, where it is infinite."""
    level = schedule.level(t)
    names = ("alpha_bar", "signal_rate", "noise_rate", "snr_db")
    values = (level.alpha_bar, level.signal_rate, level.noise_rate, level.log_snr * 10 / math.log(10))
    return dict(zip(names, numbers(values), strict=True))


def strip(schedule: NoiseSchedule, source: Image.Image, seed: int) -> torch.Tensor:
    """The picture at ten levels, evenly from t = 0 to T, side by side: (3, n, 10n) in about [−1, 1]."""
    x0 = to_tensor(source, STRIP_SIZE).double()
    eps = noise_of(seed)(x0.shape)
    levels = [schedule.level(round(k * schedule.T / 9)) for k in range(10)]
    return torch.cat([q_sample(x0, level, eps)[0] for level in levels], dim=-1)
