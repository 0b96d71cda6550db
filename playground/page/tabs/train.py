"""Train: a net learns to denoise, from nothing. Points in the page, digits on the server, before a whole class."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from weakref import WeakValueDictionary

import gradio as gr
import numpy as np
from PIL import Image

from playground import checkpoints
from playground.engine import forget
from playground.errors import UserError
from playground.page.channels import Channel
from playground.page.controls import QUIET, building, control, errors_shown
from playground.page.endpoints import endpoint
from playground.page.parts.clouds import CLOUDS
from playground.page.parts.model import model_lists, model_state
from playground.page.parts.run import run_row
from playground.page.translations import _, say
from playground.page.undocumented import kept_file
from playground.page.widgets.points import points
from playground.page.widgets.training import training
from playground.runs.forward import schedule_of
from playground.runs.settings import check
from playground.runs.wire import points_value
from playground.theory.clouds import cloud
from playground.training.classroom import Classroom
from playground.training.plans import digits_plan, digits_recipe
from playground.training.watched import Plan, Training, merged

TITLE = _("Train")
TAB = "train"
OFF = "This server trains no nets but Points, which learn in the page."
PREDICTIONS = [("ε", "eps"), ("x₀", "x0"), ("v", "v")]
LOSSES = [(_("Squared"), "mse"), (_("Absolute"), "l1"), ("Huber", "huber")]
SUBJECTS = [(_("Points"), "points"), (_("Digits"), "digits")]
SLIPS = {  # what each is called, what one sees, and what mends it
    "clean_input": (
        _("The net is fed x₀ in place of x_t"),
        _("The loss stays at 1: there is no noise to be seen in its input, so none can be told. It draws noise."),
        _("Feed it x_t, the picture and its noise mixed as t says."),
    ),
    "noisy_target": (
        _("The loss compares x_t with ε̂"),
        _("The loss falls faster than it ever should, nearly to 0: the net repeats its input. It draws grey noise."),
        _("Compare ε̂ with ε, the noise that was mixed in."),
    ),
    "attention": (
        _("Attention scaled by head_dim * −0.5"),
        _("Nearly nothing: the loss ends one part in a hundred higher. In so small a net convolutions do the work."),
        _("Write head_dim ** −0.5: one over the root, where a star makes it 90 times too large and turns its sign."),
    ),
    "t": (
        _("t off by one in training"),
        _("Nothing to be seen among 1000 levels, for neighbours are alike: the slip that hides best."),
        _("Tell the net the t that x_t was mixed with: t = 1 is the first noisy level, 0 the clean picture."),
    ),
    "range": (
        _("Pictures left in [0, 1]"),
        _("Pale digits on white: black was shown as 0, which is the middle grey of [−1, 1]."),
        _("Take pictures to [−1, 1], by 2x − 1, before they are noised."),
    ),
    "ema": (
        _("No running mean of the weights"),
        _("On the way the drawings jump from look to look; at the end, the learning rate at 0, they are the same."),
        _("Draw with a running mean of the weights, which forgets the last batches' accidents."),
    ),
    "variance": (
        _("β̃ with its denominator lost"),
        _("The loss is right, the drawing is not: too little noise is put back, and copies of a digit differ less."),
        _("β̃ = (1 − ᾱ of the next level) / (1 − ᾱ of this one) · β."),
    ),
}
OF_POINTS = ("learning_rate", "batch", "width", "layers")
OF_DIGITS = ("seen", "dropped", "self_conditioning", "slips")
SHARED = ("prediction", "loss", "seed", "schedule", "T")

room = Classroom()
_held: dict[str, Training] = {}  # by session: what it watches, and then has the model of
_runs: WeakValueDictionary[str, Training] = WeakValueDictionary()  # by the names that pages know them by


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    allowed = page.training != "off"
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            with gr.Column(elem_id="train-points-stage") as stage:
                view = points(points_of({}), elem_id="train-points")
            with gr.Column(visible=False, elem_id="train-digits-stage") as digits_stage:
                live = training(example, elem_id="train-digits")
        with gr.Column(elem_classes="lab-controls"):
            subjects = SUBJECTS if allowed else SUBJECTS[:1]
            subject = control("subject", TAB, as_=gr.Radio, choices=subjects, visible=allowed)
            with gr.Column(elem_classes="lab-group") as own:
                made = {"dataset": control("dataset", TAB, as_=gr.Radio, choices=CLOUDS)}
            made["prediction"] = control("prediction", TAB, as_=gr.Radio, choices=PREDICTIONS)
            made["loss"] = control("loss", TAB, as_=gr.Radio, choices=LOSSES)
            with gr.Column(elem_classes="lab-group") as more:
                made |= {name: control(name, TAB) for name in OF_POINTS}
            with gr.Column(visible=False, elem_classes="lab-group") as digits_controls:
                chosen = {"seen": control("seen", TAB, as_=gr.Slider)}
                go, stop = run_row(_("Train"))
                chosen |= {name: control(name, TAB) for name in ("dropped", "self_conditioning")}
                names = [(title, name) for name, (title, _symptom, _mending) in SLIPS.items()]
                chosen["slips"] = control("slips", TAB, as_=gr.CheckboxGroup, choices=names)
                about = gr.Markdown(elem_id="train-slips-about")
                keep = gr.DownloadButton(_("Keep the net"), visible=False, elem_id="train-keep")
            made["seed"] = control("seed", TAB)
            with gr.Accordion(_("More"), open=False):
                made |= {name: control(name, TAB) for name in ("schedule", "T")}

    def show(*values) -> dict:
        return points_of(dict(zip(made, values, strict=True)))

    changes = [item.change for item in made.values()]
    gr.on(changes, errors_shown(show), list(made.values()), view, trigger_mode="always_last", **QUIET)

    def turned(subject: str) -> list:
        digits = subject == "digits"
        shown = gr.update(visible="hidden" if digits else True)  # hidden, not gone: its training goes on
        return [shown, gr.update(visible=digits), gr.update(visible=not digits), gr.update(visible=not digits),
                gr.update(visible=digits)]  # fmt: skip

    subject.change(turned, subject, [stage, digits_stage, own, more, digits_controls], queue=False, **QUIET)
    chosen["slips"].change(slips_told, chosen["slips"], about, queue=False, **QUIET)
    if not allowed:
        return
    inputs = chosen | {name: made[name] for name in SHARED}

    def watch(request: gr.Request, *values) -> Iterator[dict]:
        plan = plan_of(dict(zip(inputs, values, strict=True)), page.training)
        yield from watched(plan, request.session_hash, Channel())

    go.click(
        errors_shown(watch), list(inputs.values()), live, concurrency_limit=64, concurrency_id="trainings", **QUIET
    )
    stop.click(stopped, None, None, queue=False, **QUIET)
    page.trained = (live, keep)
    endpoint(endpoint_of(page), "train_digits", settings=(*OF_DIGITS, *SHARED))


def connect(demo: gr.Blocks) -> None:
    """Makes the net that a person has trained a model of the page for that person, until the page is closed."""
    page = building()
    if page.trained is None:
        return
    live, keep = page.trained
    lists, start = model_lists(), page.start("checkpoint")

    def done(event: gr.EventData, request: gr.Request):
        held = _held.get(request.session_hash)
        if held is None or held.folder is None or held.folder.name != event.model:
            return [gr.skip()] * (len(lists) + 1)
        state = model_state(start)
        state = {"choices": [*state["choices"], (say("my digits"), event.model)], "visible": True}
        file = kept_file(held.archive(), f"{event.model}.zip")
        return [*(gr.update(**state) for _list in lists), gr.update(value=file, visible=True)]

    live.done(errors_shown(done), None, [*lists, keep], queue=False, **QUIET)
    demo.unload(gone)


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
        raise UserError("A drawn schedule can't be trained with; choose another.")
    recipe = digits_recipe(
        used["prediction"], used["loss"], used["schedule"], used["T"], used["self_conditioning"], used["dropped"],
        used["seed"],
    )  # fmt: skip
    return digits_plan(recipe, used["seen"], used["slips"], shared=mode == "class")


def watched(plan: Plan, who: str, channel: Channel) -> Iterator[dict]:
    """The training's messages for one page; what does not go down the channel."""
    before = _held.pop(who, None)
    there = room.ask(plan, who)
    if before is not None and before is not there:
        given_back(before, who)
    _held[who] = there
    run = channel.token
    _runs[run] = there
    yield {"run": run, "channel": channel.token, "seq": 0}
    try:
        for message in there.follow(who, lambda: room.place(there)):
            message = message | {"run": run, "seq": message["seq"] + 1}
            if "end" in message and there.folder is not None:
                checkpoints.lend(there.folder)
            if not channel.send(message):
                yield message
    finally:
        channel.close()


def stopped(request: gr.Request) -> None:
    """Stop: where nobody else watches, the training ends with what it has learnt; where others do, it goes on."""
    there = _held.get(request.session_hash)
    if there is not None and there.people <= {request.session_hash}:
        there.stop()


def gone(request: gr.Request) -> None:
    """A page was closed."""
    there = _held.pop(request.session_hash, None)
    if there is not None:
        given_back(there, request.session_hash)


def given_back(there: Training, who: str) -> None:
    """A session has no use for a training any more; the last one's goodbye deletes what came of it."""
    name = there.folder.name if there.folder else None
    room.leave(there, who)
    if name and there.folder is None:
        checkpoints.take_back(name)
        forget(name)


def example(run: object) -> dict:
    """One picture's way through Algorithm 1, in the training that a page watches. (Nobody can guess the run's name; of
    the session Gradio says nothing here.)"""
    there = _runs.get(str(run))
    if there is None:
        raise UserError("The training has not begun yet.")
    return there.example()


def slips_told(slips: list[str]) -> str:
    """What one sees of the slips that are made, and what mends them."""
    parts = [(say(title.key), say(symptom.key), say(mending.key)) for title, symptom, mending in map(SLIPS.get, slips)]
    return "\n\n".join(f"**{title}.** {symptom} *{mending}*" for title, symptom, mending in parts)


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
