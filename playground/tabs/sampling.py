"""What the tabs that sample share: prompt, sampler with knobs and cost, the buttons that run and stop."""

from __future__ import annotations

import functools
import inspect
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence

import gradio as gr

from playground import checkpoints
from playground.about import about
from playground.channels import Channel
from playground.controls import control, errors_shown, registered
from playground.records import RunRecord
from playground.samplers import SAMPLERS
from playground.settings import DEFAULTS, check
from playground.widgets import widget
from playground.widgets.receipt import ReceiptCorner
from playground.words import _, say

KNOBS = tuple(dict.fromkeys(knob.name for sampler in SAMPLERS.values() for knob in sampler.knobs))
EXAMPLES = ("red heart", "lion", "watermelon", "guitar", "sunflower", "rocket", "cat face", "grinning face")
LIMIT = "blue cat red dog"  # the words of a prompt are averaged: which belongs to which is lost
SIGNS = {"beta_tilde": "β̃", "beta": "β"}
QUIET = {"show_progress": "hidden", "api_visibility": "private"}
RUNS = 64  # runs of the page at a time; the engine's queue decides from there


# ---------------------------------------------------------------- the model


def model_state() -> dict:
    """What a control of the model shows: the models there are now, and nothing where there is one."""
    known = checkpoints.list_checkpoints() or [DEFAULTS["checkpoint"].default]
    return {"choices": known, "visible": len(known) > 1}


def models_of_now(demo: gr.Blocks) -> None:
    """Whenever the page is loaded, its lists of models are what there is by then: a training may have ended."""
    lists = [component for _tab, name, component in registered(demo) if name == "checkpoint"]
    demo.load(lambda: [gr.update(**model_state()) for _list in lists], None, lists, queue=False, **QUIET)


def about_model(tab: str, checkpoint: gr.components.Component) -> None:
    """The chosen model's card: what it was trained on, how well it does, what it can't do."""
    with gr.Accordion(_("About this model"), open=False, elem_id=f"{tab}-about") as box:
        text = gr.Markdown(elem_classes="lab-about")

    def told(name: str):
        return about(name) or say("This model came without a card.")

    gr.on([box.expand, checkpoint.change], told, checkpoint, text, queue=False, **QUIET)


def starting_model() -> checkpoints.Outline:
    """The model that the page starts with."""
    return checkpoints.outline(DEFAULTS["checkpoint"].default)


def prompt_controls(tab: str) -> tuple[dict[str, gr.components.Component], gr.HTML]:
    """Prompt and style; and the widget that completes the prompt and names unknown words as they are typed."""
    name = DEFAULTS["checkpoint"].default
    placeholder = _("What should it show?")
    visible = starting_model().conditional
    made = {"prompt": control("prompt", tab, lines=1, max_lines=1, placeholder=placeholder, visible=visible)}
    hints = widget("words", vocabulary(tab, name), elem_id=f"{tab}-words", events=("follow",))
    made["style"] = control("style", tab, **style_state(name, DEFAULTS["style"].default))
    return made, hints


def vocabulary(tab: str, checkpoint: str) -> dict:
    """What completes the prompt: the model's words, some prompts that work, and one that shows its limit."""
    words = list(checkpoints.outline(checkpoint).words)
    known = set(words)
    fit = [text for text in (*EXAMPLES, LIMIT) if known.issuperset(text.split())]
    return {
        "model": checkpoint,
        "words": words,
        "examples": [text for text in fit if text != LIMIT][:3],
        "limit": LIMIT if LIMIT in fit else "",
        "box": f"{tab}-prompt",
    }


def style_state(checkpoint: str, chosen: str) -> dict:
    """What the control of the style shows for a model: its own styles, or nothing where it has none."""
    styles = checkpoints.outline(checkpoint).styles
    named = [(style.replace("-", " ").capitalize(), style) for style in styles]
    return {
        "choices": [*named, (_("No style"), "")],
        "value": chosen if chosen in styles else "",
        "visible": bool(styles),
    }


def guidance_state(model: checkpoints.Outline, scale: float = 1.0) -> dict:
    """What the control of the guidance shows for a model: w = 1, unseen, where it takes no prompt; and where it does
    and w is 1, as it is after such a one, the default."""
    if not model.conditional:
        return {"visible": False, "value": 1.0}
    return {"visible": True, "value": DEFAULTS["guidance_scale"].default if scale == 1 else scale}


def schedule_state(model: checkpoints.Outline) -> dict:
    """What the control of the schedule shows for a model: its own at first; nothing where that is a list of betas."""
    return {"visible": True, "value": model.schedule} if model.schedule else {"visible": False}


def follow_model(
    tab: str, inputs: dict, hints: gr.HTML, spoken: Sequence[gr.components.Component | gr.Column] = ()
) -> None:
    """Another model: its words, its styles and its schedule; its card below. Where it takes no prompt, neither prompt,
    style and guidance nor whatever else is `spoken` are there."""
    guidance = [inputs["guidance_scale"]] if "guidance_scale" in inputs else []

    def changed(event: gr.EventData, style: str, *scale: float):
        checkpoint = check("checkpoint", event.model)
        if checkpoint not in checkpoints.list_checkpoints():
            checkpoint = DEFAULTS["checkpoint"].default
        model = checkpoints.outline(checkpoint)
        return [
            gr.update(visible=model.conditional),
            gr.update(**style_state(checkpoint, style)),
            vocabulary(tab, checkpoint),
            gr.update(**schedule_state(model)),
            *(gr.update(**guidance_state(model, each)) for each in scale),
            *(gr.update(visible=model.conditional) for _part in spoken),
        ]

    hints.follow(
        errors_shown(changed),
        [inputs["style"], *guidance],
        [inputs["prompt"], inputs["style"], hints, inputs["schedule"], *guidance, *spoken],
        queue=False,
        **QUIET,
    )
    about_model(tab, inputs["checkpoint"])


# ---------------------------------------------------------------- the sampler


def named(choices: Sequence[str]) -> list[tuple[str, str]]:
    """Choices of a knob as a control shows them: (its sign, the choice)."""
    return [(SIGNS.get(choice, choice), choice) for choice in choices]


def knob_state(name: str, sampler: str) -> dict:
    """What the control of a sampler's knob shows while `sampler` is chosen: hidden where it has no such knob."""
    knob = next((knob for knob in SAMPLERS[sampler].knobs if knob.name == name), None)
    if knob is None:
        return {"visible": False}
    state = {"visible": True, "value": knob.default, "label": _(knob.label)}
    return state | (
        {"choices": named(knob.choices)}
        if knob.choices
        else {"minimum": knob.low, "maximum": knob.high, "step": knob.step}
    )


def sampler_controls(tab: str, guided: bool = True) -> dict[str, gr.components.Component]:
    """Sampler, its knobs as they are needed, steps, guidance, and a line that says what they cost."""
    titles = [(entry.title, name) for name, entry in SAMPLERS.items()]
    made = {"sampler": control("sampler", tab, choices=titles)}
    start = DEFAULTS["sampler"].default
    knobs = {name: control(name, tab, **knob_state(name, start)) for name in KNOBS}
    made |= knobs | {"steps": control("steps", tab)}
    if guided:
        made["guidance_scale"] = control("guidance_scale", tab, **guidance_state(starting_model()))
    about = {name: {"evaluations": entry.evaluations, "paper": entry.paper} for name, entry in SAMPLERS.items()}
    first = {
        "sampler": start,
        "steps": DEFAULTS["steps"].default,
        "scale": made["guidance_scale"].value if guided else 1.0,
    }
    cost = widget("cost", first | {"about": about}, elem_id=f"{tab}-cost")
    told = [made[name] for name in ("sampler", "steps", "guidance_scale") if name in made]
    script = f"(sampler, steps, scale = 1) => ({{sampler, steps, scale, about: {json.dumps(about)}}})"
    gr.on([item.change for item in told], None, told, cost, js=script, **QUIET)
    made["sampler"].change(
        lambda sampler: (
            [gr.update(**knob_state(name, sampler)) for name in knobs]
            if len(knobs) > 1
            else gr.update(**knob_state(KNOBS[0], sampler))
        ),
        made["sampler"],
        list(knobs.values()),
        queue=False,
        **QUIET,
    )
    return made


def more_controls(tab: str, names: Sequence[str] = ("spacing", "schedule", "checkpoint")) -> dict:
    """The rest, one click away."""
    with gr.Accordion(_("More"), open=False):
        made = {}
        for name in names:
            if name == "checkpoint":
                made[name] = control(name, tab, **model_state())
            elif name == "schedule":
                made[name] = control(name, tab, **schedule_state(starting_model()))
            else:
                made[name] = control(name, tab)
        if "schedule" in made:  # one drawn by hand comes with its points
            made["points"] = control("points", tab, visible=DEFAULTS["schedule"].default == "custom")
            made["schedule"].change(
                lambda name: gr.update(visible=name == "custom"), made["schedule"], made["points"], queue=False, **QUIET
            )
    return made


# ---------------------------------------------------------------- the run


def run_row(label) -> tuple[gr.Button, gr.Button]:
    """The buttons that run and stop, side by side."""
    with gr.Row(elem_classes="lab-run"):
        go = gr.Button(label, variant="primary", scale=3, min_width=120)
        stop = gr.Button(_("Stop"), scale=1, min_width=70)
    return go, stop


def stream(triggers: Sequence[Callable], prepare: Callable, inputs: dict, view: gr.HTML, corner: ReceiptCorner):
    """An event that makes the run `prepare(values, who)` and streams it to the player, on any of `triggers`.

    `values` is {name: value} of `inputs`; `who` tells the engine whose run it is. The finished run goes to the corner
    where it can be kept.
    """
    names = list(inputs)
    finished: OrderedDict[object, list[RunRecord]] = OrderedDict()  # by session, until the page asks for them

    def run(request: gr.Request, *values):
        live = prepare(dict(zip(names, values, strict=True)), request.session_hash)
        yield from live.messages(channel=Channel())
        finished[request.session_hash] = [lane.record() for lane in live.lanes]
        while len(finished) > RUNS:
            finished.popitem(last=False)

    def records(request: gr.Request) -> list[RunRecord] | None:
        return finished.pop(request.session_hash, None)

    event = gr.on(
        list(triggers),
        errors_shown(run),
        list(inputs.values()),
        view,
        concurrency_limit=RUNS,
        concurrency_id="runs",
        **QUIET,
    )
    # After the run's own event, so that the page asks for the run first.
    gr.on(list(triggers), lambda: None, None, corner.run, queue=False, **QUIET)
    # Not an output of the stream itself: for what is not on the page, Gradio walks all of it twice a message.
    kept = event.success(records, None, corner.run, **QUIET)
    corner.follow(kept)
    return event


def stop_on(button: gr.Button, events: Sequence, elem_id: str) -> None:
    """Stop: the server drops the run, and the page keeps what has come, at once."""
    script = f"() => {{ window.dispatchEvent(new CustomEvent('lab:stop', {{detail: '{elem_id}'}})); }}"
    button.click(None, None, None, js=script, **QUIET)
    button.click(None, None, None, cancels=list(events), api_visibility="private")


def with_knobs(fn: Callable) -> Callable:
    """`fn(…, **knobs)` as an endpoint sees it: a parameter of its own for each knob of any sampler, and for the
    points of a schedule drawn by hand."""
    signature = inspect.signature(fn)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    more = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
        for name in (*KNOBS, "points")
        if name not in signature.parameters
    ]

    @functools.wraps(fn)
    def called(*args, **kwargs):
        return fn(*args, **kwargs)

    called.__signature__ = signature.replace(parameters=own + more)
    return called
