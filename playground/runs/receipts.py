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
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from playground import images
from playground.errors import UserError
from playground.images import encoded
from playground.images.sheets import captioned, enlarged, tiled
from playground.runs import notebooks
from playground.runs.records import Moment, RunRecord, same_picture, sha256
from playground.runs.settings import DEFAULTS, check, shorten

KEYWORD = "playground"  # of the PNG's text chunk with the settings
PICTURES = ("start", "other")  # that a run started from, the other mixed into it: "playground start", …
BITS = ("mask", "lines")  # of what else a run may have been given, as pictures: "playground mask", "playground lines"
FORMAT = "playground run 1"
MAX_JSON = 20_000_000
PIXEL_BYTES = 8_000_000  # of the steps in a JSON record
MOVIE_WIDTH = 512
MAX_SIDE = 4096  # of a picture in a JSON that is read
SHEET_SIDE, SHEET_STEPS = 128, 8
BETWEEN_SEEDS = ("share",)  # no setting of the page: how far from one seed to the other
# What an endpoint says besides the settings it used.
REPORTED = (
    "pictures", "nfe", "unknown_words", "device", "seconds", "steps_per_second", "lanes", "apart", "numbers",
    "strengths", "grid", "runtime",
)  # fmt: skip


@dataclass(frozen=True)
class Receipt:
    """What a dropped file says: valid settings, a sentence for each that was not, and the picture it is
    of."""

    settings: dict[str, object]
    messages: list[UserError]
    final: np.ndarray | None = None  # uint8 (H, W, 3)
    start: Image.Image | None = None
    other: Image.Image | None = None
    mask: np.ndarray | None = None  # bool (H, W), as in a RunRecord
    lines: np.ndarray | None = None
    hashes: tuple[str, ...] = ()  # of that picture, or of those that a report names

    @property
    def sha256(self) -> str | None:
        return None if self.final is None else sha256(self.final)

    def compared(self, pictures: Sequence[np.ndarray]) -> str:
        """One sentence on whether the picture is among those of a run, uint8 (H, W, 3) each: a receipt is of one of two
        lanes, or of a picture between two seeds, and does not say which button made it."""
        if self.final is None:
            known = [picture for picture in pictures if sha256(picture) in self.hashes]
            return same_picture((known or pictures)[0], sha256(known[0]) if known else self.hashes[0])
        alike = [picture for picture in pictures if picture.shape == self.final.shape]
        gaps = [np.abs(picture.astype(int) - self.final).sum() for picture in alike]
        return same_picture(alike[int(np.argmin(gaps))] if alike else pictures[0], self.final)


# ---------------------------------------------------------------- writing


def files(records: Sequence[RunRecord], answers: Sequence[Mapping] = ()) -> dict[str, bytes]:
    """Every kind of receipt of a run of one picture or several, by file name; a learner's `answers` are in the JSON."""
    found: dict[str, bytes] = {}
    for record in records:
        same = sum(other.startswith(record.name) for other in found)  # lanes may differ in what a name leaves out
        found[f"{record.name}{f'_{same + 1}' if same else ''}.png"] = png(record)
    run = records[0].name + (f"_{len(records)}-pictures" if len(records) > 1 else "")
    return found | {
        f"{run}_sheet.png": sheet(records),
        f"{run}.gif": movie(records, "GIF"),
        f"{run}.webp": movie(records, "WEBP"),
        f"{run}.json": to_json(records, answers).encode(),
        f"{run}.ipynb": notebooks.notebook(records).encode(),
    }


def png(record: RunRecord) -> bytes:
    """The finished picture with its settings, as JSON, in a text chunk."""
    given = {f"{KEYWORD} {name}": picture for name, picture in _given(record).items()}
    return images.to_png(record.final, {KEYWORD: settings_text(record.settings)} | given)


def _given(record: RunRecord) -> dict[str, str]:
    """What the run was given, as PNG in base64: pictures; mask and lines in white on black."""
    found = {name: getattr(record, name) for name in (*PICTURES, *BITS)}
    found |= {name: bits * np.uint8(255) for name in BITS if (bits := found[name]) is not None}
    return {name: encoded(images.to_png(each)) for name, each in found.items() if each is not None}


def settings_text(settings: Mapping[str, object]) -> str:
    return json.dumps(dict(settings), ensure_ascii=False, sort_keys=True)


def to_json(records: Sequence[RunRecord], answers: Sequence[Mapping] = ()) -> str:
    """The whole run: of each picture settings, hash, every step's numbers, and pictures as base64 of raw RGB bytes.

    Where those of all steps would be over `PIXEL_BYTES`, only every second step has them, every third, …
    """
    raw = sum(9 * len(record.steps) * record.final.shape[0] * record.final.shape[1] for record in records)
    every = max(1, math.ceil(raw / PIXEL_BYTES))
    content = {"format": FORMAT, "pictures": [_as_dict(record, every) for record in records]}
    return json.dumps(content | ({"answers": list(answers)} if answers else {}), ensure_ascii=False)


def _as_dict(record: RunRecord, every: int) -> dict:
    height, width = record.final.shape[:2]
    content = {"settings": dict(record.settings), "sha256": record.sha256, "height": height, "width": width}
    content |= _given(record)
    if record.timing is not None:
        content["timing"] = dict(record.timing)
    content |= {"final": encoded(record.final), "steps": []}
    for k, moment in enumerate(record.steps):
        step = {"t": moment.t, "alpha_bar": moment.alpha_bar, "nfe": moment.nfe}
        if k % every == 0:
            step |= {view: encoded(getattr(moment, view)) for view in ("x", "x0_hat", "eps_hat")}
        content["steps"].append(step)
    return content


def _chosen(record: RunRecord, count: int) -> list[Moment]:
    """`count` steps, evenly, with the first and the last; some repeated where there are fewer."""
    return [record.steps[round(place)] for place in np.linspace(0, len(record.steps) - 1, count)]


def movie(records: Sequence[RunRecord], fmt: str = "GIF") -> bytes:
    """A column a picture: x_t, below it x̂0, step by step; the finished pictures held for two seconds.

    GIF (256 colours) or lossless WebP. Runs of different lengths start and end together.
    """
    count = max(len(record.steps) for record in records)
    columns = []
    for record in records:
        steps = [(moment.x, moment.x0_hat) for moment in _chosen(record, count)]
        columns.append([*steps, (record.final, record.final)])
    frames = [Image.fromarray(tiled(zip(*pairs, strict=True))) for pairs in zip(*columns, strict=True)]
    if fmt == "GIF":
        frames = [frame.quantize(256) for frame in frames]  # colours are counted while the frame is small
    frames = [enlarged(frame, MOVIE_WIDTH) for frame in frames]
    times = [max(20, min(200, 4000 // len(frames)))] * (len(frames) - 1) + [2000]
    options = {"lossless": True, "method": 0} if fmt == "WEBP" else {"optimize": False}
    buffer = io.BytesIO()
    frames[0].save(buffer, fmt, save_all=True, append_images=frames[1:], duration=times, loop=0, **options)
    return buffer.getvalue()


def sheet(records: Sequence[RunRecord]) -> bytes:
    """A contact sheet as PNG: a row a picture, x_t from noise to the end with its t below it, and the seed."""
    rows = []
    for record in records:
        seed = f"seed {record.settings.get('seed', '')}"
        shown = [(step.x, (f"t {step.t:.0f}", "")) for step in _chosen(record, SHEET_STEPS)]
        rows.append([*shown, (record.final, ("final", seed))])
    return images.to_png(captioned(rows, SHEET_SIDE, 14), {KEYWORD: settings_text(records[0].settings)})


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
            keys = {"settings": KEYWORD} | {name: f"{KEYWORD} {name}" for name in (*PICTURES, *BITS)}
            text = {name: str(picture.text.get(key) or "") for name, key in keys.items()}
        content = json.loads(text.pop("settings") or "null")
    except (ValueError, RecursionError, MemoryError, OSError, SyntaxError) as error:
        raise UserError("The settings inside that picture are damaged.") from error
    if not isinstance(content, dict):
        raise UserError("That picture has no settings of this page inside.")
    return _receipt(content, final, text)


def _of_json(content: object) -> Receipt:
    if not isinstance(content, dict):
        raise UserError("That file has no settings of this page inside.")
    pictures = content.get("pictures")
    listed = isinstance(pictures, list) and pictures and all(isinstance(each, dict) for each in pictures)
    if listed and "settings" in pictures[0]:  # the record of a run
        content = pictures[0]
    settings = content.get("settings", content)
    if not isinstance(settings, dict):
        raise UserError("The settings inside that file are damaged.")
    if listed and "settings" not in pictures[0]:  # what an endpoint returns: settings, and what came of them
        alike = not {"lanes", "strengths", "grid", "share"} & set(content)  # of seeds that follow each other
        made = {"count": min(len(pictures), DEFAULTS["count"].high)} if alike else {}
        settings = made | {name: value for name, value in settings.items() if name not in REPORTED}
        return _receipt(settings, None, {}, tuple(str(each.get("sha256"))[:64] for each in pictures[:64]))
    final = None
    shape = (content.get("height"), content.get("width"), 3)
    if isinstance(content.get("final"), str) and all(type(n) is int and 0 < n <= MAX_SIDE for n in shape):
        try:
            raw = base64.b64decode(content["final"], validate=True)
            final = np.frombuffer(raw, np.uint8).reshape(shape)
        except ValueError as error:
            raise UserError("The picture inside that file is damaged.") from error
    hashes = tuple(str(each.get("sha256"))[:64] for each in pictures[:64]) if listed else ()
    return _receipt(settings, final, content if "settings" in content else {}, hashes)


def _receipt(raw: Mapping, final: np.ndarray | None, given: Mapping, hashes: tuple[str, ...] = ()) -> Receipt:
    """`given`: what the run was given, pictures in base64: `PICTURES` and `BITS`."""
    settings, messages = {}, []
    strange = [shorten(name, 20) for name in raw if name not in DEFAULTS and name not in ("format", *BETWEEN_SEEDS)]
    for name in DEFAULTS:
        if raw.get(name) is None or name == "tab":
            continue
        try:
            settings[name] = check(name, raw[name])
        except UserError as error:
            messages.append(error)
    if not settings and not messages:
        raise UserError("That file has no settings of this page inside.")
    if strange:
        names = ", ".join(strange[:5]) + (" …" if len(strange) > 5 else "")
        messages.append(UserError("Not known here, and left out: {names}.", names=names))
    if BETWEEN_SEEDS[0] in raw:
        messages.append(UserError("The picture lies between two seeds: the button for that makes it again."))
    found: dict[str, Image.Image] = {}
    for name in (*PICTURES, *BITS):
        if isinstance(given.get(name), str) and given[name]:
            try:
                found[name] = images.open_picture(base64.b64decode(given[name], validate=True))
            except (ValueError, UserError):
                messages.append(UserError("The picture that the run started from could not be read."))
    bits = {name: np.asarray(found[name])[..., 0] > 127 for name in BITS if name in found}
    return Receipt(settings, messages, final, *map(found.get, PICTURES), **bits,
                   hashes=hashes if final is None else (sha256(final),))  # fmt: skip
