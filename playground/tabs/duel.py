"""Duel: samplers side by side from one seed, in lock-step; and a picture edited by several strengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gradio as gr
from PIL import Image

from playground import pictures, settings
from playground.api import endpoint
from playground.controls import control, safe_image
from playground.errors import UserError
from playground.images import to_tensor
from playground.runs import Live, engine_for, lane_for
from playground.samplers import SAMPLERS
from playground.schedules import Level
from playground.settings import STRENGTHS, check, shorten
from playground.tabs.generate import answer
from playground.tabs.looks import first_look
from playground.tabs.sampling import (
    QUIET,
    follow_model,
    guidance_state,
    more_controls,
    prompt_controls,
    run_row,
    starting_model,
    stop_on,
    stream,
    with_knobs,
)
from playground.widgets.player import Frame, player
from playground.widgets.receipt import ReceiptCorner
from playground.words import _

TITLE = _("Duel")
ID = "duel-player"
EDIT = "edit-player"
LANES = [{"sampler": sampler, "steps": steps} for sampler, steps in settings.LANES]
NUMBERS = range(1, len(LANES) + 1)
OF_A_LANE = ("sampler", "steps", "eta", "guidance_scale")
TO_STRENGTHS = [f"strength_{k}" for k in range(1, len(STRENGTHS) + 1)]


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    with gr.Tabs(elem_classes="lab-subtabs"):
        with gr.Tab(_("Samplers")):
            build_samplers()
        with gr.Tab(_("Editing by strength")):
            build_editing()
    endpoint(with_knobs(compare_samplers), "compare_samplers")
    endpoint(with_knobs(edit), "edit")


def build_samplers() -> None:
    titles = [(entry.title, name) for name, entry in SAMPLERS.items()]
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            view = player(ID)
        with gr.Column(elem_classes="lab-controls"):
            inputs, hints = prompt_controls("duel")
            inputs["seed"] = control("seed", "duel", info=None)
            go, stop = run_row(_("Compare"))
            inputs["lane_count"] = control("lane_count", "duel")
            groups = []
            for k, lane in enumerate(LANES, start=1):
                with gr.Column(visible=k <= 2, elem_classes="lab-lane") as group:
                    sampler = control(f"sampler_{k}", "duel", choices=titles)
                    steps = control(f"steps_{k}", "duel")
                    with gr.Row():
                        narrow = {"as_": gr.Number, "min_width": 80}
                        eta = control(f"eta_{k}", "duel", visible=has_eta(lane["sampler"]), **narrow)
                        spoken = starting_model().conditional
                        scale = control(f"guidance_scale_{k}", "duel", visible=spoken, **narrow)
                    own = dict(zip(OF_A_LANE, (sampler, steps, eta, scale), strict=True))
                inputs |= {f"{name}_{k}": item for name, item in own.items()}
                groups.append(group)
                sampler.change(lambda name: gr.update(visible=has_eta(name)), sampler, eta, queue=False, **QUIET)
            inputs |= more_controls("duel")
            follow_model("duel", inputs, hints, [inputs[f"guidance_scale_{k}"] for k in NUMBERS])
            corner = ReceiptCorner("duel")
    inputs["lane_count"].change(
        lambda n: [gr.update(visible=k <= n) for k in NUMBERS],
        inputs["lane_count"],
        groups,
        queue=False,
        **QUIET,
    )

    def prepare(values: dict, who: object) -> Live:
        shown = NUMBERS[: check("lane_count", values["lane_count"])]
        lanes = [{name: values[f"{name}_{k}"] for name in OF_A_LANE} for k in shown]
        lanes = [lane if has_eta(lane["sampler"]) else {**lane, "eta": None} for lane in lanes]
        return duel(values, lanes, who)

    stop_on(stop, [stream([go.click, inputs["prompt"].submit], prepare, inputs, view, corner)], ID)
    first_look(view, prepare, inputs)


def build_editing() -> None:
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            view = player(EDIT)
        with gr.Column(elem_classes="lab-controls"):
            inputs = {
                "image": safe_image(
                    elem_id="edit-image",
                    buttons=[],
                    alt_text=_("The picture to be edited"),
                )
            }
            names = [(name.capitalize(), name) for name in pictures.PICTURES]
            inputs["picture"] = control("picture", "edit", label=_("Or one of these"), choices=names, value="cat")
            spoken, hints = prompt_controls("edit")
            inputs |= spoken
            inputs["seed"] = control("seed", "edit", info=None)
            go, stop = run_row(_("Edit"))
            inputs |= {name: control(name, "edit") for name in TO_STRENGTHS}
            inputs["steps"] = control("steps", "edit")
            inputs["guidance_scale"] = control("guidance_scale", "edit", **guidance_state(starting_model()))
            inputs |= more_controls("edit")
            follow_model("edit", inputs, hints)
            corner = ReceiptCorner("edit", picture=inputs["image"])

    def prepare(values: dict, who: object) -> Live:
        image = values["image"] or pictures.picture(values["picture"] or "cat")
        return editing(values, image, [values[name] for name in TO_STRENGTHS], who)

    stop_on(stop, [stream([go.click, inputs["prompt"].submit], prepare, inputs, view, corner)], EDIT)
    first_look(view, prepare, inputs)


def has_eta(sampler: str) -> bool:
    return any(knob.name == "eta" for knob in SAMPLERS[check("sampler", sampler)].knobs)


def duel(values: Mapping[str, object], lanes: Sequence[Mapping[str, object]], who: object = None) -> Live:
    """One seed in every lane; a lane's own settings win over the common ones. Raises UserError."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    if not 2 <= len(lanes) <= 4:
        raise UserError("A duel has two to four lanes; you gave {count}.", count=len(lanes))
    made = []
    for lane in lanes:
        mine = {**values, **lane}
        title = SAMPLERS[check("sampler", mine.get("sampler"))].title
        scale = check("guidance_scale", mine.get("guidance_scale"))
        eta = f" · η {mine['eta']:g}" if isinstance(mine.get("eta"), int | float) and mine["eta"] else ""
        steps = check("steps", mine.get("steps"))
        note = f"w {scale:g}{eta}" if engine.checkpoint.conditional else eta.removeprefix(" · ")
        made.append(lane_for(engine, mine, f"{title} · {steps}", note))
    return Live(engine, made, curve="apart", who=who)


def editing(values: Mapping[str, object], image: Image.Image, strengths: Sequence[float], who: object = None) -> Live:
    """`image` noised to each of the strengths with the noise of one seed, and denoised towards the prompt (SDEdit)."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    if not 1 <= len(strengths) <= 8:
        raise UserError("Give one to eight strengths; you gave {count}.", count=len(strengths))
    start = to_tensor(image, engine.picture_size)
    strengths = [check("strength", strength) for strength in strengths]
    lanes = [
        lane_for(engine, {**values, "strength": s}, ("strength", {"strength": f"{s:g}"}), start=start)
        for s in strengths
    ]
    return Live(engine, lanes, curve="error", who=who)


def compare_samplers(
    lanes: list = None,
    prompt: str | None = None,
    style: str | None = None,
    seed: int | None = None,
    steps: int | None = None,
    guidance_scale: float | None = None,
    eta: float | None = None,
    spacing: str | None = None,
    schedule: str | None = None,
    checkpoint: str | None = None,
    device: str | None = None,
    **knobs,
):
    """Two to four samplers from one seed.

    lanes: names of samplers, or objects with settings of their own: ``["ddpm", {"sampler": "ddim", "steps": 10}]``.
    Returns the PNG files, and the settings with each lane's `nfe`; `apart`: for each lane the root mean square
    distance of its x̂0 from the first lane's, at each of its noise levels (log_snr).
    """
    common = {k: v for k, v in locals().items() if k not in ("knobs", "lanes")} | knobs
    run = duel(common, [lane_of(lane) for lane in (lanes or LANES[:2])])
    files, used = answer(run)
    used["lanes"] = [lane.settings for lane in run.lanes]
    used["apart"] = [distances(run.lanes[0].frames, lane.frames) for lane in run.lanes]
    return files, used


def lane_of(given: object) -> dict:
    """A lane as a caller of the endpoint may write it."""
    lane = {"sampler": given} if isinstance(given, str) else given
    if not isinstance(lane, dict) or not set(lane) <= {*OF_A_LANE, "spacing", "schedule"}:
        raise UserError(
            "A lane is the name of a sampler, or an object with sampler, steps, eta, guidance_scale; you gave {value}.",
            value=shorten(given),
        )
    return lane


def edit(
    image: Image.Image | None = None,
    prompt: str | None = None,
    style: str | None = None,
    seed: int | None = None,
    strengths: list = None,
    sampler: str | None = None,
    steps: int | None = None,
    guidance_scale: float | None = None,
    eta: float | None = None,
    spacing: str | None = None,
    schedule: str | None = None,
    checkpoint: str | None = None,
    device: str | None = None,
    **knobs,
):
    """Edits `image` (the bundled cat where there is none): noised to each of `strengths`, denoised towards the prompt.

    Returns one PNG file for each strength, and the settings used.
    """
    values = {k: v for k, v in locals().items() if k not in ("knobs", "image", "strengths")} | knobs
    run = editing(values, image or pictures.picture("cat"), strengths or list(STRENGTHS))
    files, used = answer(run)
    return files, used | {"strengths": [lane.settings["strength"] for lane in run.lanes]}


def distances(first: Sequence[Frame], other: Sequence[Frame]) -> list[dict]:
    """How far x̂0 of a lane is from the first lane's, at each of its levels: root mean square in the
    model's units.

    The first lane is taken at the last level it has reached by then, as the player shows it.
    """
    rows, k = [], 0
    for frame in other:
        while k + 1 < len(first) and first[k + 1].alpha_bar <= frame.alpha_bar:
            k += 1
        gap = (frame.x0_hat.astype(float) - first[k].x0_hat) / 127.5
        level = Level(frame.t, frame.alpha_bar)
        rows.append(
            {
                "t": frame.t,
                "log_snr": level.log_snr if 0 < frame.alpha_bar < 1 else None,
                "rms": float((gap**2).mean() ** 0.5),
            }
        )
    return rows
