"""The link: the settings of the whole page in its address, shared, restored, reset, hidden and locked.

Call `link` last in the Blocks: it connects every component that `controls.control` made so far.
"""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr

from playground import checkpoints
from playground.errors import UserError
from playground.images.bundled import PICTURES
from playground.models.devices import available_devices
from playground.page.controls import QUIET, building
from playground.page.translations import say
from playground.page.undocumented import english
from playground.page.widgets import widget
from playground.runs.rows import TABS, Setting
from playground.runs.settings import DEFAULTS, from_query
from playground.theory.clouds import DRAWN, SHAPES

STORE = "await lab('lib/settings.js')"
MAX_QUERY = 8000  # characters; a longer one is no link of ours


def link(demo: gr.Blocks, tabs: Mapping[str, gr.Tab], elem_id: str = "link") -> gr.HTML:
    """The bar with Copy link, Reset and the list of keys, and all the wiring of the page's controls.

    Controls of one name follow each other, in tabs that nobody has opened yet as well. The address follows
    them, and on load they follow the address: `?tab=generate&seed=7&sampler=ddim&t=600`; what is out of range
    falls back with a line that says so. `hide=eta,spacing` and `lock=seed` take names of settings (`hide`
    also of tabs); "Show all controls", or `reveal` in the address, brings them back.
    """
    page = building()
    controls = list(page.controls)
    about = {
        "table": list(DEFAULTS),
        "controls": [
            {"tab": tab, "name": name, "value": component.value} | _range(DEFAULTS[name])
            for tab, name, component in controls
        ],
        "words": {name: words for _tab, name, component in reversed(controls) if (words := _words(component))},
        "defaults": {name: row.default for name, row in page.table.items()},
        "tabs": {name: english(tab.label) for name, tab in tabs.items()},
    }
    bar = widget("link", elem_id=elem_id, events=("follow",), page=about)
    quiet = QUIET | {"queue": False}
    for index, (_tab, name, component) in enumerate(controls):
        others = [other for _t, same, other in controls if same == name and other is not component]
        component.change(None, component, others, js=_told(index, len(others)), **quiet)
    outputs = [component for _tab, _name, component in controls]
    bar.follow(None, None, outputs, js=f"async () => ({STORE}).take()", **quiet)
    for name, tab in tabs.items():
        tab.select(None, None, None, js=f"async () => {{ ({STORE}).tab({name!r}); }}", **quiet)

    def linked(request: gr.Request) -> dict:
        return read(request, page.start("checkpoint"))

    demo.load(linked, None, bar, **quiet)
    return bar


def _range(row: Setting) -> dict:
    """What a number may be, for the page to know."""
    return {"low": row.low, "high": row.high, "whole": row.kind == "int"} if row.kind in ("int", "float") else {}


def _words(component: gr.Component) -> dict:
    """What a person reads for each value of a choice, in English, where that is not the value itself."""
    choices = getattr(component, "choices", None) or ()
    return {str(value): english(label) for label, value in choices if english(label) != str(value)}


def _told(index: int, others: int) -> str:
    """The script of control `index`: the store hears of its value, and its namesakes get it."""
    skip = "{__type__: 'update'}"
    if not others:
        return f"async (value) => {{ ({STORE}).changed({index}, value); }}"
    one = f"(got ? {{__type__: 'update', value: got.value}} : {skip})"
    result = one if others == 1 else f"Array({others}).fill({one})"
    return f"async (value) => {{ const got = ({STORE}).changed({index}, value); return {result}; }}"


def read(request: gr.Request, checkpoint: str | None = None) -> dict:
    """What the address asks for: valid settings, a sentence for each that is not, and what to hide and to lock.

    checkpoint: the model that the page starts with."""
    query = dict(request.query_params) if request is not None else {}
    if sum(len(key) + len(value) for key, value in query.items()) > MAX_QUERY:
        query = {}
    return wanted(query, request, checkpoint)


def missing(values: Mapping[str, object], checkpoint: str | None = None) -> dict[str, UserError]:
    """Those of some settings that name what is not here, each with its sentence."""
    models, first = checkpoints.list_checkpoints(), checkpoint or DEFAULTS["checkpoint"].default
    here = {
        "checkpoint": models,
        "device": ("auto", *available_devices()),
        "picture": ("", *PICTURES),
        "other_picture": ("", *PICTURES),
        "dataset": (*SHAPES, DRAWN),
    }
    if values.get("style") != DEFAULTS["style"].default:  # a model without that one has another default
        model = values.get("checkpoint")
        here["style"] = ("", *checkpoints.outline(model if model in models else first).styles)
    sentence = "{label}: there is no “{name}” here; there are {names}."
    return {
        name: UserError(sentence, label=DEFAULTS[name].label, name=values[name], names=", ".join(filter(None, known)))
        for name, known in here.items()
        if name in values and values[name] not in known
    }


def present(query: Mapping[str, str], checkpoint: str | None = None) -> tuple[dict, list[UserError]]:
    """The settings of a query, less those that name what is not here; and a sentence for each that is not taken."""
    values, errors = from_query(query)
    strange = missing(values, checkpoint)
    return {name: value for name, value in values.items() if name not in strange}, [*errors, *strange.values()]


def wanted(query: Mapping[str, str], request: gr.Request | None = None, checkpoint: str | None = None) -> dict:
    """The bar's value for a query. What names a thing that is not here is left as it is, with one sentence."""
    values, errors = present(query, checkpoint)
    messages = [
        f"{say(error, request)} {say('The link asks for it; the default is used.', request)}" for error in errors
    ]
    lists = {}
    for key, known in (("hide", (*DEFAULTS, *TABS)), ("lock", tuple(DEFAULTS))):
        names = [name.strip() for name in query.get(key, "").split(",") if name.strip()]
        lists[key] = [] if "reveal" in query else [name for name in names if name in known]
        for name in names:
            if name not in known:
                messages.append(say(UserError("There is no setting called “{name}”.", name=name[:40]), request))
    return {"settings": values, "messages": messages, **lists}
