"""Train: a net learns to denoise, from nothing: points in the page; digits, before a whole class, and a person's own
pictures on the server. And how the shipped models got there."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import gradio as gr
import numpy as np
from PIL import Image

from playground import checkpoints
from playground.errors import UserError
from playground.page.channels import Channel
from playground.page.controls import QUIET, building, control, errors_shown
from playground.page.endpoints import endpoint
from playground.page.parts.clouds import CLOUDS
from playground.page.parts.model import model_lists, model_state
from playground.page.parts.run import run_row
from playground.page.parts.slips import SLIPS, slips_told
from playground.page.parts.trainings import CALLED, example, gone, held, models_of, room, stopped, watched
from playground.page.translations import _
from playground.page.undocumented import kept_file
from playground.page.widgets.history import history
from playground.page.widgets.points import points
from playground.page.widgets.training import training
from playground.runs.forward import schedule_of
from playground.runs.history import history_of
from playground.runs.settings import check
from playground.runs.wire import points_value
from playground.theory.clouds import cloud
from playground.training.plans import digits_plan, digits_recipe, pictures_plan, pictures_recipe
from playground.training.watched import Plan, merged

TITLE = _("Train")
LEAD = _(
    "A net learns to see the noise in what it is shown. Press play, and watch its answers turn into the right ones."
)
TAB = "train"
NOT_DRAWN = "A drawn schedule can't be trained with; choose another."
OFF = "This server trains no nets but Points, which learn in the page."
PREDICTIONS = [("ε", "eps"), ("x₀", "x0"), ("v", "v")]
LOSSES = [(_("Squared"), "mse"), (_("Absolute"), "l1"), ("Huber", "huber")]
SUBJECTS = [
    (_("Points"), "points"), (_("Digits"), "digits"), (_("Your pictures"), "pictures"),
    (_("The shipped models"), "history"),
]  # fmt: skip
ON_THE_SERVER = ("digits", "pictures")
OF_POINTS = ("learning_rate", "batch", "width", "layers")
OF_DIGITS = ("target", "seen", "dropped", "self_conditioning", "slips")
OF_PICTURES = ("target", "called", "origin", "minutes")
SHARED = ("loss", "seed", "schedule", "T")
AWAY = ["lab-away"]  # out of sight and still at work: a column that Gradio hides ends its scripts or stays in sight


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    allowed = page.training != "off"
    stages, only = {}, {}  # what stands on the stage for each subject; controls, and the subjects that they are for
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            with gr.Column(elem_id="train-points-stage") as stages["points"]:
                view = points(points_of({}), elem_id="train-points")
            with gr.Column(elem_classes=AWAY, elem_id="train-digits-stage") as stages["digits"]:
                digits = training(example, CALLED["my-digits"], elem_id="train-digits")
            with gr.Column(elem_classes=AWAY, elem_id="train-pictures-stage") as stages["pictures"]:
                pictures = training(example, CALLED["my-pictures"], elem_id="train-pictures")
            with gr.Column(elem_classes=AWAY, elem_id="train-history-stage") as stages["history"]:
                past = history(elem_id="train-history")
        with gr.Column(elem_classes="lab-controls"):
            subjects = [each for each in SUBJECTS if allowed or each[1] not in ON_THE_SERVER]
            subject = control("subject", TAB, as_=gr.Radio, choices=subjects)
            with _group(only, "history"):
                model = control("checkpoint", TAB, **model_state())
            with _group(only, "points"):
                made = {"dataset": control("dataset", TAB, as_=gr.Radio, choices=CLOUDS)}
            with _group(only, "pictures"):
                files = gr.File(
                    label=_("Your pictures, or a zip of them"), file_count="multiple", file_types=["image", ".zip"],
                    height=150, elem_id="train-files", elem_classes="lab-upload",
                )  # fmt: skip
                own = {"called": control("called", TAB, max_lines=1)}
                own["origin"] = control("origin", TAB, as_=gr.Dropdown, choices=origins())
                own["minutes"] = control("minutes", TAB)
                learn, halt = run_row(_("Train"), "train-pictures-go")
                keep_pictures = gr.DownloadButton(_("Keep the net"), visible=False, elem_id="train-pictures-keep")
            with _group(only, "points"):
                made["prediction"] = control("prediction", TAB, as_=gr.Radio, choices=PREDICTIONS)
            with _group(only, "digits", "pictures"):
                target = {"target": control("target", TAB, as_=gr.Radio, choices=PREDICTIONS)}
            with _group(only, "points", "digits", "pictures"):
                made["loss"] = control("loss", TAB, as_=gr.Radio, choices=LOSSES)
            with _group(only, "points"):
                made |= {name: control(name, TAB) for name in OF_POINTS}
            with _group(only, "digits"):
                chosen = {"seen": control("seen", TAB, as_=gr.Slider)}
                go, stop = run_row(_("Train"), "train-digits-go")
                chosen |= {name: control(name, TAB) for name in ("dropped", "self_conditioning")}
                names = [(title, name) for name, (title, _symptom, _mending) in SLIPS.items()]
                chosen["slips"] = control("slips", TAB, as_=gr.CheckboxGroup, choices=names)
                about = gr.Markdown(elem_id="train-slips-about")
                keep = gr.DownloadButton(_("Keep the net"), visible=False, elem_id="train-keep")
            with _group(only, "points", "digits", "pictures"):
                made["seed"] = control("seed", TAB)
                with gr.Accordion(_("More"), open=False):
                    made |= {name: control(name, TAB) for name in ("schedule", "T")}

    def show(*values) -> dict:
        return points_of(dict(zip(made, values, strict=True)))

    changes = [item.change for item in made.values()]
    gr.on(changes, errors_shown(show), list(made.values()), view, trigger_mode="always_last", **QUIET)

    def turned(subject: str) -> list:
        shown = [gr.update(elem_classes=[] if name == subject else AWAY) for name in stages]
        return [*shown, *(gr.update(visible=subject in subjects) for subjects in only.values())]

    subject.change(turned, subject, [*stages.values(), *only], queue=False, **QUIET)
    chosen["slips"].change(slips_told, chosen["slips"], about, queue=False, **QUIET)

    def remembered(subject: str, name: str):
        return history_of(check("checkpoint", name)) if subject == "history" else gr.skip()

    gr.on([subject.change, model.change], errors_shown(remembered), [subject, model], past, queue=False, **QUIET)
    if not allowed:
        return
    shared = target | {name: made[name] for name in SHARED}
    _run(go, stop, chosen | shared, digits, "my-digits", lambda values: plan_of(values, page.training))
    _run(learn, halt, own | shared | {"files": files}, pictures, "my-pictures", own_plan)
    page.trained = ((digits, keep), (pictures, keep_pictures))
    endpoint(endpoint_of(page), "train_digits", settings=(*OF_DIGITS, *SHARED))


def _group(only: dict[gr.Column, Sequence[str]], *subjects: str) -> gr.Column:
    """Controls that are there for some subjects alone."""
    column = gr.Column(visible="points" in subjects, elem_classes="lab-group")
    only[column] = subjects
    return column


def _run(go: gr.Button, stop: gr.Button, inputs: Mapping, view: gr.HTML, name: str, plan: Callable) -> None:
    """Train and Stop: the training of `plan(values)`, of this name, is shown in `view`."""

    def watch(request: gr.Request, *values) -> Iterator[dict]:
        yield from watched(plan(dict(zip(inputs, values, strict=True))), request.session_hash, Channel())

    def halt(request: gr.Request) -> None:
        stopped(name, request.session_hash)

    shared = {"concurrency_limit": 64, "concurrency_id": "trainings"}
    go.click(errors_shown(watch), list(inputs.values()), view, **shared, **QUIET)
    stop.click(halt, None, None, **QUIET)  # in the queue, whose events alone can show a message


def connect(demo: gr.Blocks) -> None:
    """Makes the nets that a person has trained models of the page for that person, until the page is closed."""
    page = building()
    lists, start = model_lists(), page.start("checkpoint")

    def done(event: gr.EventData, request: gr.Request):
        there = held(request.session_hash, event.model)
        if there is None:
            return [gr.skip()] * (len(lists) + 1)
        choices = [*model_state(start)["choices"], *models_of(request.session_hash)]
        file = kept_file(there.archive(), f"{event.model}.zip")
        return [*(gr.update(choices=choices, visible=True) for _list in lists), gr.update(value=file, visible=True)]

    for view, keep in page.trained:
        view.done(errors_shown(done), None, [*lists, keep], queue=False, **QUIET)
    if page.trained:
        demo.unload(gone)


def origins() -> list[tuple[str, str]]:
    """What a training on somebody's pictures may go on from: nothing, or a model that is no student of another."""
    names = [name for name in checkpoints.list_checkpoints() if checkpoints.outline(name).trainable]
    return [(_("Nothing: from scratch"), ""), *((name, name) for name in names)]


def points_of(values: Mapping[str, object]) -> dict:
    """The value of the points widget for settings of the page, missing ones at their defaults. Raises UserError."""
    schedule, _used = schedule_of(values)
    names = ("prediction", "width", "layers", "seed", "loss", "batch")
    settings = {name: check(name, values.get(name)) for name in names}
    settings["rate"] = check("learning_rate", values.get("learning_rate"))
    return points_value(cloud(check("dataset", values.get("dataset"))), schedule, settings)


def plan_of(values: Mapping[str, object], mode: str) -> Plan:
    """The training on digits that settings of the page ask for. Raises UserError."""
    if mode == "off":
        raise UserError(OFF)
    used = {name: check(name, values.get(name)) for name in (*SHARED, *OF_DIGITS)}
    if used["schedule"] == "custom":
        raise UserError(NOT_DRAWN)
    recipe = digits_recipe(
        used["target"], used["loss"], used["schedule"], used["T"], used["self_conditioning"], used["dropped"],
        used["seed"],
    )  # fmt: skip
    return digits_plan(recipe, used["seen"], used["slips"], shared=mode == "class")


def own_plan(values: Mapping[str, object]) -> Plan:
    """The training on a person's own `files` that settings of the page ask for. Raises UserError."""
    used = {name: check(name, values.get(name)) for name in (*SHARED, *OF_PICTURES)}
    if used["origin"] not in [name for _label, name in origins()]:
        raise UserError("There is no model “{name}” to go on from.", name=used["origin"])
    if used["schedule"] == "custom":
        raise UserError(NOT_DRAWN)
    files = [Path(file) for file in values.get("files") or ()]
    if not files:
        raise UserError("Choose some pictures first, two at least.")
    recipe = pictures_recipe(used["target"], used["loss"], used["schedule"], used["T"], used["seed"])
    return pictures_plan(recipe, files, used["called"], used["minutes"], used["origin"])


def endpoint_of(page):
    """What `/train_digits` does on this page."""

    def train_digits(values: dict) -> tuple[list, dict]:
        """Train a small U-Net on digits drawn by code; the call waits for its place in the line, then for its end.

        Returns a film strip (a row for each digit, a column for each look at the net) and the checkpoint's folder as a
        zip; and as JSON the settings used, the losses ([pictures seen, loss, running mean]) and the seconds it took.
        """
        plan, who = plan_of(values, page.training), object()
        there = room.ask(plan, who)
        try:
            told = merged(list(there.follow(who, lambda: room.place(there))))
            if told["end"]["status"] == "failed":
                raise UserError(told["end"].get("message") or "This training failed. Please try other settings.")
            files = [("film.png", film(told)), (f"{there.folder.name}.zip", there.archive())]
            used = {name: values[name] for name in (*SHARED, *OF_DIGITS)}
            return files, used | {"losses": told["losses"], "images": told["images"], "seconds": told["seconds"]}
        finally:
            room.leave(there, who)

    return train_digits


def film(told: Mapping[str, object]) -> Image.Image:
    """What the net drew at each look, a column for each; a row for each digit."""
    side = told["start"]["size"]
    looks = [np.frombuffer(base64.b64decode(look["pictures"]), np.uint8) for look in told["looks"]]
    columns = [pictures.reshape(-1, side, 3) for pictures in looks]
    return Image.fromarray(np.concatenate(columns, axis=1))
