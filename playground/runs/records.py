"""Run records: a finished picture with every step that led to it, as bytes and numbers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from playground.images import to_pixels

MAX_STEPS = 100


@dataclass(frozen=True)
class Moment:
    """One step of a run: the sampler's x_t with what the network made of it; pictures are uint8 (H, W, 3)."""

    t: float
    alpha_bar: float
    x: np.ndarray
    x0_hat: np.ndarray
    eps_hat: np.ndarray
    nfe: int = 0  # network evaluations spent so far


@dataclass(frozen=True)
class RunRecord:
    """A finished run of one picture.

    `settings` are those that `settings.DEFAULTS` knows, by name; `steps` are `Moment`s, or anything with
    their attributes, from noise to data; `final` is uint8 (H, W, 3); `start` the picture it started from, if
    it did.
    """

    settings: Mapping[str, object]
    steps: Sequence[Moment]
    final: np.ndarray
    start: np.ndarray | None = None
    mask: np.ndarray | None = None  # bool (H, W), where it was made anew
    lines: np.ndarray | None = None  # bool (H, W), what it was asked to have
    timing: Mapping[str, float] | None = None  # seconds, steps, steps_per_second, seconds_per_step
    other: np.ndarray | None = None  # the picture that was mixed into `start`, by settings["mix"] of it

    @classmethod
    def of(cls, lane) -> RunRecord:
        """From a finished `runs.Lane`; of a long run, `MAX_STEPS` steps, evenly chosen."""
        steps = [frame for frame in lane.frames if not frame.last]
        if len(steps) > MAX_STEPS:
            steps = [steps[round(place)] for place in np.linspace(0, len(steps) - 1, MAX_STEPS)]
        start, other = (None if x is None else to_pixels(x) for x in (lane.start, lane.other))
        mask = None if lane.mask is None else lane.mask.numpy()
        made, count, timing = to_pixels(lane.final), lane.frames[-1].step, None
        lines = None if lane.lines is None else lane.lines.numpy()
        if count and lane.seconds:
            timing = {"seconds": round(lane.seconds, 4), "steps": count}
            timing |= {"steps_per_second": round(count / lane.seconds, 2)}
            timing |= {"seconds_per_step": round(lane.seconds / count, 6)}
        return cls(dict(lane.settings), steps, made, start, mask, lines, timing, other)

    @property
    def sha256(self) -> str:
        return sha256(self.final)

    @property
    def name(self) -> str:
        return file_name(self.settings)


def sha256(pixels: np.ndarray) -> str:
    """Of the 8-bit RGB pixels, row by row: what makes two pictures the same, whatever file they are in."""
    return hashlib.sha256(np.ascontiguousarray(pixels, dtype=np.uint8).tobytes()).hexdigest()


def file_name(settings: Mapping[str, object]) -> str:
    """A name, without its ending, by which a folder of pictures sorts itself:
    cat-face_noto_seed-7_ddim-20."""
    parts = [settings.get("prompt"), settings.get("style")]
    if "seed" in settings:
        parts.append(f"seed-{settings['seed']}")
    if "sampler" in settings:
        parts.append(f"{settings['sampler']}-{settings.get('steps', '')}")
    if "strength" in settings:
        parts.append(f"strength-{settings['strength']:g}")
    slugs = [re.sub(r"[^\w.-]+", "-", str(part or "").lower()).strip("-.") for part in parts]
    # File systems count bytes, 255 at most with what is added later; a character takes up to four.
    short = [slug.encode()[:60].decode(errors="ignore") for slug in slugs]
    return "_".join(slug for slug in short if slug) or "picture"


def same_picture(ours: np.ndarray, theirs: np.ndarray | str) -> str:
    """One sentence on how two uint8 (H, W, 3) pictures compare; of the other one its `sha256` may be all there is."""
    if sha256(ours) == (theirs if isinstance(theirs, str) else sha256(theirs)):
        return "The same picture, to the last bit."
    if isinstance(theirs, str):
        return "Another picture: the model, the device or the settings are not the same."
    if ours.shape != theirs.shape:
        return "Another picture: the sizes differ."
    if np.abs(ours.astype(int) - theirs.astype(int)).max() <= 1:
        return "The same picture, but for values that differ by one level of 255: another batch or device rounds so."
    return "Another picture: the model, the device or the settings are not the same."
