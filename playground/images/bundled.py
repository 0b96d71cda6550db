"""The bundled sample pictures, painted by code: no data files, any size, the same on every machine.

Each painter works on the unit square (x to the right, y down) with signed distances (negative inside a
shape), whose edge is softened over one pixel; so a picture is sharp at 32² and at 1024².
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image

Array = np.ndarray


class Canvas:
    """An RGB picture in floats 0…1 on the unit square."""

    def __init__(self, size: int) -> None:
        self.size = size
        place = (np.arange(size) + 0.5) / size
        self.x, self.y = np.meshgrid(place, place)  # (size, size) each
        self.rgb = np.zeros((size, size, 3))

    def around(self, x: float, y: float, reach: float) -> Canvas:
        """The same pixels, cut to the square of half-width `reach` about (x, y): paints faster."""
        part = object.__new__(Canvas)
        window = self._window(np.array([x, y]) - reach, np.array([x, y]) + reach)
        part.size, part.x, part.y, part.rgb = self.size, self.x[window], self.y[window], self.rgb[window]
        return part

    def _window(self, low: Array, high: Array) -> tuple[slice, slice]:
        """Rows and columns of the pixels between two corners (x, y)."""
        first = np.maximum(0, low * self.size).astype(int)
        last = np.maximum(0, high * self.size + 2).astype(int)
        return slice(first[1], last[1]), slice(first[0], last[0])

    def fill(self, *stops: str, along: Array | None = None) -> None:
        """A smooth ramp through the colours `stops`: down the picture, or by `along` (0…1 per pixel)."""
        place = self.y if along is None else along
        colours = np.array([colour(stop) for stop in stops])
        at = np.linspace(0, 1, len(stops))
        self.rgb = np.stack([np.interp(place, at, colours[:, c]) for c in range(3)], axis=-1)

    def paint(self, distance: Array, ink: str | Array, soft: float = 0.0, opacity: float = 1.0) -> None:
        """Cover where `distance` < 0 with `ink`; the edge is one pixel wide, or `soft` picture widths."""
        width = max(soft, 1.0 / self.size)
        cover = np.clip(0.5 - distance / width, 0, 1)
        cover = opacity * cover * cover * (3 - 2 * cover)
        self.light(cover, ink)

    def light(self, cover: Array, ink: str | Array) -> None:
        """Blend towards `ink` by `cover` (0…1 per pixel)."""
        target = colour(ink) if isinstance(ink, str) else ink
        self.rgb += cover[..., None] * (target - self.rgb)

    def ellipse(self, x: float, y: float, rx: float, ry: float, turn: float = 0.0) -> Array:
        """Distance (approximate away from the edge) to an ellipse turned by `turn` radians."""
        u, v = self.x - x, self.y - y
        u, v = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
        return (np.hypot(u / rx, v / ry) - 1) * min(rx, ry)

    def stroke(self, points: Array, width: float | Array) -> Array:
        """Distance to a polyline of `points` (n, 2), `width` thick (a number, or one per point); infinite far away."""
        widths = np.broadcast_to(np.asarray(width, float), (len(points),))
        reach = widths.max() + 0.03
        window = self._window(points.min(axis=0) - reach, points.max(axis=0) + reach)
        x, y = self.x[window], self.y[window]
        nearest = np.full_like(x, np.inf)
        for a, b, thick in zip(points[:-1], points[1:], widths[1:], strict=True):
            way = b - a
            along = np.clip(((x - a[0]) * way[0] + (y - a[1]) * way[1]) / max(way @ way, 1e-12), 0, 1)
            gap = np.hypot(x - a[0] - along * way[0], y - a[1] - along * way[1])
            np.minimum(nearest, gap - thick / 2, out=nearest)
        distance = np.full_like(self.x, np.inf)
        distance[window] = nearest
        return distance

    def polygon(self, *corners: tuple[float, float]) -> Array:
        """Distance to a convex polygon, corners clockwise on the screen."""
        distance = np.full_like(self.x, -np.inf)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
            length = np.hypot(bx - ax, by - ay)
            edge = ((self.x - ax) * (by - ay) - (self.y - ay) * (bx - ax)) / length
            np.maximum(distance, edge, out=distance)
        return distance


def colour(text: str) -> Array:
    """ "#ff8800" → three floats 0…1."""
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def curve(*points: tuple[float, float], samples: int = 12) -> Array:
    """A smooth line (Catmull–Rom) through `points`, as (n, 2)."""
    p = np.array([points[0], *points, points[-1]], float)
    s = np.linspace(0, 1, samples, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        square, cube = 2 * a - 5 * b + 4 * c - d, 3 * b - a - 3 * c + d
        parts.append(0.5 * (2 * b + (c - a) * s + square * s**2 + cube * s**3))
    return np.concatenate([*parts, p[-1:]])


def ridge(x: Array, height: float, rough: float, seed: int) -> Array:
    """A mountain line: sines of falling size with seeded phases."""
    draw = np.random.default_rng(seed)
    line = np.full_like(x, height)
    for octave in range(7):
        line += rough * 0.55**octave * np.sin(2 * np.pi * (1.7**octave * 1.3 * x + draw.random()))
    return line


def sunset(c: Canvas) -> None:
    """A low sun between mountains, mirrored in a lake."""
    c.fill("#27335f", "#5a4a86", "#b6638a", "#f08a6b", "#fcc57a", "#fde3a1", along=c.y / 0.66)
    sun_x, sun_y, shore = 0.60, 0.50, 0.66
    gap = np.hypot(c.x - sun_x, c.y - sun_y)
    c.light(0.75 * np.exp(-gap / 0.12), "#ffe9b0")
    c.paint(gap - 0.075, "#fff6da", soft=0.012)
    for y, width, x in ((0.17, 0.20, 0.30), (0.235, 0.28, 0.66), (0.31, 0.16, 0.22), (0.36, 0.2, 0.84)):
        cloud = c.ellipse(x, y + 0.005 * np.sin(17 * c.x + 9 * y) + 0.002 * np.sin(61 * c.x), width, 0.011)
        c.paint(cloud, "#ffc3a0", soft=0.02, opacity=0.55)
    for height, rough, seed, ink, foot in (
        (0.50, 0.035, 5, "#a2628c", "#f0a07f"),
        (0.565, 0.030, 2, "#66466f", "#b06e7e"),
        (0.625, 0.022, 11, "#33294f", "#5a3d63"),
    ):
        line = ridge(c.x, height, rough, seed)
        haze = np.clip((c.y - line) / 0.13, 0, 1)[..., None]
        c.paint(line - c.y, colour(ink) * (1 - haze) + colour(foot) * haze)
    # the lake mirrors what is above the shore, dimmed, with ripples that widen towards us
    depth = np.clip((c.y - shore) / (1 - shore), 0, 1)
    ripple = 0.006 * np.sin(260 * (c.y - shore) / (0.35 + depth)) * (0.4 + depth)
    rows = np.clip(2 * shore - c.y + 2 * ripple, 0, shore - 0.5 / c.size)
    columns = np.clip(c.x + ripple, 0, 1)
    at = (rows * c.size).astype(int), np.clip((columns * c.size).astype(int), 0, c.size - 1)
    mirror = c.rgb[at] * (0.86 - 0.30 * depth[..., None]) + 0.05 * colour("#39406f")
    c.paint(shore - c.y, mirror)
    for x, y, tall in ((0.06, 0.97, 0.42), (0.16, 1.0, 0.30), (0.95, 0.99, 0.36)):
        for k in range(9):  # spruces: a stack of triangles
            top = y - tall * (1 - k / 10)
            half = 0.010 + 0.006 * k
            c.paint(c.polygon((x, top), (x + half, top + 0.065), (x - half, top + 0.065)), "#171530")


def balloon(c: Canvas) -> None:
    """A striped hot-air balloon above green hills."""
    c.fill("#4f9bd8", "#8cc6ea", "#cfe8f2", "#f6efdc")
    for x, y, size in ((0.16, 0.22, 0.07), (0.25, 0.235, 0.055), (0.205, 0.19, 0.06), (0.83, 0.40, 0.05),
                       (0.90, 0.41, 0.06), (0.865, 0.375, 0.045)):  # fmt: skip
        c.paint(c.ellipse(x, y, size * 1.3, size * 0.62), "#ffffff", soft=0.02, opacity=0.9)
    for height, rough, seed, ink, foot in (
        (0.80, 0.020, 3, "#8fb78a", "#b9cf9c"),
        (0.86, 0.022, 8, "#5f9a63", "#8cb872"),
        (0.93, 0.018, 4, "#33744f", "#5b9a5a"),
    ):
        line = ridge(c.x, height, rough, seed)
        haze = np.clip((c.y - line) / 0.12, 0, 1)[..., None]
        c.paint(line - c.y, colour(ink) * (1 - haze) + colour(foot) * haze)
    x0, y0, radius = 0.52, 0.36, 0.235
    drop = np.clip((c.y - y0) / 0.33, 0, 1)
    wide = radius * np.sqrt(np.clip(1 - ((c.y - y0) / radius) ** 2, 1e-6, 1))  # the round upper half …
    wide = np.where(c.y > y0, radius * (1 - 0.80 * drop**1.55), wide)  # … runs out in a cone
    across = (c.x - x0) / np.maximum(wide, 1e-3)
    inside = np.maximum(np.abs(c.x - x0) - wide, np.maximum(y0 - radius - c.y, c.y - (y0 + 0.315)))
    turn = np.arcsin(np.clip(across, -1, 1)) / np.pi + 0.5  # 0…1 around the visible half
    stripes = np.array([colour(s) for s in ("#e4572e", "#f9c74f", "#f4f1de", "#2a9d8f", "#264f78", "#2a9d8f",
                                            "#f4f1de", "#f9c74f", "#e4572e")])  # fmt: skip
    stripe = np.clip(turn * 9, 0, 8.999)
    turning = np.maximum(wide * np.sqrt(np.clip(1 - across**2, 0.02, 1)), 1e-3)
    pixel = 9 / (np.pi * c.size * turning)  # how much of a stripe one pixel is
    following = np.clip((stripe % 1 - 1) / pixel + 1, 0, 1)[..., None]
    number = stripe.astype(int)
    ink = stripes[number] * (1 - following) + stripes[np.minimum(number + 1, 8)] * following
    band = np.abs(c.y - y0 - 0.02) < 0.022
    ink = np.where(band[..., None], colour("#7a2e3a"), ink)
    shade = np.clip(1.08 - 0.45 * (across * 0.5 + 0.5) ** 2 - 0.18 * drop, 0, 1.1)[..., None]
    c.paint(inside, np.clip(ink * shade, 0, 1))
    c.light(0.35 * np.exp(-(((c.x - 0.43) / 0.055) ** 2) - ((c.y - 0.25) / 0.075) ** 2), "#ffffff")
    for side in (-0.042, -0.014, 0.014, 0.042):
        rope = np.array([(x0 + side, y0 + 0.31), (x0 + side * 0.8, y0 + 0.385)])
        c.paint(c.stroke(rope, 0.004), "#5b4636")
    basket = c.polygon((x0 - 0.04, 0.74), (x0 + 0.04, 0.74), (x0 + 0.032, 0.80), (x0 - 0.032, 0.80))
    c.paint(basket, "#8a5a34")
    c.paint(np.maximum(basket, np.abs(c.y - 0.748) - 0.008), "#5b3920")


def cat(c: Canvas) -> None:
    """A ginger cat that looks at you."""
    gap = np.hypot(c.x - 0.5, c.y - 0.42)
    c.fill("#9fd6cf", "#4fa3a5", "#2a7180", along=np.clip(gap / 0.75, 0, 1))
    c.paint(c.ellipse(0.5, 1.06, 0.36, 0.33), "#d9782f")
    c.paint(c.ellipse(0.5, 1.08, 0.17, 0.28), "#fff1dd", soft=0.02)
    for s in (-1, 1):
        ear = [(0.5 + s * 0.30, 0.13), (0.5 + s * 0.36, 0.50), (0.5 + s * 0.06, 0.28)]
        inner = [(0.5 + s * 0.275, 0.20), (0.5 + s * 0.315, 0.43), (0.5 + s * 0.13, 0.30)]
        c.paint(c.polygon(*(ear if s > 0 else ear[::-1])) - 0.02, "#d9782f")
        c.paint(c.polygon(*(inner if s > 0 else inner[::-1])) - 0.012, "#f3b3a0", soft=0.015)
    head = c.ellipse(0.5, 0.55, 0.375, 0.315)
    fur = np.clip((c.y - 0.25) / 0.6, 0, 1)[..., None]
    c.paint(head, colour("#f09a45") * (1 - fur) + colour("#dd7c30") * fur)
    for x, tilt, low in ((0.5, 0.0, 0.40), (0.425, 0.28, 0.375), (0.575, -0.28, 0.375)):
        mark = np.array([(x - 0.35 * tilt * 0.15, 0.255), (x + tilt * 0.06, low)])
        c.paint(np.maximum(c.stroke(mark, 0.034), head), "#b55a1f", soft=0.012)
    for s in (-1, 1):
        for k in range(2):
            mark = curve((0.5 + s * 0.37, 0.52 + 0.075 * k), (0.5 + s * 0.31, 0.545 + 0.065 * k),
                         (0.5 + s * 0.265, 0.565 + 0.055 * k))  # fmt: skip
            c.paint(np.maximum(c.stroke(mark, 0.024), head), "#b55a1f", soft=0.012)
    for s in (-1, 1):
        c.paint(c.ellipse(0.5 + s * 0.075, 0.70, 0.115, 0.09), "#fff1dd", soft=0.03)
    c.paint(c.ellipse(0.5, 0.775, 0.085, 0.06), "#fff1dd", soft=0.03)
    for s in (-1, 1):
        x, y = 0.5 + s * 0.155, 0.53
        c.paint(c.ellipse(x, y, 0.082, 0.077, s * 0.12), "#3b2416")
        iris = np.clip((c.y - y) / 0.14 + 0.5, 0, 1)[..., None]
        green = colour("#7fb03a") * (1 - iris) + colour("#dbe37a") * iris
        c.paint(c.ellipse(x, y, 0.072, 0.068, s * 0.12), green)
        c.paint(c.ellipse(x, y, 0.028, 0.060), "#15100c")
        c.paint(c.ellipse(x - 0.024, y - 0.027, 0.017, 0.017), "#ffffff")
        c.paint(c.ellipse(x + 0.022, y + 0.026, 0.008, 0.008), "#ffffff", opacity=0.8)
    nose = c.polygon((0.462, 0.628), (0.538, 0.628), (0.50, 0.668)) - 0.008
    c.paint(nose, "#d4626a")
    for s in (-1, 1):
        mouth = curve((0.5, 0.672), (0.5 + s * 0.012, 0.712), (0.5 + s * 0.06, 0.722),
                      (0.5 + s * 0.095, 0.695))  # fmt: skip
        c.paint(c.stroke(mouth, 0.010), "#6b3a22")
        for k in range(3):
            whisker = curve((0.5 + s * 0.13, 0.685 + 0.022 * k), (0.5 + s * 0.30, 0.650 + 0.045 * k),
                            (0.5 + s * 0.455, 0.640 + 0.075 * k))  # fmt: skip
            c.paint(c.stroke(whisker, 0.0055), "#fffaf2", opacity=0.95)


def flower(c: Canvas) -> None:
    """A dahlia: rings of petals whose number and size follow the golden angle."""
    gap = np.hypot(c.x - 0.5, c.y - 0.5)
    c.fill("#2f4a3c", "#1d3229", "#101d1a", along=np.clip(gap / 0.7, 0, 1))
    for k in range(7):
        a = 0.4 + 2 * np.pi * k / 7
        leaf = c.ellipse(0.5 + 0.38 * np.cos(a), 0.5 + 0.38 * np.sin(a), 0.17, 0.075, a)
        c.paint(leaf, "#3f7a4c")
        vein = np.array([(0.5 + r * np.cos(a), 0.5 + r * np.sin(a)) for r in (0.25, 0.54)])
        c.paint(c.stroke(vein, 0.006), "#6aa46c", opacity=0.8)
    golden = np.pi * (3 - np.sqrt(5))
    petals = 130
    for k in range(petals):
        out = 1 - k / petals  # the outermost first, the heart last
        a, r = k * golden, 0.335 * out**0.62
        long, broad = 0.030 + 0.085 * out, 0.016 + 0.036 * out
        x, y = 0.5 + r * np.cos(a), 0.5 + r * np.sin(a)
        near = c.around(x, y, 1.6 * long + 0.02)
        u = (near.x - x) * np.cos(a) + (near.y - y) * np.sin(a)
        v = (near.y - y) * np.cos(a) - (near.x - x) * np.sin(a)
        petal = (np.hypot(u / long, v / (broad * (1 - 0.35 * u / long))) - 1) * broad
        tip = np.clip(u / long * 0.5 + 0.5, 0, 1)[..., None]
        ink = (colour("#c2185b") * out + colour("#f6b73c") * (1 - out)) * (0.55 + 0.45 * tip)
        ink = ink + 0.30 * tip**3 * (colour("#ffe3ec") - ink)
        near.paint(petal - 0.004, "#4a0a2b", soft=0.012, opacity=0.45)  # the shadow on those below
        near.paint(petal, np.clip(ink, 0, 1))


def digit(c: Canvas) -> None:
    """A seven written by hand: white ink on black, as in the most-used data set of them all."""
    line = curve((0.27, 0.27), (0.40, 0.245), (0.56, 0.255), (0.725, 0.235), (0.66, 0.39), (0.555, 0.58),
                 (0.475, 0.80))  # fmt: skip
    press = 0.082 + 0.018 * np.sin(np.linspace(0.4, 5.4, len(line)))
    c.paint(c.stroke(line, press), "#f4f4f4", soft=0.022)
    bar = curve((0.40, 0.555), (0.53, 0.525), (0.69, 0.535))
    c.paint(c.stroke(bar, np.linspace(0.072, 0.050, len(bar))), "#f4f4f4", soft=0.022)


def card(c: Canvas) -> None:
    """A test card: zone plate (every frequency), checkers, colour bars, grey ramp."""
    c.fill("#808080", "#808080")
    r2 = (c.x - 0.5) ** 2 + (c.y - 0.5) ** 2
    disc = np.hypot(c.x - 0.5, c.y - 0.5) - 0.335
    zone = 0.5 + 0.5 * np.cos(2 * np.pi * 36 * 4 * r2)  # local frequency grows linearly with the radius
    bars = np.array([colour(s) for s in ("#ffffff", "#ffe100", "#00d5e0", "#14c038", "#d42fc0", "#e02020",
                                         "#2038d0", "#101010")])  # fmt: skip
    c.paint(c.y - 0.14, bars[np.clip((c.x * 8).astype(int), 0, 7)])
    c.paint(0.86 - c.y, np.repeat(c.x[..., None], 3, axis=-1))
    squares = ((c.x * 16).astype(int) + (c.y * 16).astype(int)) % 2
    middle = np.maximum(0.14 - c.y, c.y - 0.86)
    c.paint(middle, np.where(squares[..., None] == 1, 0.62, 0.38) * np.ones(3))
    c.paint(disc - 0.012, "#f5f5f5")
    c.paint(disc, np.repeat(zone[..., None], 3, axis=-1))


PICTURES: dict[str, Callable[[Canvas], None]] = {
    "sunset": sunset,
    "cat": cat,
    "balloon": balloon,
    "flower": flower,
    "digit": digit,
    "test card": card,
}


@lru_cache(maxsize=64)
def _pixels(name: str, size: int) -> bytes:
    canvas = Canvas(size)
    PICTURES[name](canvas)
    return np.rint(np.clip(canvas.rgb, 0, 1) * 255).astype(np.uint8).tobytes()


def picture(name: str, size: int = 256) -> Image.Image:
    """The bundled picture `name` (a key of PICTURES), RGB, size × size."""
    return Image.frombytes("RGB", (size, size), _pixels(name, size))
