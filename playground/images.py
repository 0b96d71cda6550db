"""The one door for pictures: files become RGB pictures and tensors here, and every hostile file meets its end here."""

from __future__ import annotations

import io
import os
import warnings

import numpy as np
import torch
from PIL import Image, ImageOps, PngImagePlugin

from playground.errors import UserError

MAX_BYTES = 20_000_000
MAX_PIXELS = 16_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "PPM")


def open_picture(source: str | os.PathLike | bytes | Image.Image | np.ndarray) -> Image.Image:
    """A picture from a path, bytes, a PIL picture or a (H, W[, 1 | 3 | 4]) array, as upright RGB without metadata.

    Of an animation the first frame. Transparent parts are laid over white; 16-bit and float pictures are scaled to
    8 bits. Raises UserError for whatever can't be read, is over `MAX_BYTES` or has more than `MAX_PIXELS` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(source, np.ndarray):
                return to_rgb(_from_array(source))
            if isinstance(source, Image.Image):
                _check_pixels(source.size)
                return to_rgb(source)
            with Image.open(_file(source), formats=FORMATS) as picture:
                _check_pixels(picture.size)
                picture.seek(0)
                picture.load()
                return to_rgb(picture)
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise UserError("That file is not a picture this page can read, or it is damaged.") from error


def _file(source: str | os.PathLike | bytes) -> io.BytesIO:
    """The file's bytes in memory, so that no decoder can keep a handle or follow a path."""
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source[: MAX_BYTES + 1])
    else:
        with open(source, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    if not data:
        raise UserError("That file is empty.")
    if len(data) > MAX_BYTES:
        raise UserError("That file is too large: the limit is {limit} MB.", limit=MAX_BYTES // 1_000_000)
    return io.BytesIO(data)


def _check_pixels(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise UserError("That picture is too large: {width} × {height} pixels, and the limit is {limit} megapixels.",
                        width=width, height=height, limit=MAX_PIXELS // 1_000_000)  # fmt: skip
    if not width or not height:
        raise UserError("That picture has no pixels.")


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim not in (2, 3) or array.dtype == object:
        raise UserError("A picture must be an array of height × width, or height × width × 3.")
    _check_pixels((array.shape[1], array.shape[0]))
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype == np.uint16 and array.ndim == 2:
        return Image.fromarray(array)
    if array.dtype != np.uint8:
        array = _to_bytes(array.astype(np.float64))
    return Image.fromarray(array)


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """Numbers of unknown scale as bytes: 0…1 as it stands, 0…255 as it stands, anything else from its least to its greatest."""
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    return np.rint((values - low) / (high - low) * 255).astype(np.uint8)


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any PIL picture as a fresh, upright RGB one with nothing but pixels in it."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F" or picture.mode.startswith("I"):
        picture = Image.fromarray(_to_bytes(np.asarray(picture, dtype=np.float64)))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        paper.alpha_composite(picture)
        picture = paper
    picture = picture.convert("RGB")
    return Image.frombytes("RGB", picture.size, picture.tobytes())


def to_tensor(picture: Image.Image, size: int) -> torch.Tensor:
    """(1, 3, size, size) float32 in [−1, 1]: the centre square, resized (boxes averaged on the way down, Lanczos up)."""
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    method = Image.Resampling.BOX if side >= 2 * size else Image.Resampling.LANCZOS
    square = picture.convert("RGB").resize((size, size), method, box=(left, top, left + side, top + side))
    pixels = torch.from_numpy(np.array(square, dtype=np.float32))
    return (pixels / 127.5 - 1).permute(2, 0, 1).unsqueeze(0)


def to_pixels(x: torch.Tensor) -> np.ndarray:
    """(B, C, H, W) or (C, H, W) in [−1, 1] as uint8 (B, H, W, 3) or (H, W, 3): rint(clip(127.5 x + 127.5)).

    One channel is repeated to three. The page's JavaScript rounds the same way (half to even).
    """
    values = (x.detach().to("cpu", torch.float64) * 127.5 + 127.5).nan_to_num(127.5).clamp(0, 255)
    pixels = values.round().to(torch.uint8).movedim(-3, -1).numpy()
    return np.ascontiguousarray(np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels)


def to_png(x: torch.Tensor | np.ndarray | Image.Image, text: dict[str, str] | None = None) -> bytes:
    """One picture ((C, H, W) or (1, C, H, W) tensor, (H, W, 3) uint8, or PIL) as PNG bytes, `text` in iTXt chunks."""
    if isinstance(x, torch.Tensor):
        x = to_pixels(x[0] if x.ndim == 4 else x)
    picture = x if isinstance(x, Image.Image) else Image.fromarray(np.asarray(x, dtype=np.uint8))
    chunks = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        chunks.add_itxt(key, value)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()
