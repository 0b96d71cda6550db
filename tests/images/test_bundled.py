"""The bundled pictures: made by code, different from each other, the same each time, sharp at any size."""

import numpy as np
import pytest
from PIL import Image

from playground.images.bundled import PICTURES, Canvas, picture


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_has_its_size_and_uses_the_range(name):
    image = picture(name, 96)
    assert image.mode == "RGB" and image.size == (96, 96)
    pixels = np.asarray(image, dtype=float)
    assert pixels.max() > 200 and pixels.min() < 60 and pixels.std() > 25


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_the_same_scene_at_every_size(name):
    """Box-reducing a large one gives the small one up to what lies between its pixels."""
    size = 256 if name == "test card" else 64  # the card holds frequencies that 64 pixels cannot
    small = np.asarray(picture(name, size), dtype=float)
    reduced = np.asarray(picture(name, 2 * size).resize((size, size), Image.Resampling.BOX), dtype=float)
    assert np.abs(small - reduced).mean() < 6


def test_pictures_are_repeatable_and_distinct():
    first = {name: picture(name, 32).tobytes() for name in PICTURES}
    again = Canvas(32)
    PICTURES["cat"](again)
    assert np.rint(np.clip(again.rgb, 0, 1) * 255).astype(np.uint8).tobytes() == first["cat"]
    assert len(set(first.values())) == len(PICTURES) >= 4


def test_distances_are_negative_inside_and_measure_the_way_to_the_edge():
    canvas = Canvas(200)
    disc = canvas.ellipse(0.5, 0.5, 0.25, 0.25)
    truth = np.hypot(canvas.x - 0.5, canvas.y - 0.5) - 0.25
    assert np.allclose(disc, truth)
    square = canvas.polygon((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
    assert np.isclose(square[100, 100], -0.3, atol=0.01)
    assert square[100, 190] > 0 > square[100, 150]
    line = canvas.stroke(np.array([(0.2, 0.5), (0.8, 0.5)]), 0.1)
    assert np.isclose(line[118, 100], canvas.y[118, 100] - 0.55) and line[10, 100] == np.inf
