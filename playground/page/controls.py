"""Components made from the table of settings, and what stands between a function and the person who pressed."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable

import gradio as gr
from gradio.context import Context

from playground import images
from playground.errors import UserError
from playground.page.translations import _, say
from playground.runs.settings import DEFAULTS, Setting

QUIET = {"show_progress": "hidden", "api_visibility": "private"}

log = logging.getLogger("playground")

CALM = "Something went wrong here, and it has been noted. Please try again; the rest of the page still works."
SLIDER_HIGH = 5000  # a number that goes further is typed


def control(name: str, tab: str, as_: type | None = None, **overrides):
    """The component for setting `name` in `tab`: label, limits, start value and help from the table, id "tab-name".

    `as_` asks for another kind of component (``as_=gr.Radio``); `overrides` go to its constructor as they are
    (``choices=``, ``info=None``, ``value=``, ``visible=``). Controls of one name follow each other in the page.
    """
    row = DEFAULTS[name]
    kind, options = _component(row, as_, "choices" in overrides)
    options |= {"label": _(row.label), "elem_id": f"{tab}-{name}"}
    if row.help:
        options["info"] = _(row.help)
    component = kind(**options | overrides)
    if Context.root_block is not None:
        registered(Context.root_block).append((tab, name, component))
    return component


def _component(row: Setting, as_: type | None, chosen: bool) -> tuple[type, dict]:
    """The kind of component for a row, and its options from the table."""
    if row.kind in ("int", "float"):
        kind = as_ or (gr.Number if row.high > SLIDER_HIGH else gr.Slider)
        options = {"value": row.low if row.default is None else row.default}
        options |= {"minimum": row.low, "maximum": row.high, "step": row.step}
        if kind is gr.Number and row.kind == "int":
            options["precision"] = 0
        return kind, options
    if row.kind == "bool":
        return as_ or gr.Checkbox, {"value": bool(row.default)}
    if row.kind == "names":
        options = {"choices": list(row.choices), "value": list(row.default)}
        return as_ or gr.Dropdown, options | ({} if as_ else {"multiselect": True})
    if row.choices or chosen:
        return as_ or gr.Dropdown, {"choices": list(row.choices), "value": row.default}
    return as_ or gr.Textbox, {"value": row.default, "max_length": int(row.high)}


def registered(demo: gr.Blocks) -> list[tuple[str, str, gr.components.Component]]:
    """(tab, setting, component) of every control made inside `demo` so far."""
    if not hasattr(demo, "lab_controls"):
        demo.lab_controls = []
    return demo.lab_controls


class SafeImage(gr.Image):
    """A `gr.Image` whose upload goes through `images.open_picture`. (A class, for Gradio copies a component by it.)"""

    def get_block_name(self) -> str:
        return "image"

    def preprocess(self, payload):
        if payload is None or not payload.path:
            return None
        try:
            return images.open_picture(payload.path)
        except UserError as error:
            raise _shown(error) from error


def safe_image(**options) -> gr.Image:
    """A picture input whose function gets an upright RGB PIL picture, or None; options as for `gr.Image`."""
    look = {
        "label": _("Your picture"),
        "placeholder": _("Drop a picture here"),
        "sources": ["upload", "clipboard", "webcam"],
        "height": 150,
        "elem_classes": "lab-upload",
    }
    return SafeImage(**{"type": "pil", "format": "png"} | look | options)


def errors_shown(fn: Callable) -> Callable:
    """`fn` for an event: a UserError reaches the person as one sentence, anything else is logged and owned up to.

    Works for plain functions, generators and async functions, and keeps the signature, which Gradio reads.
    """
    if inspect.isgeneratorfunction(fn):

        @functools.wraps(fn)
        def shown(*args, **kwargs):
            try:
                yield from fn(*args, **kwargs)
            except Exception as error:
                raise _shown(error) from None

    elif inspect.iscoroutinefunction(fn):

        @functools.wraps(fn)
        async def shown(*args, **kwargs):
            try:
                return await fn(*args, **kwargs)
            except Exception as error:
                raise _shown(error) from None

    else:

        @functools.wraps(fn)
        def shown(*args, **kwargs):
            try:
                return fn(*args, **kwargs)
            except Exception as error:
                raise _shown(error) from None

    return shown


def _shown(error: Exception) -> gr.Error:
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, UserError):
        return gr.Error(say(error), print_exception=False, title=say("Please check"))
    log.error("An event failed", exc_info=error)
    return gr.Error(say(CALM), print_exception=False, title=say("Sorry"))
