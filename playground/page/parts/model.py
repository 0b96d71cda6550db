"""The parts of a tab that choose a model and speak to it: prompt, style, vocabulary, card."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import gradio as gr

from playground import checkpoints
from playground.errors import UserError
from playground.images import encoded
from playground.page.about import about
from playground.page.controls import (
    QUIET,
    building,
    control,
    errors_shown,
)
from playground.page.translations import _, say
from playground.page.undocumented import Radio
from playground.page.widgets import widget
from playground.runs.lanes import DISTILLED_FOR
from playground.runs.settings import DEFAULTS, check

EXAMPLES = ("red heart", "lion", "watermelon", "guitar", "sunflower", "rocket", "cat face", "grinning face")
TWO_THINGS = "blue cat red dog"  # the words of a prompt are averaged: which belongs to which is lost


def model_state(start: str | None = None) -> dict:
    """What a control of the model shows: the models there are now, else `start`, the page's own; and nothing where
    there is one."""
    known = checkpoints.list_checkpoints() or [start or building().start("checkpoint")]
    return {"choices": known, "visible": len(known) > 1}


def model_lists() -> list[gr.components.Component]:
    """The controls of the page that choose a model."""
    return [component for _tab, name, component in building().controls if name == "checkpoint"]


def models_of_now(demo: gr.Blocks) -> None:
    """Whenever the page is loaded, its lists of models are what there is by then: a training may have ended."""
    start = building().start("checkpoint")
    lists = model_lists()
    demo.load(lambda: [gr.update(**model_state(start)) for _list in lists], None, lists, queue=False, **QUIET)


def about_model(tab: str, checkpoint: gr.components.Component) -> None:
    """The chosen model's card: what it was trained on, how well it does, what it can't do."""
    with gr.Accordion(_("About this model"), open=False, elem_id=f"{tab}-about") as box:
        text = gr.Markdown(elem_classes="lab-about")

    def told(name: str):
        card = about(name) or say("This model came without a card.")
        return "\n\n".join(filter(None, [pupil(checkpoints.outline(name)), card]))

    gr.on([box.expand, checkpoint.change], told, checkpoint, text, queue=False, **QUIET)


def pupil(model: checkpoints.Outline) -> str:
    """Of a distilled model, in a sentence: whose student it is, and what it was made for."""
    if not model.teacher or not re.fullmatch(r"[\w./-]{1,96}", model.teacher):  # a config may come from anybody
        return ""
    sentence = "A student of {teacher}, made for {steps} steps of DDIM, with a guidance of {guidance} inside."
    inside = {"steps": model.steps, "guidance": f"{model.guidance:g}"}
    return say(UserError(sentence, teacher=model.teacher, **inside))


def starting_model() -> checkpoints.Outline:
    """The model that the page starts with."""
    return checkpoints.outline(building().start("checkpoint"))


def prompt_controls(tab: str) -> tuple[dict[str, gr.components.Component], gr.HTML]:
    """Prompt and style; and the widget that completes the prompt and names unknown words as they are typed."""
    name = building().start("checkpoint")
    placeholder = _("What should it show?")
    visible = starting_model().conditional
    made = {"prompt": control("prompt", tab, lines=1, max_lines=1, placeholder=placeholder, visible=visible)}
    hints = widget("prompt", vocabulary(tab, name), elem_id=f"{tab}-words", events=("follow",))
    of_style = style_state(name, building().start("style"))
    made["style"] = control("style", tab, as_=Radio, elem_classes="lab-styles", **of_style)
    return made, hints


def vocabulary(tab: str, checkpoint: str) -> dict:
    """What helps with the prompt: the model's words; by kind and with those that exclude one another where its folder
    says so; some prompts that work, and one that shows its limit; and its styles as pictures."""
    outline, told = checkpoints.outline(checkpoint), checkpoints.vocabulary(checkpoint)
    known = set(outline.words)

    def fits(prompt: str) -> bool:
        return known.issuperset(prompt.split())

    own = [prompt for prompt in told["examples"] if fits(prompt)]
    phrases = {kind: [phrase for phrase in own if fits(phrase)] for kind, own in told["kinds"].items()}
    every = {phrase for own in phrases.values() for phrase in own}
    sheet = checkpoints.beside(checkpoint, "styles.webp")
    return {
        "model": checkpoint,
        "words": list(outline.words),
        "examples": own[:2] + own[-2:] if len(own) > 4 else own or [prompt for prompt in EXAMPLES if fits(prompt)][:3],
        "limit": TWO_THINGS if fits(TWO_THINGS) and not own else "",
        "kinds": {kind: own for kind, own in phrases.items() if own},
        "exclusive": told["exclusive"],
        "lacking": {style: sorted(every - set(own)) for style, own in told["styles"].items()},
        "styles": len(outline.styles),
        "sheet": f"data:image/webp;base64,{encoded(sheet)}" if sheet else "",
        "box": f"{tab}-prompt",
        "style": f"{tab}-style",
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
    """What the control of the guidance shows for a model.

    Models without prompts: the slider is hidden and w = 1. Models with prompts: it is visible; a w of 1, left over from
    a model without, becomes the default again. A distilled model has its guidance inside, which nobody can move.
    """
    row = DEFAULTS["guidance_scale"]
    if not model.conditional:
        return {"visible": False, "value": 1.0}
    if model.guidance is not None:
        inside = _("Inside this model, which has learnt it from its teacher: it is asked once a step.")
        return {"visible": True, "value": model.guidance, "interactive": False, "info": inside}
    return {"visible": True, "value": row.default if scale == 1 else scale, "interactive": True, "info": _(row.help)}


def schedule_state(model: checkpoints.Outline) -> dict:
    """What the control of the schedule shows for a model: its own at first; nothing where that is a list of betas."""
    return {"visible": True, "value": model.schedule} if model.schedule else {"visible": False}


METHOD = ("sampler", "steps", "paint_sampler", "paint_steps")  # settings that a distilled model has its own of


def method_of(
    model: checkpoints.Outline, before: checkpoints.Outline, chosen: Mapping[str, object]
) -> dict[str, object]:
    """Those of `METHOD` that are chosen, for a model that is chosen after another. A distilled model gets DDIM and the
    steps that it was made for, an ordinary one the defaults, each where it is at its default or as the distilled model
    before had it. What somebody has chosen stays. (Each by itself: the tabs follow a model one after the other, and
    hear of sampler and steps from each other one after the other.)"""

    def usual(model: checkpoints.Outline, name: str) -> object:
        if not model.steps:
            return DEFAULTS[name].default
        return model.steps if name.endswith("steps") else DISTILLED_FOR

    return {
        name: usual(model, name) if now in (DEFAULTS[name].default, usual(before, name)) else now
        for name, now in chosen.items()
    }


def follow_model(
    tab: str,
    inputs: dict,
    hints: gr.HTML,
    spoken: Sequence[gr.components.Component | gr.Column] = (),
    guided: Sequence[gr.components.Component | gr.Column] = (),
) -> None:
    """Another model: its words, its styles and its schedule, of a distilled one also sampler and steps; its card below.
    Where it takes no prompt, neither prompt, style and guidance nor whatever else is `spoken` are there; what is
    `guided` is there where guidance may be chosen."""
    guidance = [inputs["guidance_scale"]] if "guidance_scale" in inputs else []
    method = {name: inputs[name] for name in METHOD if name in inputs}
    start = building().start("checkpoint")

    def changed(event: gr.EventData, style: str, *more):
        checkpoint = check("checkpoint", event.model)
        if not checkpoints.known(checkpoint):
            checkpoint = start
        model = checkpoints.outline(checkpoint)
        scale, chosen = more[: len(guidance)], more[len(guidance) :]
        previous = str(getattr(event, "before", ""))
        before = checkpoints.outline(previous) if checkpoints.known(previous) else checkpoints.Outline()
        return [
            gr.update(visible=model.conditional),
            gr.update(**style_state(checkpoint, style)),
            vocabulary(tab, checkpoint),
            gr.update(**schedule_state(model)),
            *(gr.update(**guidance_state(model, each)) for each in scale),
            *method_of(model, before, dict(zip(method, chosen, strict=True))).values(),
            *(gr.update(visible=model.conditional) for _part in spoken),
            *(gr.update(visible=model.guided) for _part in guided),
        ]

    hints.follow(
        errors_shown(changed),
        [inputs["style"], *guidance, *method.values()],
        [inputs["prompt"], inputs["style"], hints, inputs["schedule"], *guidance, *method.values(), *spoken, *guided],
        queue=False,
        **QUIET,
    )
    about_model(tab, inputs["checkpoint"])
