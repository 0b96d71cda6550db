"""Pictures to train on: a folder or a zip, plain or in the Hugging Face "imagefolder" layout.

That layout has a metadata.jsonl with one line a picture: {"file_name": …, "text": …, "style": …, "weight": …}, all but
the first optional. A plain folder has pictures only, and trains an unconditional model.
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from playground.errors import UserError

if TYPE_CHECKING:
    from playground.models.autoencoder import Autoencoder

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
SKIN_TONE_WEIGHT = 0.3  # pictures that differ from another only in skin tone, or a third of a batch is hands


@dataclass(frozen=True)
class PictureSet:
    """Pictures in memory: `pixels` (N, 3, size, size) uint8, a caption, a style and a sampling weight for each."""

    pixels: Tensor
    texts: list[str]
    styles: list[str]
    weights: Tensor

    def __len__(self) -> int:
        return len(self.pixels)

    def subset(self, indices: list[int]) -> PictureSet:
        return PictureSet(
            self.pixels[indices],
            [self.texts[i] for i in indices],
            [self.styles[i] for i in indices],
            self.weights[indices],
        )

    def x0(self, indices: Tensor | slice = slice(None)) -> Tensor:
        """Pictures as the model sees them: (B, 3, size, size) float in [−1, 1]."""
        return self.pixels[indices].float() / 127.5 - 1


def read_pictures(source: Path | str, size: int, background: str = "white") -> PictureSet:
    """Reads every picture of a folder or zip: upright, on `background` where transparent, centre-cropped, `size`².

    Raises:
        UserError: the source or a picture in it is missing or unreadable; the sentence names the file.
    """
    names, read = _open(Path(source))
    rows = _metadata(names, read)
    pixels = torch.empty(len(rows), 3, size, size, dtype=torch.uint8)
    for i, row in enumerate(tqdm(rows, desc="reading pictures", unit="pictures", leave=False)):
        pixels[i] = _picture(row["file_name"], read, size, background)
    weights = [float(row.get("weight", SKIN_TONE_WEIGHT if row.get("skin_tone") else 1.0)) for row in rows]
    return PictureSet(
        pixels,
        [str(row.get("text") or "") for row in rows],
        [str(row.get("style") or "") for row in rows],
        torch.tensor(weights),
    )


def in_latents(pictures: PictureSet, autoencoder: Autoencoder) -> PictureSet:
    """The same set as an autoencoder sees it: latents are small pictures, and kept in 8 bits like all others."""
    device = next(autoencoder.parameters()).device
    parts = tqdm(torch.arange(len(pictures)).split(64), desc="encoding pictures", leave=False)
    latents = [autoencoder.encode(pictures.x0(rows).to(device)).cpu() for rows in parts]
    return replace(pictures, pixels=torch.cat([((x + 1) * 127.5).round().to(torch.uint8) for x in latents]))


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


def _open(source: Path) -> tuple[list[str], Read]:
    """Names of the files in a folder or zip, and how to read one."""
    if source.is_dir():
        names = sorted(p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file())
        return names, lambda name: (source / name).read_bytes()
    if not source.is_file():
        raise UserError("There is no folder or zip {source}.", source=source)
    try:
        archive = zipfile.ZipFile(source)
    except zipfile.BadZipFile as error:
        raise UserError("{source} is neither a folder nor a zip of pictures.", source=source) from error

    def read(name: str) -> bytes:
        try:
            return archive.read(name)
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise UserError("{name} in {source} is damaged.", name=name, source=source) from error

    return sorted(n for n in archive.namelist() if not n.endswith("/")), read


def _metadata(names: list[str], read: Read) -> list[dict]:
    """One row a picture, from metadata.jsonl where there is one."""
    table = next((n for n in names if n.rsplit("/", 1)[-1] == "metadata.jsonl"), None)
    if table is None:
        rows = [{"file_name": n} for n in names if Path(n).suffix.lower() in SUFFIXES]
        if not rows:
            raise UserError("There are no pictures there (looked for {kinds}).", kinds=" ".join(sorted(SUFFIXES)))
        return rows
    folder, known = table.removesuffix("metadata.jsonl"), set(names)
    return list(_rows(read(table).decode("utf-8", "replace"), table, folder, known))


def _rows(text: str, table: str, folder: str, known: set[str]) -> Iterator[dict]:
    empty = True
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        empty = False
        try:
            row = json.loads(line)
            name = folder + row["file_name"]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            message = "Line {n} of {table} is not a picture's JSON with a file_name."
            raise UserError(message, n=number, table=table) from error
        if name not in known:
            raise UserError("{table} names {name}, which is not there.", table=table, name=name)
        yield {**row, "file_name": name}
    if empty:
        raise UserError("{table} is empty.", table=table)


def _picture(name: str, read: Read, size: int, background: str) -> Tensor:
    """One picture as (3, size, size) uint8."""
    try:
        image = Image.open(io.BytesIO(read(name)))
        image = ImageOps.exif_transpose(image).convert("RGBA")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError("{name} is not a picture that can be read.", name=name) from error
    flat = Image.new("RGBA", image.size, background)
    flat.alpha_composite(image)
    # Hamming: as sharp as bicubic when shrinking, without its ringing against a white ground.
    square = ImageOps.fit(flat.convert("RGB"), (size, size), Image.Resampling.HAMMING)
    return torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1)
