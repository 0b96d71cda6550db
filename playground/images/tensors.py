"""Pictures as tensors: (…, C, H, W) in [−1, 1], and back to 8 bits and to PNG."""

from __future__ import annotations

import base64
import io

import numpy as np
import torch
from PIL import Image, PngImagePlugin


def to_tensor(picture: Image.Image, size: int, method: Image.Resampling | None = None) -> torch.Tensor:
    """(1, 3, size, size) float32 in [−1, 1]: the centre square, by `method`, or else averaged in boxes on the way
    down and by Lanczos."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    if method is None:
        method = Image.Resampling.BOX if side >= 2 * size else Image.Resampling.LANCZOS
    square = picture.convert("RGB").resize((size, size), method, box=(left, top, left + side, top + side))
    pixels = torch.from_numpy(np.array(square, dtype=np.float32))  # (size, size, 3)
    return (pixels / 127.5 - 1).permute(2, 0, 1).unsqueeze(0)


def drawn_lines(picture: Image.Image, size: int) -> torch.Tensor:
    """(size, size) bool: where a drawing, dark on light or light on dark, has its lines. Thin lines of a
    large drawing stay: a pixel is drawn on if anything within it is."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    grey = torch.from_numpy(np.array(picture.convert("L").crop((left, top, left + side, top + side)), np.float32)) / 255
    ink = 1 - grey if grey.mean() > 0.5 else grey
    return torch.nn.functional.adaptive_max_pool2d(ink[None], size)[0] > 0.5


def to_pixels(x: torch.Tensor) -> np.ndarray:
    """(B, C, H, W) or (C, H, W) in [−1, 1] as uint8 (B, H, W, 3) or (H, W, 3): rint(clip(127.5 x + 127.5)).

    One channel is repeated to three. The page's JavaScript rounds the same way (half to even).
    """
    values = x.detach().to("cpu", torch.float64).movedim(-3, -1).numpy() * 127.5
    values += 127.5
    values[np.isnan(values)] = 127.5
    np.maximum(values, 0, out=values)
    np.minimum(values, 255, out=values)
    pixels = np.rint(values, out=values).astype(np.uint8, order="C")
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def to_png(x: torch.Tensor | np.ndarray | Image.Image, text: dict[str, str] | None = None) -> bytes:
    """One picture as PNG bytes, `text` in iTXt chunks: a (C, H, W) or (1, C, H, W) tensor, uint8 (H, W, 3),
    or PIL."""
    if isinstance(x, torch.Tensor):
        x = to_pixels(x[0] if x.ndim == 4 else x)
    picture = x if isinstance(x, Image.Image) else Image.fromarray(np.asarray(x, dtype=np.uint8))
    chunks = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        chunks.add_itxt(key, value)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


def encoded(data: bytes | np.ndarray) -> str:
    """Bytes, or those of an array, little-endian, as base64."""
    if isinstance(data, np.ndarray):
        data = np.ascontiguousarray(data)
        if data.itemsize > 1:
            data = data.astype(data.dtype.newbyteorder("<"), copy=False)
    return base64.b64encode(data).decode()
