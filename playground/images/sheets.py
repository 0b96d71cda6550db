"""Several pictures on one: contact sheets and film strips."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from playground.images.tensors import to_pixels, to_png


def contact_sheet(pictures: Tensor, labels: Sequence[tuple[str, str]], columns: int = 8, width: int = 96) -> bytes:
    """PNG of pictures (N, 3, H, W) in [−1, 1], enlarged to about `width`, two lines of label under each."""
    scale = max(1, width // pictures.shape[-1])
    side, gap, line = scale * pictures.shape[-1], 8, 13
    font, rows = ImageFont.load_default(11), -(-len(pictures) // columns)
    page = Image.new("RGB", (gap + columns * (side + gap), gap + rows * (side + gap + 2 * line)), "white")
    draw = ImageDraw.Draw(page)
    for k, (pixels, label) in enumerate(zip(to_pixels(pictures), labels, strict=True)):
        x, y = gap + k % columns * (side + gap), gap + k // columns * (side + gap + 2 * line)
        page.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST), (x, y))
        for row, (text, ink) in enumerate(zip(label, ("black", "#666666"), strict=True)):
            while text and draw.textlength(text, font) > side:
                text = text.removesuffix("…")[:-1].rstrip() + "…" if len(text) > 2 else ""
            draw.text((x, y + side + row * line), text, fill=ink, font=font)
    return to_png(page)


FILM = 10  # pictures of the film strip


def film(frames: list) -> Image.Image:
    """`FILM` of the frames (uint8 (H, W, 3)), evenly chosen, side by side."""
    count = min(FILM, len(frames))
    chosen = [frames[round(k * (len(frames) - 1) / max(1, count - 1))] for k in range(count)]
    return Image.fromarray(torch.cat([torch.from_numpy(frame) for frame in chosen], dim=1).numpy())
