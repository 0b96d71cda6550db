"""Receipts: a run as files that carry its settings, and those settings read back from a file dropped on the
page.

`files(records)` gives everything at once; every file name says what is in it. `read_receipt` takes what
anybody may have made of such a file since, so nothing in it is trusted: sizes are capped, each setting goes
through `settings.check`, and what doesn't pass is named and left out.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from playground import images, notebooks
from playground.errors import UserError
from playground.records import RunRecord, sha256
from playground.settings import DEFAULTS, check

KEYWORD = "playground"  # of the PNG's text chunk with the settings
START = "playground start"  # … and of the one with the picture that the run started from
FORMAT = "playground run 1"
MAX_JSON = 20_000_000
SIDE = 256  # movies and sheets are enlarged, each pixel a sharp square, to about this many pixels


@dataclass(frozen=True)
class Receipt:
    """What a dropped file says: valid settings, a sentence for each that was not, and the picture it is
    of."""

    settings: dict[str, object]
    messages: list[UserError]
    final: np.ndarray | None = None  # uint8 (H, W, 3)
    start: Image.Image | None = None

    @property
    def sha256(self) -> str | None:
        return None if self.final is None else sha256(self.final)


# ---------------------------------------------------------------- writing


def files(records: Sequence[RunRecord]) -> dict[str, bytes]:
    """Every kind of receipt of a run of one picture or several, by file name."""
    found = {}
    for record in records:
        found[f"{record.name}.png"] = png(record)
        found[f"{record.name}.json"] = to_json(record).encode()
        found[f"{record.name}.gif"] = movie(record, "GIF")
        found[f"{record.name}.webp"] = movie(record, "WEBP")
    found[f"{records[0].name}_sheet.png"] = sheet(records)
    found[f"{records[0].name}.ipynb"] = notebooks.notebook(records).encode()
    return found


def png(record: RunRecord) -> bytes:
    """The finished picture with its settings, as JSON, in a text chunk."""
    text = {KEYWORD: settings_text(record.settings)}
    if record.start is not None:
        text[START] = base64.b64encode(images.to_png(record.start)).decode("ascii")
    return images.to_png(record.final, text)


def settings_text(settings: Mapping[str, object]) -> str:
    return json.dumps(dict(settings), ensure_ascii=False, sort_keys=True)


def to_json(record: RunRecord) -> str:
    """The whole record: settings, hash, every step's numbers, and pictures as base64 of raw RGB bytes."""
    steps = [
        {"t": moment.t, "alpha_bar": moment.alpha_bar, "nfe": moment.nfe}
        | {view: _raw(getattr(moment, view)) for view in ("x", "x0_hat", "eps_hat")}
        for moment in record.steps
    ]
    height, width = record.final.shape[:2]
    content = {"format": FORMAT, "settings": dict(record.settings), "sha256": record.sha256, "height": height,
               "width": width, "final": _raw(record.final), "steps": steps}  # fmt: skip
    if record.start is not None:
        content["start"] = base64.b64encode(images.to_png(record.start)).decode("ascii")
    return json.dumps(content, ensure_ascii=False)


def _raw(pixels: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(pixels, np.uint8).tobytes()).decode("ascii")


def _enlarged(pixels: np.ndarray, side: int = SIDE) -> Image.Image:
    picture = Image.fromarray(pixels)
    times = max(1, side // max(picture.size))
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def _chosen(record: RunRecord, count: int) -> list:
    """At most `count` steps, evenly, with the first and the last."""
    places = np.linspace(0, len(record.steps) - 1, min(len(record.steps), count))
    return [record.steps[round(place)] for place in places]


def movie(record: RunRecord, fmt: str = "GIF") -> bytes:
    """x_t beside x̂0, step by step, the finished picture held for two seconds. GIF, or lossless WebP."""
    frames = []
    for moment in record.steps:
        frames.append(_enlarged(np.concatenate([moment.x, moment.x0_hat], axis=1), 2 * SIDE))
    frames.append(_enlarged(np.concatenate([record.final, record.final], axis=1), 2 * SIDE))
    times = [max(20, min(200, 4000 // len(frames)))] * (len(frames) - 1) + [2000]
    options = {"lossless": True, "method": 0} if fmt == "WEBP" else {"optimize": False}
    buffer = io.BytesIO()
    frames[0].save(buffer, fmt, save_all=True, append_images=frames[1:], duration=times, loop=0, **options)
    return buffer.getvalue()


def sheet(records: Sequence[RunRecord], columns: int = 8) -> bytes:
    """A contact sheet as PNG: a row a picture, its x_t from noise to the end, t written above, the seed
    beside it."""
    side = _enlarged(records[0].final, SIDE // 2).width
    gap, left, top = 6, 78, 22
    rows = [_chosen(record, columns) for record in records]
    size = (left + (columns + 1) * (side + gap), top + len(rows) * (side + gap + top))
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for y, (record, moments) in enumerate(zip(records, rows, strict=True)):
        above = y * (side + gap + top)
        draw.text((8, above + top + side // 2 - 6), f"seed {record.settings.get('seed', '')}", fill="black")
        pictures = [(moment.x, f"t {moment.t:.0f}") for moment in moments] + [(record.final, "final")]
        for x, (pixels, words) in enumerate(pictures):
            draw.text((left + x * (side + gap), above + 6), words, fill="black")
            page.paste(_enlarged(pixels, SIDE // 2), (left + x * (side + gap), above + top))
    return images.to_png(page, {KEYWORD: settings_text(records[0].settings)})


# ---------------------------------------------------------------- reading


def read_receipt(source: str | os.PathLike | bytes) -> Receipt:
    """The settings, and where it has one the picture, of a PNG or JSON file that this page once wrote.

    Raises UserError where the file is neither, is too large or damaged, or has no settings in it.
    """
    data = source if isinstance(source, bytes) else _read(source)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _of_png(data)
    try:
        content = json.loads(data[:MAX_JSON].decode("utf-8"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise UserError("That file is neither a PNG nor a JSON that this page wrote.") from error
    return _of_json(content)


def _read(path: str | os.PathLike) -> bytes:
    if not os.path.isfile(path):
        raise UserError("There is no such file.")
    with open(path, "rb") as file:
        data = file.read(MAX_JSON + 1)
    if len(data) > MAX_JSON:
        raise UserError("That file is too large: the limit is {limit} MB.", limit=MAX_JSON // 1_000_000)
    return data


def _of_png(data: bytes) -> Receipt:
    final = np.asarray(images.open_picture(data))
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            picture.load()
            text = {key: str(picture.text.get(key) or "") for key in (KEYWORD, START)}
        content = json.loads(text[KEYWORD]) if text[KEYWORD] else None
    except (ValueError, RecursionError, MemoryError, OSError, SyntaxError) as error:
        raise UserError("The settings inside that picture are damaged.") from error
    if not isinstance(content, dict):
        raise UserError("That picture has no settings of this page inside.")
    return _receipt(content, final, text[START])


def _of_json(content: object) -> Receipt:
    if not isinstance(content, dict):
        raise UserError("That file has no settings of this page inside.")
    settings = content.get("settings", content)
    if not isinstance(settings, dict):
        raise UserError("The settings inside that file are damaged.")
    final = None
    shape = (content.get("height"), content.get("width"), 3)
    if isinstance(content.get("final"), str) and all(type(n) is int and 0 < n <= 4096 for n in shape):
        try:
            raw = base64.b64decode(content["final"], validate=True)
            final = np.frombuffer(raw, np.uint8).reshape(shape)
        except ValueError as error:
            raise UserError("The picture inside that file is damaged.") from error
    return _receipt(settings, final, content.get("start"))


def _receipt(raw: Mapping, final: np.ndarray | None, start: object) -> Receipt:
    settings, messages = {}, []
    for name in DEFAULTS:
        if raw.get(name) is None or name == "tab":
            continue
        try:
            settings[name] = check(name, raw[name])
        except UserError as error:
            messages.append(error)
    if not settings and not messages:
        raise UserError("That file has no settings of this page inside.")
    picture = None
    if isinstance(start, str) and start:
        try:
            picture = images.open_picture(base64.b64decode(start, validate=True))
        except (ValueError, UserError):
            messages.append(UserError("The picture that the run started from could not be read."))
    return Receipt(settings, messages, final, picture)
