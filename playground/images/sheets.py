"""Several pictures on one: edge to edge, as a strip of film, or on a page with words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from playground.images.tensors import to_pixels, to_png

FILM = 10  # pictures of a film strip
GAP = 8  # pixels between two pictures


def tiled(rows: Iterable[Iterable[np.ndarray]]) -> np.ndarray:
    """Pictures, uint8 (H, W, 3), edge to edge in rows: one picture."""
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


def film(frames: Sequence[np.ndarray]) -> Image.Image:
    """`FILM` of the frames (uint8 (H, W, 3)), evenly chosen, side by side."""
    count = min(FILM, len(frames))
    return Image.fromarray(tiled([[frames[round(k * (len(frames) - 1) / max(1, count - 1))] for k in range(count)]]))


def enlarged(picture: Image.Image | np.ndarray, side: int) -> Image.Image:
    """Each pixel a sharp square, as large as fits into `side`."""
    picture = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    times = max(1, side // max(picture.size))
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)


def captioned(rows: Sequence[Sequence[tuple[np.ndarray, Sequence[str]]]], side: int, size: int = 11) -> Image.Image:
    """Pictures, uint8 (S, S, 3), enlarged to about `side`, each with its lines of words under it, the first in black.

    Words that are too long end in "…"; `size` is that of the letters. All have as many lines.
    """
    font, line = ImageFont.load_default(size), size + 2
    lines = max(len(words) for row in rows for _picture, words in row)
    side = enlarged(rows[0][0][0], side).width
    across, down = side + GAP, side + GAP + lines * line
    page = Image.new("RGB", (GAP + max(map(len, rows)) * across, GAP + len(rows) * down), "white")
    draw = ImageDraw.Draw(page)
    for j, row in enumerate(rows):
        for i, (picture, words) in enumerate(row):
            x, y = GAP + i * across, GAP + j * down
            page.paste(enlarged(picture, side), (x, y))
            for k, text in enumerate(words):
                while text and draw.textlength(text, font) > side:
                    text = text.removesuffix("…")[:-1].rstrip() + "…" if len(text) > 2 else ""
                draw.text((x, y + side + k * line), text, fill="#666666" if k else "black", font=font)
    return page


def contact_sheet(pictures: Tensor, labels: Sequence[tuple[str, str]], columns: int = 8, width: int = 96) -> bytes:
    """PNG of pictures (N, 3, H, W) in [−1, 1], enlarged to about `width`, two lines of label under each."""
    cells = list(zip(to_pixels(pictures), labels, strict=True))
    return to_png(captioned([cells[k : k + columns] for k in range(0, len(cells), columns)], width))
