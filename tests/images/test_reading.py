"""The door: what comes through is right to the level, what doesn't is refused in a sentence, and nothing else
happens."""

import contextlib
import functools
import io
import os
import random
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, PngImagePlugin

from playground.errors import UserError
from playground.images import (
    open_picture,
    to_pixels,
    to_png,
    to_tensor,
)
from playground.images.reading import MAX_BYTES

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::RuntimeWarning")

MODES = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV",
         "I", "F", "I;16", "I;16B")  # fmt: skip


def rgb(height=7, width=9):
    """A small picture without symmetry, (H, W, 3) uint8."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), (x * y * 4) % 256], -1).astype(np.uint8)


def in_mode(mode, height=7, width=9):
    if mode in ("I;16", "I;16B", "I", "F"):
        values = np.linspace(0, 1, height * width).reshape(height, width)
        scaled = {"F": values.astype("f4"), "I": np.rint(values * 65535).astype("i4")}
        dtype = ">u2" if mode == "I;16B" else "<u2"
        return Image.fromarray(scaled.get(mode, np.rint(values * 65535).astype(dtype)))
    picture = Image.fromarray(rgb(height, width))
    if mode in ("LA", "RGBA", "La", "RGBa", "PA"):
        alpha = Image.fromarray(np.linspace(0, 255, height * width).reshape(height, width).astype("u1"))
        picture.putalpha(alpha)
        via = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}.get(mode, mode)
        picture = picture.convert(via)
    if mode == "LAB":
        return Image.frombytes("LAB", (width, height), rgb(height, width).tobytes())
    return picture if picture.mode == mode else picture.convert(mode)


@contextlib.contextmanager
def peak_memory():
    """Yields a function that says by how many MB the process grew at its peak within the block."""

    def status(name):
        return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name)) / 1024

    try:
        Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is in use now
        before = status("VmRSS")
    except OSError:
        pytest.skip("the peak of the memory can't be measured here")
    yield lambda: status("VmHWM") - before


def saved(picture, fmt, **options):
    buffer = io.BytesIO()
    picture.save(buffer, fmt, **options)
    return buffer.getvalue()


@functools.cache
def sound_files():
    """{(format, mode): bytes} for every format Pillow writes and every mode it takes for it, and some odd
    ones."""
    Image.init()
    files = {}
    for fmt in sorted(Image.SAVE):
        for mode in MODES:
            try:
                data = saved(in_mode(mode), fmt)
                with Image.open(io.BytesIO(data)) as again:
                    again.load()
            except Exception:  # this format has no such mode, or Pillow can't read what it wrote
                continue
            files[fmt, mode] = data
    frames = [Image.fromarray(np.roll(rgb(), k, 1)) for k in range(3)]
    for fmt in ("GIF", "WEBP", "PNG", "TIFF", "AVIF"):
        files[fmt, "animated"] = saved(frames[0], fmt, save_all=True, append_images=frames[1:], duration=50)
    exif = Image.Exif()
    exif[0x0112] = 6
    for fmt in ("JPEG", "PNG", "WEBP", "TIFF"):
        files[fmt, "rotated"] = saved(frames[0], fmt, exif=exif)
    text = PngImagePlugin.PngInfo()
    text.add_itxt("note", "x" * 500, zip=True)
    files["PNG", "text"] = saved(frames[0], "PNG", pnginfo=text, dpi=(72, 72))
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        files["TIFF", compression] = saved(frames[0], "TIFF", compression=compression)
    files["JPEG", "progressive"] = saved(frames[0], "JPEG", progressive=True)
    return files


def damaged_files():
    """(what, bytes): each sound file cut off, with bytes flipped, with a number overwritten, or renamed
    inside."""
    chance = random.Random(0)
    for (fmt, mode), data in sound_files().items():
        for share in (0.02, 0.3, 0.6, 0.9, 0.99):
            yield f"{fmt} {mode} cut at {share}", data[: int(len(data) * share)]
        for k in range(40):
            broken = bytearray(data)
            span = len(data) if k % 2 else min(len(data), 64)  # every other time the header
            for _ in range(1 + k % 4):
                broken[chance.randrange(span)] ^= 1 << chance.randrange(8)
            yield f"{fmt} {mode} flipped {k}", bytes(broken)
        for k in range(15):
            broken = bytearray(data)
            place = chance.randrange(max(1, min(len(data), 200) - 4))
            broken[place : place + 4] = chance.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\x40\0")
            )
            yield f"{fmt} {mode} number {k}", bytes(broken)


def test_every_sound_file_of_our_formats_opens_and_others_are_refused():
    ours = {"PNG", "JPEG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "AVIF", "PPM", "MPO"}
    opened = set()
    for (fmt, mode), data in sound_files().items():
        try:
            picture = open_picture(data)
        except UserError:
            assert fmt not in ours - {"DIB"}, (fmt, mode)
        else:
            assert fmt in ours and picture.mode == "RGB" and set(picture.size) == {7, 9}, (fmt, mode)
            opened.add(fmt)
    assert opened >= ours - {"DIB"}


def test_damaged_files_end_in_a_picture_or_a_sentence():
    handles, count, slowest = len(os.listdir("/proc/self/fd")), 0, (0.0, "")
    with peak_memory() as peak:
        for what, data in damaged_files():
            start = time.monotonic()
            try:
                picture = open_picture(data)
            except UserError as error:
                assert len(str(error)) < 200 and str(error).endswith("."), what
            else:
                assert picture.mode == "RGB", what
            count += 1
            slowest = max(slowest, (time.monotonic() - start, what))
    assert count >= 5000
    assert slowest[0] < 2, slowest
    assert peak() < 500
    assert len(os.listdir("/proc/self/fd")) <= handles


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "PPM"])
def test_cut_off_file_is_refused(fmt):
    data = saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)), fmt)
    with pytest.raises(UserError, match="damaged"):
        open_picture(data[: len(data) // 2])


def test_sixteen_bits_become_eight():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    for picture in (Image.fromarray(values), Image.fromarray(values.astype(">u2"))):
        got = np.asarray(open_picture(saved(picture, "TIFF")))
        assert (got[..., 0] == np.rint(values / 257)).all() and (got[..., 0] == got[..., 2]).all()
    dark = np.full((4, 4), 200, np.uint16)  # nearly black, though 200 would be a bright byte
    assert np.asarray(open_picture(saved(Image.fromarray(dark), "PNG"))).max() == 1
    assert np.asarray(open_picture(values)).max() == 255


@pytest.mark.parametrize(
    ("values", "want"),
    [([0, 0.5, 1], [0, 128, 255]), ([0, 100, 255], [0, 100, 255]), ([0, 32768, 65535], [0, 128, 255]),
     ([-1, 0, 1], [0, 128, 255]), ([np.nan, np.inf, 1], [0, 0, 255]), ([-5, -5, -5], [0, 0, 0])],
)  # fmt: skip
def test_floats_of_every_scale(values, want):
    array = np.array([values], np.float32)
    for source in (array, saved(Image.fromarray(array), "TIFF")):
        assert np.asarray(open_picture(source))[0, :, 1].tolist() == want


def test_transparency_is_laid_over_white():
    colour = rgb().astype(float)
    alpha = np.linspace(0, 255, 63).reshape(7, 9).astype("u1")
    picture = Image.fromarray(np.dstack([rgb(), alpha]))
    want = colour * (alpha / 255)[..., None] + 255 * (1 - alpha / 255)[..., None]
    got = np.asarray(open_picture(saved(picture, "PNG")))
    assert np.abs(got - want).max() <= 1
    grey = picture.convert("LA")
    want = np.asarray(grey)[..., 0] * (alpha / 255.0) + 255 * (1 - alpha / 255.0)
    assert np.abs(np.asarray(open_picture(saved(grey, "PNG")))[..., 1] - want).max() <= 1


def test_palettes_bits_and_cmyk():
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    assert np.asarray(open_picture(saved(palette, "PNG"))).tolist() == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    see_through = saved(palette, "PNG", transparency=1)
    assert np.asarray(open_picture(see_through)).tolist() == [[[10, 20, 30], [255, 255, 255], [70, 80, 90]]]
    bits = Image.fromarray(np.array([[True, False]]))
    assert np.asarray(open_picture(saved(bits, "PNG")))[0, :, 0].tolist() == [255, 0]
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # magenta and yellow make red
    red, green, blue = np.asarray(open_picture(saved(ink, "JPEG", quality=95))).reshape(-1, 3).mean(0)
    assert red > 240 and green < 15 and blue < 15
    lab = Image.frombytes("LAB", (1, 1), bytes((255, 0, 0)))  # L* = 100, a* = b* = 0 (signed, as TIFF has them)
    assert np.asarray(open_picture(saved(lab, "TIFF"))).min() > 250


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(fmt, orientation):
    a = rgb()
    upright = {1: a, 2: a[:, ::-1], 3: a[::-1, ::-1], 4: a[::-1], 5: a.swapaxes(0, 1), 6: np.rot90(a, -1),
               7: np.rot90(a, 2).swapaxes(0, 1), 8: np.rot90(a)}[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if fmt == "WEBP" else {}
    got = open_picture(saved(Image.fromarray(a), fmt, exif=exif, **options))
    assert (np.asarray(got) == upright).all()


def test_metadata_is_dropped():
    exif = Image.Exif()
    exif[0x010F] = "SECRETCAMERA"
    picture = Image.fromarray(rgb())
    files = [saved(picture, "JPEG", exif=exif, comment=b"SECRETCAMERA"), saved(picture, "PNG", exif=exif)]
    files.append(to_png(picture, {"note": "SECRETCAMERA"}))
    for data in files:
        assert b"SECRETCAMERA" in data
        clean = open_picture(data)
        assert clean.info == {} and not clean.getexif() and b"SECRETCAMERA" not in saved(clean, "PNG")


@pytest.mark.parametrize("fmt", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_first_frame_only(fmt):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    got = np.asarray(open_picture(saved(frames[0], fmt, save_all=True, append_images=frames[1:])))
    assert got.shape == (8, 8, 3) and got[..., 0].min() > 240 and got[..., 2].max() < 15


def png_of(width, height, rows=b""):
    """A PNG that claims to be width × height in 1-bit grey, with `rows` as its (deflated) content."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [4001, 12_000, 20_000, 2**31 - 1])
def test_bombs_are_refused_before_decoding(side):
    rows = bytes(side * (side // 8 + 1)) if side < 20_000 else b""
    bomb, start = png_of(side, side, rows), time.monotonic()
    with peak_memory() as peak, pytest.raises(UserError, match="too large"):
        open_picture(bomb)
    assert time.monotonic() - start < 0.5 and peak() < 30
    assert open_picture(png_of(8, 2, bytes(4))).size == (8, 2)  # and our PNG writer is sound


@pytest.mark.parametrize("dtype", ["f4", "u1"])
def test_a_whole_sixteen_megapixels_stays_under_the_memory_cap(dtype):
    data = saved(Image.fromarray(np.zeros((4000, 4000), dtype)), "TIFF", compression="packbits")
    with peak_memory() as peak:
        assert open_picture(data).size == (4000, 4000)
    assert peak() < 500


@pytest.mark.parametrize(
    "data", [b"", b"hello, I am no picture", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"PK\x03\x04" + bytes(50),
             b"\0" * 1000, b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>", b"<html></html>",
             b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", bytes(MAX_BYTES + 1)],
    ids=lambda data: repr(data[:12]),
)  # fmt: skip
def test_what_is_no_picture_is_refused(data, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    for source in (data, path, str(path)):
        with pytest.raises(UserError):
            open_picture(source)


def test_paths_that_are_no_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")  # opening one would wait for ever
    for source in (tmp_path, tmp_path / "missing.png", tmp_path / "pipe.png", "", "\0", "x" * 10_000):
        with pytest.raises(UserError):
            open_picture(source)


@pytest.mark.parametrize(
    "array", [np.zeros((0, 5, 3), "u1"), np.zeros((5, 5, 2), "u1"), np.zeros(5), np.zeros((2, 2), object),
              np.zeros((2, 2), complex), np.zeros((2, 2, 2, 2)), np.zeros((5000, 5000), bool)],
    ids=lambda array: f"{array.shape}{array.dtype}",
)  # fmt: skip
def test_arrays_that_are_no_pictures_are_refused(array):
    with pytest.raises(UserError):
        open_picture(array)


def test_the_smallest_and_the_thinnest():
    for size in ((1, 1), (1, 5000), (5000, 1)):
        picture = open_picture(saved(Image.new("RGB", size, "red"), "PNG"))
        assert picture.size == size and to_tensor(picture, 32).shape == (1, 3, 32, 32)


def test_to_tensor_is_exact_where_nothing_is_resized_and_takes_the_centre():
    a = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    assert torch.equal(to_tensor(Image.fromarray(a), 8)[0], torch.from_numpy(a).permute(2, 0, 1) / 127.5 - 1)
    wide = np.full((8, 20, 3), 255, np.uint8)
    wide[:, 6:14] = a
    assert torch.equal(to_tensor(Image.fromarray(wide), 8), to_tensor(Image.fromarray(a), 8))
    blocks = a.reshape(2, 4, 2, 4, 3).mean((1, 3))  # a box filter is the mean of each block
    small = (to_tensor(Image.fromarray(a), 2)[0].permute(1, 2, 0) * 127.5 + 127.5).numpy()
    assert np.abs(small - blocks).max() <= 1  # Pillow rounds after each of its two passes


def test_to_pixels_rounds_half_to_even_clips_and_survives_nan():
    x = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0, torch.nan, torch.inf, -torch.inf]).reshape(1, 1, 1, 8)
    assert to_pixels(x)[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255, 128, 255, 0]
    y = torch.linspace(-1, 1, 999, dtype=torch.float64).reshape(3, 9, 37)
    assert (to_pixels(y) == np.rint(np.clip(127.5 * y.numpy() + 127.5, 0, 255)).transpose(1, 2, 0)).all()
    halves = (torch.arange(255, dtype=torch.float64) + 0.5 - 127.5) / 127.5
    exact = halves[(halves * 127.5 + 127.5) % 1 == 0.5]
    assert (to_pixels(exact.reshape(1, 1, -1)) % 2 == 0).all() and len(exact) > 100


def test_to_png_keeps_pixels_and_text():
    x = torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for source in (x, x[None], to_pixels(x)):
        picture = Image.open(io.BytesIO(to_png(source, {"diffusion": '{"prompt": "貓臉"}'})))
        assert (np.asarray(picture) == to_pixels(x)).all() and picture.text == {"diffusion": '{"prompt": "貓臉"}'}
