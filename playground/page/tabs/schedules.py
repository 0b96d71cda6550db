"""Schedules: how fast a picture drowns. Curves of any choice of schedules, the same picture under each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gradio as gr
import torch
from PIL import Image

from playground.errors import UserError
from playground.page.controls import HURRIED, control, errors_shown, safe_image
from playground.page.endpoints import endpoint
from playground.page.parts.choices import PICTURES, schedule_titles
from playground.page.parts.given import picture_given
from playground.page.translations import _
from playground.page.widgets.curves import curves
from playground.runs.figures import SCHEDULE_VIEWS, schedule_curves
from playground.runs.forward import FIRST, chosen_picture, numbers_of, strip
from playground.runs.settings import DEFAULTS, check, shorten
from playground.runs.wire import STRIP_SIZE, picture_value, schedules_value
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, NoiseSchedule, drawn, zero_terminal_snr

TITLE = _("Noise schedules")
LEAD = _("How fast the noise comes is a choice. Drag the line in the chart: what does each schedule leave?")
TAB = "schedules"
DRAWN = "custom"
LABELS = {name: kind.title for name, kind in SCHEDULES.items()}
KNOBS = [(name, knob) for name, kind in SCHEDULES.items() for knob in kind.knobs if name != DRAWN]


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    start = {name: page.start(name) for name in ("schedules", "T", "zero_terminal_snr", "points", "seed")}
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            first = chosen(start["schedules"], start["T"], start["zero_terminal_snr"], start["points"])
            picture = strip_picture(FIRST, None, start["seed"])
            chart = curves(shown(first, start["points"]), "schedules-curves", picture)
        with gr.Column(elem_classes="lab-controls"):
            names = control("schedules", TAB, as_=gr.CheckboxGroup, choices=schedule_titles())
            T = control("T", TAB)
            zero = control("zero_terminal_snr", TAB)
            named = control("picture", TAB, as_=gr.Radio, choices=PICTURES, value=FIRST, elem_classes="lab-pictures")
            upload = safe_image(elem_id="schedules-upload")
            picture_given(TAB, upload)
            with gr.Accordion(_("More"), open=False, elem_id="schedules-more"):
                fresh, seed = control("fresh", TAB), control("seed", TAB)
                groups, sliders = {}, []
                for name, kind in SCHEDULES.items():
                    with gr.Group(visible=name in start["schedules"]) as groups[name]:
                        if name == DRAWN:
                            points = control("points", TAB)
                        else:
                            sliders += [control(f"{name}_{knob.name}", TAB) for knob in kind.knobs]

    def redraw(names, T, zero, points, fresh, seed, *values) -> dict:
        bends: dict[str, dict] = {}
        for (name, knob), value in zip(KNOBS, values, strict=True):
            bends.setdefault(name, {})[knob.name] = value
        return shown(chosen(names or (), T, zero, points, bends), points, check("seed", seed) if fresh else None)

    inputs = [names, T, zero, points, fresh, seed, *sliders]
    changes = [item.change for item in inputs]
    gr.on(changes, errors_shown(redraw), inputs, chart, trigger_mode="always_last", **HURRIED)
    names.change(
        lambda names: [gr.update(visible=name in (names or ())) for name in groups],
        names, list(groups.values()), **HURRIED,
    )  # fmt: skip
    gr.on(
        [named.change, upload.change, seed.change],
        errors_shown(lambda name, image, seed: gr.HTML(picture=strip_picture(name, image, seed))),
        [named, upload, seed], chart, trigger_mode="always_last", **HURRIED,
    )  # fmt: skip
    settings = ("schedules", "T", "t", "points", "zero_terminal_snr", "seed", "picture", "image", "view")
    more = {"settings": (*settings, "knobs", "dark"), "defaults": {"view": "alpha_bar"}}
    endpoint(curves_endpoint, "schedule_curves", **more)


# ------------------------------------------------------------------------------------ what is shown


def chosen(
    names: Sequence[str], T: int, zero: bool, points: str, bends: Mapping[str, Mapping] | None = None
) -> dict[str, NoiseSchedule]:
    """The named schedules, in the registry's order. `bends`: schedule → knob → value. Raises UserError."""
    if not names:
        raise UserError("Choose at least one schedule.")
    bends = bends or {}
    for name, knobs in bends.items():
        if name not in SCHEDULES or not isinstance(knobs, Mapping):
            raise UserError("Knobs are given per schedule; “{name}” is none, or has none.", name=shorten(name))
    made = {}
    for name, kind in SCHEDULES.items():
        if name in names:
            own = {"points": points} if name == DRAWN else {}
            schedule = kind.make(T=T, **own | dict(bends.get(name, {})))
            made[name] = zero_terminal_snr(schedule) if zero else schedule
    return made


def shown(schedules: Mapping[str, NoiseSchedule], points: str, fresh: int | None = None) -> dict:
    """The widget's value; `fresh` is the seed of the strips' noises, where each level has its own. A drawn curve can be
    bent while it is as drawn, not while it is stretched to ᾱ_T = 0."""
    own = schedules.get(DRAWN)
    bare = own is not None and torch.equal(own.alpha_bar, drawn.through(drawn.read(points), own.T))
    points = drawn.fallen(drawn.read(points)) if bare else None
    return schedules_value(schedules, LABELS, DEFAULTS["t"].default, points, fresh)


def strip_picture(name: str | None, image: Image.Image | None, seed: int) -> dict:
    """The picture of the strips with its noise: the person's own where there is one, else a bundled one."""
    x0 = chosen_picture(image, name, STRIP_SIZE)
    return picture_value(x0, noise_of(check("seed", seed))(x0.shape))


# ------------------------------------------------------------------------------------ the endpoint


def curves_endpoint(
    values: dict,
    image: Image.Image | None = None,
    knobs: dict = {},  # noqa: B006 (never changed; the endpoint's default must be plain JSON)
    dark: bool = False,
) -> tuple[list, dict]:
    """Compare noise schedules.

    Returns a PNG strip per schedule (the picture at ten levels from t = 0 to T), and as JSON the settings
    used, "figure" (a Plotly figure of `view`: alpha_bar, signal_rate, log_snr, beta or weight) and "numbers"
    (what is left of the picture at t and at T). `knobs` is {schedule: {knob: value}}; a t beyond T counts as T.
    """
    schedules, T, t, points, seed = (values[name] for name in ("schedules", "T", "t", "points", "seed"))
    zero_terminal_snr, picture, view = (values[name] for name in ("zero_terminal_snr", "picture", "view"))
    view = view or "alpha_bar"
    if view not in SCHEDULE_VIEWS:
        raise UserError("View must be one of: {choices}.", choices=", ".join(SCHEDULE_VIEWS))
    made = chosen(schedules, T, zero_terminal_snr, points, knobs)
    t = min(t, T)
    x0 = chosen_picture(image, picture, STRIP_SIZE)
    eps = noise_of(seed)(x0.shape)
    strips = [(f"strip-{name}_T-{T}_seed-{seed}.png", strip(x0, eps, each)[1]) for name, each in made.items()]
    numbers = [
        {"schedule": name, "at_t": numbers_of(each.level(t)), "at_T": numbers_of(each.level(T))}
        for name, each in made.items()
    ]
    used = {
        "schedules": list(made), "T": T, "t": t, "points": points, "zero_terminal_snr": zero_terminal_snr,
        "seed": seed, "picture": "" if image else picture or FIRST, "view": view, "knobs": knobs,
    }  # fmt: skip
    return strips, used | {"numbers": numbers, "figure": schedule_curves(made, LABELS, view, dark)}
