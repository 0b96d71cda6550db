"""The one door for pictures: files become RGB pictures and tensors here; every hostile file meets its end here.

The content decides what a file is, never its name. Bytes are counted before the file is opened and pixels
before it is decoded; at most `DECODERS` pictures are in decoding at once, which bounds the memory.
"""

from __future__ import annotations

import io
import os
import threading
import warnings

import numpy as np
from PIL import Image, ImageCms, ImageOps

from playground.errors import UserError

MAX_BYTES = 20_000_000
MAX_PIXELS = 16_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF", "PPM")
DECODERS = 2
_decoding = threading.BoundedSemaphore(DECODERS)

# Pillow warns about broken metadata, which we drop anyway (`catch_warnings` would not be safe among threads).
warnings.filterwarnings("ignore", module=r"PIL\.")

Source = str | os.PathLike | bytes | Image.Image | np.ndarray


def open_picture(source: Source) -> Image.Image:
    """A picture from a path, bytes, a PIL picture or an array, as upright RGB without metadata.

    Arrays are (H, W), (H, W, 1), (H, W, 3) or (H, W, 4). Of an animation the first frame. Transparent parts
    are laid over white, 16-bit and float pictures scaled to bytes. Raises UserError for what can't be read,
    is over `MAX_BYTES` or has more than `MAX_PIXELS` pixels.
    """
    try:
        with _decoding:
            if isinstance(source, np.ndarray):
                return _to_rgb(_from_array(source))
            if isinstance(source, Image.Image):
                _check_pixels(source.size)
                return _to_rgb(source)
            with Image.open(_content(source), formats=FORMATS) as picture:
                _check_pixels(picture.size)
                picture.load()
                return _to_rgb(picture)
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError("That picture is too large: the limit is {limit} megapixels.", limit=_megapixels()) from error
    except Exception as error:  # decoders raise anything: SyntaxError, struct.error, MemoryError …
        raise UserError("That file is not a picture this page can read, or it is damaged.") from error


def _megapixels() -> int:
    return MAX_PIXELS // 1_000_000


def _content(source: str | os.PathLike | bytes) -> io.BytesIO:
    """The file's bytes in memory, so that no decoder keeps a handle or follows a path."""
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source[: MAX_BYTES + 1])
    elif os.path.isfile(source):
        with open(source, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    else:
        raise UserError("There is no such file.")
    if not data:
        raise UserError("That file is empty.")
    if len(data) > MAX_BYTES:
        raise UserError("That file is too large: the limit is {limit} MB.", limit=MAX_BYTES // 1_000_000)
    return io.BytesIO(data)


def _check_pixels(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        sentence = "That picture is too large: {width} × {height} pixels, and the limit is {limit} megapixels."
        raise UserError(sentence, width=width, height=height, limit=_megapixels())
    if not width or not height:
        raise UserError("That picture has no pixels.")


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype.kind not in "buif" or array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise UserError("A picture must be an array of numbers, height × width or height × width × 3.")
    _check_pixels((array.shape[1], array.shape[0]))
    if array.dtype == np.uint16:
        return Image.fromarray(_to_bytes(array, 65535))
    return Image.fromarray(array if array.dtype == np.uint8 else _to_bytes(array))


def _to_bytes(values: np.ndarray, white: float | None = None) -> np.ndarray:
    """Numbers as uint8, `white` at 255. Of unknown scale (None), they are 0…1, 0…255 or 0…65535 where they
    fit, and otherwise stretched from their least to their greatest."""
    values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    scales = [scale for scale in ((white,) if white else (1.0, 255.0, 65535.0)) if 0 <= low and high <= scale]
    if scales:
        low, high = 0.0, scales[0]
    values -= low
    values *= 255 / (high - low) if high > low else 0.0
    return np.rint(values, out=values).astype(np.uint8)


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Any PIL picture as a new, upright RGB one with nothing but pixels in it."""
    try:
        picture = ImageOps.exif_transpose(picture)
    except Exception:  # broken EXIF in a sound picture: it stays as it lies
        pass
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray(_to_bytes(np.asarray(picture), 65535))
    elif picture.mode in ("I", "F"):
        picture = Image.fromarray(_to_bytes(np.asarray(picture)))
    elif picture.mode == "LAB":
        picture = ImageCms.profileToProfile(
            picture, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    clean = Image.new("RGB", picture.size, "white")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        clean.paste(picture, mask=picture.getchannel("A"))
    else:
        clean.paste(picture.convert("RGB"))
    return clean
