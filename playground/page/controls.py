"""The page being built, components made from its table of settings, and errors as a person meets them."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

import gradio as gr

from playground import images
from playground.engine import Runner
from playground.errors import UserError
from playground.page.kept import Kept
from playground.page.translations import _, say
from playground.page.undocumented import Number, Upload
from playground.runs import engine_for
from playground.runs.rows import Setting
from playground.runs.settings import DEFAULTS

QUIET = {"show_progress": "hidden", "api_visibility": "private"}  # for an event of the page's own
HURRIED = QUIET | {"concurrency_limit": 8}  # and for one that follows a control while it is moved

log = logging.getLogger("playground")

CALM = "Something went wrong here, and it has been noted. Please try again; the rest of the page still works."
SLIDER_HIGH = 5000  # a number that goes further is typed

_building: ContextVar[Page] = ContextVar("the page being built")


@dataclass
class Page:
    """The page while it is built: the table of settings it starts with, and its controls so far.

    ``with Page(table) as page: …`` makes it the one that `control` and the parts of the tabs belong to.

    Args:
        table: as `settings.with_defaults` gives it.
        opened: gives the engine for (checkpoint, device).
        training: "class" (the same settings are one training), "own" (each person's is a training) or "off".
    """

    table: Mapping[str, Setting] = field(default_factory=lambda: DEFAULTS)
    opened: Callable[[object, object], Runner] = engine_for
    controls: list[tuple[str, str, gr.components.Component]] = field(default_factory=list)  # (tab, setting, component)
    given: list[tuple[gr.HTML, gr.Image | None]] = field(default_factory=list)  # see parts.given
    endpoints: list[Callable[[], None]] = field(default_factory=list)  # what makes each: see `endpoint_page`
    training: str = "class"
    answers: Kept = field(default_factory=Kept)  # what a learner has answered to lessons and worksheets
    corners: list[Kept] = field(default_factory=list)  # where each tab keeps a session's last run
    trained: tuple = ()  # (where the Train tab shows a training, where its net can be kept), for each kind

    def __enter__(self) -> Page:
        self._token = _building.set(self)
        return self

    def __exit__(self, *_error) -> None:
        _building.reset(self._token)

    def start(self, name: str) -> object:
        """What setting `name` is before anybody has changed it."""
        return self.table[name].default

    def engine(self, checkpoint: object = None) -> Runner:
        """The engine for a checkpoint, on the page's device. Raises UserError."""
        return self.opened(self.start("checkpoint") if checkpoint is None else checkpoint, self.start("device"))


def building() -> Page:
    """The page that is being built; outside of one, a page of its own with the table as it is.

    Only for building: an event that needs to know what the page started with keeps it in a variable.
    """
    return _building.get(None) or Page()


def control(name: str, tab: str, as_: type | None = None, **overrides):
    """The component for setting `name` in `tab`: label, limits, start value and help from the table, id "tab-name".

    `as_` asks for another kind of component (``as_=gr.Radio``); `overrides` go to its constructor as they are
    (``choices=``, ``info=None``, ``value=``, ``visible=``). Controls of one name follow each other in the page.
    """
    page = building()
    row = page.table[name]
    kind, options = _component(row, as_, "choices" in overrides)
    options |= {"label": _(row.label), "elem_id": f"{tab}-{name}"}
    if row.help:
        options["info"] = _(row.help)
    component = kind(**options | overrides)
    page.controls.append((tab, name, component))
    return component


def _component(row: Setting, as_: type | None, chosen: bool) -> tuple[type, dict]:
    """The kind of component for a row, and its options from the table."""
    if row.kind in ("int", "float"):
        kind = as_ or (gr.Number if row.high > SLIDER_HIGH else gr.Slider)
        kind = Number if kind is gr.Number else kind
        options = {"value": row.low if row.default is None else row.default}
        options |= {"minimum": row.low, "maximum": row.high, "step": row.step}
        return kind, options
    if row.kind == "bool":
        return as_ or gr.Checkbox, {"value": bool(row.default)}
    if row.kind == "names":
        options = {"choices": list(row.choices), "value": list(row.default)}
        return as_ or gr.Dropdown, options | ({} if as_ else {"multiselect": True})
    if row.choices or chosen:
        return as_ or gr.Dropdown, {"choices": list(row.choices), "value": row.default}
    return as_ or gr.Textbox, {"value": row.default, "max_length": int(row.high)}


class SafeImage(Upload):
    """An upload that goes through `images.open_picture`. Gradio makes copies of a component from its class, so this
    can't be a function that changes one."""

    def read(self, path):
        try:
            return images.open_picture(path)
        except UserError as error:
            raise _shown(error) from error


def safe_image(**options) -> gr.Image:
    """A picture input whose function gets an upright RGB PIL picture, or None; options as for `gr.Image`."""
    look = {
        "label": _("Your picture"),
        "placeholder": _("Drop a picture here"),
        "sources": ["upload", "clipboard", "webcam"],
        "height": 150,
        "elem_classes": ["lab-upload", "lab-sets-picture"],
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


def answered(fn: Callable[[object], dict]) -> Callable[..., dict]:
    """A function the page calls directly: a UserError is its answer's "error", a sentence."""

    def answer(asked, request: gr.Request = None):  # Gradio reads the signature, and gives the request
        try:
            return fn(asked)
        except UserError as error:
            return {"error": say(error, request)}

    answer.__name__ = fn.__name__
    return answer


def _shown(error: Exception) -> gr.Error:
    if isinstance(error, gr.Error):
        return error
    if isinstance(error, UserError):
        return gr.Error(say(error), print_exception=False, title=say("Please check"))
    log.error("An event failed", exc_info=error)
    return gr.Error(say(CALM), print_exception=False, title=say("Sorry"))
