"""Pictures to train on: a folder or a zip, plain or in the Hugging Face "imagefolder" layout.

That layout has a metadata.jsonl with one line a picture: {"file_name": …, "text": …, "style": …, "weight": …, "words":
[…], "unsure": […]}, all but the first optional, or a metadata.csv with the first four as columns; where there are
several (one a split), all are read. Words are phrases, all that is true of the picture, of which a caption says a part;
unsure are those that are neither clearly true nor clearly false of it. A plain folder has pictures only, and trains an
unconditional model. What computers leave among pictures is passed over: files and folders whose names begin with a dot,
and __MACOSX.
"""

from __future__ import annotations

import csv
import io
import json
import math
import posixpath
import random
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from playground.errors import UserError, decoded
from playground.images import open_picture, to_tensor
from playground.images.lines import line_map
from playground.models.devices import cores

if TYPE_CHECKING:
    from playground.models.autoencoder import Autoencoder

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"}
LINES = (0.35, 0.15)  # contrasts from which there is a line: few lines, many lines
SKIN_TONE_WEIGHT = 0.3  # pictures that differ from another only in skin tone, or a third of a batch is hands


@dataclass(frozen=True)
class PictureSet:
    """Pictures in memory: `pixels` (N, 3, size, size) uint8, a caption, a style and a sampling weight for each; where
    the data says so also all phrases that are true of it, and those that may or may not be; once asked for, its lines
    (N, 2, S, S) uint8, see `with_lines`; and in `mirrored` the pixels of the mirrored pictures, where these are not
    `pixels` mirrored."""

    pixels: Tensor
    texts: list[str]
    styles: list[str]
    weights: Tensor
    words: list[tuple[str, ...]] = field(default_factory=list)
    unsure: list[tuple[str, ...]] = field(default_factory=list)
    lines: Tensor | None = None
    mirrored: Tensor | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def subset(self, indices: list[int]) -> PictureSet:
        """These pictures, in this order, with all that is known of them."""
        return PictureSet(
            self.pixels[indices],
            [self.texts[i] for i in indices],
            [self.styles[i] for i in indices],
            self.weights[indices],
            [self.words[i] for i in indices] if self.words else [],
            [self.unsure[i] for i in indices] if self.unsure else [],
            None if self.lines is None else self.lines[indices],
            None if self.mirrored is None else self.mirrored[indices],
        )

    def x0(self, indices: Tensor | slice = slice(None)) -> Tensor:
        """Pictures as the model sees them: (B, 3, size, size) float in [−1, 1]."""
        return self.pixels[indices].float() / 127.5 - 1


def read_pictures(source: Path | str, size: int) -> PictureSet:
    """Reads every picture of a folder or zip: upright, on white where transparent, centre-cropped, `size`².

    Raises:
        UserError: the source or a picture in it is missing or unreadable; the sentence names the file.
    """
    names, read = opened(Path(source))
    rows = _metadata(names, read)
    pixels = torch.empty(len(rows), 3, size, size, dtype=torch.uint8)
    found = cores().map(lambda row: reduced(row["file_name"], read, size), rows)
    for i, picture in enumerate(tqdm(found, "reading pictures", len(rows), unit="pictures", leave=False)):
        pixels[i] = picture
    return PictureSet(
        pixels,
        [str(row.get("text") or "") for row in rows],
        [str(row.get("style") or "") for row in rows],
        torch.tensor([row["weight"] for row in rows]),
        *(_phrases(rows, key) for key in ("words", "unsure")),
    )


def _phrases(rows: Sequence[dict], key: str) -> list[tuple[str, ...]]:
    """What a column of lists says of each picture; nothing at all where no row has any."""
    found = [tuple(map(str, row[key])) if isinstance(row.get(key), list) else () for row in rows]
    return found if any(found) else []


def with_lines(pictures: PictureSet, device: torch.device | str = "cpu") -> PictureSet:
    """The same set with every picture's lines, from much contrast and from little: see `images.lines`."""
    parts = tqdm(torch.arange(len(pictures)).split(512), desc="drawing lines", leave=False)
    lines = [torch.cat([line_map(pictures.x0(rows).to(device), c) for c in LINES], dim=1) for rows in parts]
    return replace(pictures, lines=torch.cat([part.to(torch.uint8).cpu() for part in lines]))


def in_latents(pictures: PictureSet, autoencoder: Autoencoder, mirrored: bool = False) -> PictureSet:
    """The same set as an autoencoder sees it: latents are small pictures, and kept in 8 bits like all others. Those of
    a mirrored picture are not the picture's mirrored ones: they are made too, if the training is to mirror."""
    device = next(autoencoder.parameters()).device

    def encoded(flip: bool) -> Tensor:
        parts = tqdm(torch.arange(len(pictures)).split(64), desc="encoding pictures", leave=False)
        found = (pictures.x0(rows) for rows in parts)
        latents = (autoencoder.encode((x.flip(-1) if flip else x).to(device)).cpu() for x in found)
        return torch.cat([((x + 1) * 127.5).round().to(torch.uint8) for x in latents])

    return replace(pictures, pixels=encoded(False), mirrored=encoded(True) if mirrored else None)


def held_out(pictures: PictureSet, count: int, seed: int = 0) -> tuple[PictureSet, PictureSet]:
    """Splits into (for training, held out): `count` pairs of caption and style, drawn with `seed`.

    Only captions drawn in at least three styles are candidates, so that both the concept and the style stay known to
    the training: a model that has learnt them, rather than learnt by heart, can draw the pair. Without captions any
    picture is a candidate.
    """
    by_text: dict[str, list[int]] = {}
    for i, text in enumerate(pictures.texts):
        by_text.setdefault(text, []).append(i)
    if len(by_text) > 1:
        groups = [g for g in by_text.values() if len({pictures.styles[i] for i in g}) >= 3]
        candidates = [i for g in groups for i in g if pictures.weights[i] >= 1]
    else:
        candidates = list(range(len(pictures)))
    chosen = set(random.Random(seed).sample(candidates, min(count, len(candidates) // 4)))
    return (
        pictures.subset([i for i in range(len(pictures)) if i not in chosen]),
        pictures.subset(sorted(chosen)),
    )


Read = Callable[[str], bytes]


def opened(source: Path) -> tuple[list[str], Read]:
    """Names of the files in a folder or zip, and how to read one."""
    if source.is_dir():
        names = (p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file())
        return _wanted(names), lambda name: (source / name).read_bytes()
    if not source.is_file():
        raise UserError("There is no folder or zip {source}.", source=source)
    try:
        archive = zipfile.ZipFile(source)
    except zipfile.BadZipFile as error:
        raise UserError("{source} is neither a folder nor a zip of pictures.", source=source) from error

    def read(name: str) -> bytes:
        try:
            return archive.read(name)
        except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
            raise UserError("{name} in {source} is damaged or encrypted.", name=name, source=source.name) from error

    return _wanted(name for name in archive.namelist() if not name.endswith("/")), read


def _wanted(names: Iterable[str]) -> list[str]:
    """Those that a person put there, sorted."""
    return sorted(n for n in names if not any(part.startswith(".") or part == "__MACOSX" for part in n.split("/")))


def _metadata(names: list[str], read: Read) -> list[dict]:
    """One row a picture, with its path as `file_name` and its `weight`, from the metadata where there are any."""
    tables = [name for name in names if posixpath.basename(name) in ("metadata.jsonl", "metadata.csv")]
    if not tables:
        rows = [{"file_name": n, "weight": 1.0} for n in names if Path(n).suffix.lower() in SUFFIXES]
        if not rows:
            raise UserError("There are no pictures there (looked for {kinds}).", kinds=" ".join(sorted(SUFFIXES)))
        return rows
    for one, two in pairwise(sorted(tables)):
        if posixpath.dirname(one) == posixpath.dirname(two):
            raise UserError("{one} and {two} may contradict each other; keep one of them.", one=one, two=two)
    known, rows = set(names), []
    for table in tables:
        text = decoded(read(table), table)
        lines = _of_csv(text) if table.endswith(".csv") else _of_jsonl(text, table)
        found = [_row(row, table, number, known) for number, row in lines]
        if not found:
            raise UserError("{table} is empty.", table=table)
        rows += found
    if not any(row["weight"] for row in rows):
        raise UserError("Every picture there has the weight 0; give some of them more.")
    return rows


def _of_jsonl(text: str, table: str) -> Iterator[tuple[int, object]]:
    """(line's number, what stands in it). Only a line feed ends a line: captions may hold Unicode's other ends."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise UserError("Line {n} of {table} is not JSON.", n=number, table=table) from error


def _of_csv(text: str) -> Iterator[tuple[int, dict]]:
    """The same of a table with column names. An empty field is as if it were not there."""
    truths = {"true": True, "false": False, "": None}
    reader = csv.DictReader(io.StringIO(text, newline=""))
    for row in reader:
        yield reader.line_num, {key: truths.get(str(value or "").strip().lower(), value) for key, value in row.items()}


def _row(row: object, table: str, number: int, known: set[str]) -> dict:
    name = row.get("file_name") if isinstance(row, dict) else None
    if not isinstance(name, str) or not name:
        raise UserError("Line {n} of {table} has no file_name.", n=number, table=table)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(table), name))
    if path not in known:
        raise UserError("{table} names {name}, which is not there.", table=table, name=path)
    weight = row.get("weight")
    if weight is None:
        weight = SKIN_TONE_WEIGHT if row.get("skin_tone") else 1.0
    try:
        weight = float(weight)
    except (TypeError, ValueError):
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise UserError("The weight in line {n} of {table} must be a number, 0 or more.", n=number, table=table)
    return {**row, "file_name": path, "weight": weight}


def reduced(name: str, read: Read, size: int) -> Tensor:
    """One picture as (3, size, size) uint8. Raises UserError with its name where it can't be read."""
    try:
        picture = open_picture(read(name))
    except UserError as error:
        raise UserError("{name}: {reason}", name=name, reason=str(error)) from error
    # Hamming: as sharp as bicubic when shrinking, without its ringing against a white ground.
    x0 = to_tensor(picture, size, Image.Resampling.HAMMING)[0]
    return ((x0 + 1) * 127.5).round().to(torch.uint8)
