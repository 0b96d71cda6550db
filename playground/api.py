"""Named endpoints for scripts: typed functions in, PNG files and the settings used out.

``client.predict(prompt="cat face", api_name="/generate")``: every parameter has a default and a plain name. `gr.api`
passes raw JSON and leaves files to the caller, and an event on the page's own components takes over their limits and
their unhelpful errors; so an endpoint here is a button nobody sees, with one raw parameter for each argument of the
function, a real `gr.File` for the pictures and a real `gr.JSON` for the settings. The parameters are validated by
`settings.check` (files by `images.open_picture`), whatever the caller sends.
"""

from __future__ import annotations

import functools
import inspect
import json
import math
import os
from collections.abc import Callable, Mapping

import gradio as gr
from gradio import processing_utils
from gradio.components.api_component import Api
from gradio.data_classes import FileData
from gradio.utils import get_upload_folder
from PIL import Image

from playground import images, settings
from playground.controls import errors_shown
from playground.errors import UserError

LIMIT = 64  # endpoint calls at once; the engine's queue decides from there
SCHEMA = {"int": "integer", "float": "number", "bool": "boolean", "names": "array"}

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "an object"}


class Parameter(Api):
    """One raw JSON value. Addresses are not fetched for the caller: a picture is sent as a file."""

    def get_block_name(self) -> str:
        return "api"

    async def async_move_resource_to_block_cache(self, url_or_file_path):
        if str(url_or_file_path).lower().startswith(("http:", "https:")):
            raise gr.Error("Please send the picture itself, not its address.", print_exception=False)
        return await super().async_move_resource_to_block_cache(url_or_file_path)


def endpoint(fn: Callable, api_name: str, *, description: str | None = None) -> None:
    """Registers `fn` as the endpoint "/api_name" of the Blocks being built.

    `fn`'s own parameters are the endpoint's. One named like a setting is checked by the table, and its missing value is
    the function's default if that isn't None, else the table's; one annotated `Image.Image` (whatever its name) is a file,
    given to `fn` as an upright RGB picture or None; any other (`float`, `int`, `bool`, `str`, `list`, `dict`) is checked by
    its annotation and kept small. `fn` returns ``(pictures, settings)`` or just ``settings``: pictures is a list of PNG
    bytes, PIL pictures, tensors in [−1, 1], or ``(file name, any of these)``; settings is a dict of plain JSON. A
    generator is run to its end and its last value counts.
    """
    parameters = inspect.signature(fn).parameters
    hints = inspect.get_annotations(fn, eval_str=True)
    rules = {name: _rule(name, hints.get(name), p.default) for name, p in parameters.items()}

    def call(*values):
        arguments = {name: take(value) for (name, (take, _s, _d)), value in zip(rules.items(), values, strict=True)}
        result = fn(**arguments)
        if inspect.isgenerator(result):
            *_, result = result
        pictures, used = result if isinstance(result, tuple) else ([], result)
        return [_file(k, picture) for k, picture in enumerate(pictures)], used

    # Gradio reads names from this signature, and takes a missing value as optional where the default is None.
    call.__signature__ = inspect.Signature([p.replace(default=None, annotation=p.empty) for p in parameters.values()])
    call.__name__ = api_name
    with gr.Column(visible=False):
        inputs = [Parameter(default, schema, name) for name, (_t, schema, default) in rules.items()]
        outputs = [gr.File(file_count="multiple", label="pictures"), gr.JSON(label="settings")]
        gr.Button(api_name).click(
            errors_shown(call), inputs, outputs, api_name=api_name, show_progress="hidden",
            api_description=description or inspect.getdoc(fn), concurrency_limit=LIMIT, concurrency_id="endpoints",
        )  # fmt: skip


def _rule(name: str, hint: object, default: object) -> tuple[Callable, dict, object]:
    """(how a raw value becomes an argument, its JSON schema, the default the caller is told) of one parameter."""
    if default is inspect.Parameter.empty and name not in settings.DEFAULTS and not _is_picture(hint):
        raise TypeError(f"Parameter {name} of an endpoint needs a default.")
    default = None if default is inspect.Parameter.empty else default
    if _is_picture(hint):
        return functools.partial(_picture, name), FileData.model_json_schema(), None
    if name in settings.DEFAULTS:
        row = settings.DEFAULTS[name]
        start = row.default if default is None else default
        schema = {"type": SCHEMA.get(row.kind, "string")} | ({"items": {"type": "string"}} if row.kind == "names" else {})
        start = list(start) if isinstance(start, tuple) else start
        return (lambda value: settings.check(name, start if value is None else value)), schema, start
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    kind = next((k for k in kinds if hint is k or isinstance(default, k)), None)
    if kind is None:
        raise TypeError(f"Parameter {name} of an endpoint needs a plain type, not {hint}.")
    schema = {"type": kinds[kind]} | ({"items": {}} if kind is list else {})
    return functools.partial(_plain, name, kind, default), schema, default


def _is_picture(hint: object) -> bool:
    return hint is Image.Image or Image.Image in getattr(hint, "__args__", ())


def _picture(name: str, value: object) -> Image.Image | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or (value.get("meta") or {}).get("_type") != "gradio.FileData":
        raise UserError("{name} must be a file, as gradio_client's handle_file(path) sends it.", name=name)
    if not os.path.isfile(str(value.get("path", ""))):
        raise UserError("The file for {name} has not arrived.", name=name)
    return images.open_picture(value["path"])


def _plain(name: str, kind: type, default: object, value: object) -> object:
    """A value no setting knows: of its type, finite, at most 20,000 characters of JSON."""
    if value is None:
        return default
    wanted = (int, float) if kind is float else kind
    if not isinstance(value, wanted) or isinstance(value, bool) and kind is not bool:
        if not (kind is int and isinstance(value, float) and math.isfinite(value) and value == int(value)):
            raise UserError("{name} must be {kind}; you gave {value}.", name=name, kind=KINDS[kind],
                            value=settings.shorten(value))  # fmt: skip
    try:
        if len(json.dumps(value, allow_nan=False)) > 20_000:
            raise UserError("{name} is too long.", name=name)
    except (ValueError, TypeError, RecursionError) as error:
        raise UserError("{name} must hold finite numbers and plain text only.", name=name) from error
    if isinstance(value, int | float) and abs(value) > 1e12:
        raise UserError("{name} is too large: {value}.", name=name, value=settings.shorten(value))
    return kind(value)


def _file(k: int, picture: object) -> str:
    """One result as a PNG in Gradio's cache (unguessable folder, swept by `delete_cache`); returns its path."""
    file_name, picture = picture if isinstance(picture, tuple) else (f"picture-{k}.png", picture)
    data = picture if isinstance(picture, bytes) else images.to_png(picture)
    return processing_utils.save_bytes_to_cache(data, file_name, get_upload_folder())
