"""A person's own pictures: some to some hundred, read within bounds."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import torch

from playground.errors import UserError
from playground.images.reading import MAX_BYTES
from playground.models.conditioning import split_words
from playground.training.data import SUFFIXES, PictureSet, Read, opened, reduced

FEWEST, MOST = 2, 400
LIMIT = MAX_BYTES // 1_000_000
WORDS = 3  # what they are called
FEW = "Two pictures are the fewest to learn from."
MANY = "{count} pictures are more than this page trains on; {most} are the most."
LONG = "Call them by {most} words at most, please."


def own_pictures(files: Sequence[Path], size: int, word: str = "") -> PictureSet:
    """The pictures of some files, zips among them opened: centre-cropped, `size`², each called `word`.

    Raises:
        UserError: there are too few or too many, or one of them can't be read; the sentence names it.
    """
    words = split_words(word)
    if len(words) > WORDS:
        raise UserError(LONG, most=WORDS)
    found: list[tuple[str, Read]] = []
    for file in files:
        found += _within(file) if zipfile.is_zipfile(file) else [(file.name, _reading(file))]
        if len(found) > MOST:
            raise UserError(MANY, count=len(found), most=MOST)
    if len(found) < FEWEST:
        raise UserError(FEW)
    pixels = torch.stack([reduced(name, read, size) for name, read in found])
    return PictureSet(pixels, [" ".join(words)] * len(found), [""] * len(found), torch.ones(len(found)))


def _reading(file: Path) -> Read:
    def read(_name: str) -> bytes:
        with file.open("rb") as content:
            return content.read(MAX_BYTES + 1)  # which is refused

    return read


def _within(file: Path) -> list[tuple[str, Read]]:
    """The pictures in a zip, what is no picture by its name passed over."""
    names, read = opened(file)
    with zipfile.ZipFile(file) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    names = [name for name in names if Path(name).suffix.lower() in SUFFIXES]
    for name in names:
        if sizes[name] > MAX_BYTES:  # so the archive says, and no more is ever unpacked
            raise UserError("{name}: That file is too large: the limit is {limit} MB.", name=name, limit=LIMIT)
    return [(name, read) for name in names]
