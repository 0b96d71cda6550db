"""Named endpoints for scripts: typed functions in, PNG files and the settings used out.

``client.predict(prompt="cat face", api_name="/generate")``: every parameter has a default and a plain name.
`gr.api` passes raw JSON and leaves files to the caller; an event on the page's own components takes over their
limits and their unhelpful errors. So an endpoint here is a button nobody sees, with one raw parameter for each
argument of the function, a real `gr.File` for the pictures and a real `gr.JSON` for the settings. Whatever the
caller sends is checked here: by `check`, by `images.open_picture`, and for anything else by its type.

All of them stand on a page of their own, which `endpoint_page` makes: 340 components that nobody ever sees would be
a third of what every browser has to build before it shows anything.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence

import gradio as gr
from PIL import Image

from playground import images
from playground.errors import UserError
from playground.page.controls import Page, building, errors_shown
from playground.page.translations import _
from playground.page.undocumented import RawValue, file_schema, kept_file, sent_file
from playground.runs.rows import Setting
from playground.runs.settings import check, shorten

PATH = "endpoints"  # the address of their page
CALLS = 64  # endpoint calls at once; the engine's queue decides from there
MAX_JSON = 20_000  # characters of a value that is no setting and no picture
MAX_NUMBER = 1e12
SETTING_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "names": "array"}
TYPES = {  # what a plain parameter may be: its name in JSON schemas and in sentences
    bool: ("boolean", "true or false"), int: ("integer", "a whole number"), float: ("number", "a number"),
    str: ("string", "text"), list: ("array", "a list"), dict: ("object", "an object"),
}  # fmt: skip


def endpoint(
    fn: Callable,
    api_name: str,
    *,
    settings: Sequence[str] = (),
    defaults: Mapping[str, object] | None = None,
    description: str | None = None,
) -> None:
    """``fn(values, **own)`` becomes the endpoint "/api_name" of the page being built, made by its `endpoint_page`.

    Args:
        settings: names of settings, which become parameters of the endpoint and come to `fn` as its first argument, a
            dict. Each is checked by the table; a missing one is at the page's default. Only a schedule, where the
            endpoint takes a checkpoint too, is None then: the model's own. A name that is a parameter of `fn` says
            where among the settings that one stands; the others of `fn`'s own come first.
        defaults: {setting: what it is where missing} in place of the table's.
        description: what the page's API says of it, else `fn`'s docstring.

    `fn` without `settings` takes no dict. One of its own parameters that is annotated `Image.Image` (whatever its
    name) is a file, given to `fn` as an upright RGB picture or None. Any other (`float`, `int`, `bool`, `str`,
    `list`, `dict`, by annotation or default) is checked by its type and kept small.

    `fn` returns ``(pictures, settings)`` or just ``settings``: a list of PNG bytes, PIL pictures, tensors in
    [−1, 1], or ``(file name, any of these)``, and a dict of plain JSON. Of a generator the last value counts.
    """
    settings = tuple(dict.fromkeys(settings))
    own = list(inspect.signature(fn).parameters.values())[1 if settings else 0 :]
    hints = inspect.get_annotations(fn, eval_str=True)
    page, defaults = building(), defaults or {}
    table = page.table
    if amiss := {parameter.name for parameter in own} & set(table) | set(defaults) - set(settings):
        raise TypeError(f"For /{api_name} name these in settings=: {sorted(amiss)}.")
    rules_of_own = {p.name: _rule(p.name, hints.get(p.name), p.default) for p in own}
    rules = {name: rule for name, rule in rules_of_own.items() if name not in settings}
    for name in settings:
        left_open = name == "schedule" and "checkpoint" in settings
        rules[name] = rules_of_own.get(name) or _setting_rule(table[name], defaults.get(name), left_open)

    def call(*values):
        taken = {name: take(value) for (name, (take, *_)), value in zip(rules.items(), values, strict=True)}
        given = {name: taken.pop(name) for name in settings if name not in rules_of_own}
        result = fn(given, **taken) if settings else fn(**taken)
        if inspect.isgenerator(result):
            *_, result = result
        pictures, used = result if isinstance(result, tuple) else ([], result)
        return [_file(k, picture) for k, picture in enumerate(pictures)], used

    # Gradio reads the names from this signature, and a missing value is optional where the default here is None.
    optional = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in rules]
    call.__signature__ = inspect.Signature(optional)
    call.__name__ = api_name

    def make() -> None:
        inputs = [RawValue(default, schema, name) for name, (_take, schema, default) in rules.items()]
        outputs = [gr.File(file_count="multiple", label="pictures"), gr.JSON(label="settings")]
        gr.Button(api_name).click(
            errors_shown(call),
            inputs,
            outputs,
            api_name=api_name,
            api_description=description or inspect.getdoc(fn),
            show_progress="hidden",
            concurrency_limit=CALLS,
            concurrency_id="endpoints",
        )

    page.endpoints.append(make)


def endpoint_page(demo: gr.Blocks, page: Page) -> None:
    """Makes the endpoints that the page's tabs have registered, after the tabs and outside of their Blocks."""
    with demo.route("Endpoints", PATH, show_in_navbar=False):
        gr.Markdown(
            _("This page is for scripts. gradio_client takes the address of the page itself and lists them all.")
        )
        with gr.Column(visible=False):
            for make in page.endpoints:
                make()


Rule = tuple[Callable[[object], object], dict, object]  # raw value → argument, its JSON schema, its shown default


def _rule(name: str, hint: object, default: object) -> Rule:
    given = None if default is inspect.Parameter.empty else default
    if hint is Image.Image or Image.Image in getattr(hint, "__args__", ()):
        return functools.partial(_picture, name), file_schema(), None
    kind = next((kind for kind in TYPES if hint is kind or isinstance(given, kind)), None)
    if kind is None or default is inspect.Parameter.empty:
        raise TypeError(f"Parameter {name} of an endpoint needs a plain type and a default.")
    schema = {"type": TYPES[kind][0]} | ({"items": {}} if kind is list else {})
    return functools.partial(_plain, name, kind, given), schema, given


def _setting_rule(row: Setting, given: object, left_open: bool) -> Rule:
    """The rule of a setting; one that is `left_open` stays None where it is missing."""
    default = None if left_open else row.default if given is None else given
    default = list(default) if isinstance(default, tuple) else default
    schema: dict = {"type": SETTING_TYPES.get(row.kind, "string")}
    if row.kind == "names":
        schema["items"] = {"type": "string"}

    def take(value: object) -> object:
        value = default if value is None else value
        return None if value is None else check(row.name, value)

    return take, schema, default


def _picture(name: str, value: object) -> Image.Image | None:
    if value is None:
        return None
    path = sent_file(value)
    if path is None:
        raise UserError("{name} must be a file, as gradio_client's handle_file(path) sends it.", name=name)
    if not os.path.isfile(path):
        raise UserError("The file for {name} has not arrived.", name=name)
    return images.open_picture(path)


def _plain(name: str, kind: type, default: object, value: object) -> object:
    """A value no setting knows: of its type, finite, and small."""
    if value is None:
        return default
    if kind is int and isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or isinstance(value, bool) and kind is not bool:
        sentence = "{name} must be {kind}; you gave {value}."
        raise UserError(sentence, name=name, kind=TYPES[kind][1], value=shorten(value))
    try:
        length = len(json.dumps(value, allow_nan=False))
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError("{name} must hold finite numbers and plain text only.", name=name) from error
    if length > MAX_JSON:
        raise UserError("{name} is too long: {length} characters, and the limit is {limit}.", name=name,
                        length=length, limit=MAX_JSON)  # fmt: skip
    if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
        raise UserError("{name} is too large: {value}.", name=name, value=shorten(value))
    return kind(value)


def _file(k: int, picture: object) -> str:
    """The path of one result as a PNG."""
    file_name, picture = picture if isinstance(picture, tuple) else (f"picture-{k}.png", picture)
    data = picture if isinstance(picture, bytes) else images.to_png(picture)
    return kept_file(data, file_name)
