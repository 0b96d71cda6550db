"""The easel of the Paint tab on the server's side: what a sheet asks for, and what the page's canvas may ask itself."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from playground.errors import UserError
from playground.images import bundled, encoded, to_pixels, to_tensor
from playground.images.lines import line_map
from playground.page.controls import answered
from playground.runs import Live
from playground.runs.experiments import last, painted
from playground.runs.settings import check

LARGEST = 256  # side of a sheet
ASKING = 64  # questions of easels at once; the engine takes turns among them
MOST = 200  # questions to the network for one stroke


def of_sheet(asked: Mapping[str, object], who: object = None) -> Live:
    """The run that a sheet with its settings asks for, as the page sends them. Raises UserError."""
    mode = check("paint_mode", asked.get("paint_mode"))
    picture = picture_of(asked, "picture", 3)
    mask = picture_of(asked, "mask", 1) if mode == "fill" else None
    lines = picture_of(asked, "lines", 1) if mode == "lines" else None
    beside = {"other_picture": check("picture", asked.get("other_picture")) or "sunset"} if mode == "mix" else {}
    other = bundled_picture(beside["other_picture"]) if beside else None
    values = {name: value for name, value in asked.items() if name not in ("picture", "mask", "lines")}
    values |= {"sampler": asked.get("paint_sampler"), "steps": asked.get("paint_steps")}
    values |= {name: check(f"paint_{name}", values[name]) for name in ("sampler", "steps")}
    live = painted(values, picture, mask, other, lines, who)
    for lane in live.lanes:  # what brings the sheet back
        lane.settings |= {"paint_mode": mode} | beside
        lane.settings |= {f"paint_{name}": values[name] for name in ("sampler", "steps")}
    return live


def bundled_picture(name: str) -> Image.Image:
    """A bundled picture by name, LARGEST pixels a side. Raises UserError where there is none of that name."""
    if name not in bundled.PICTURES:
        names = ", ".join(bundled.PICTURES)
        raise UserError("There is no picture “{name}”; there are {names}.", name=name, names=names)
    return bundled.picture(name, LARGEST)


def picture_of(asked: Mapping[str, object], name: str, depth: int) -> Image.Image:
    """A square of n × n pixels of `depth` bytes each in base64. Raises UserError for whatever else comes."""
    side, text = asked.get("n"), asked.get(name)
    wrong = UserError("This question has no picture, or one of a wrong size.")
    if type(side) is not int or not 1 <= side <= LARGEST or not isinstance(text, str):
        raise wrong
    if len(text) > 2 * depth * side * side + 4:
        raise wrong
    try:
        pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(side, side, depth)
    except ValueError as error:
        raise wrong from error
    return Image.fromarray(pixels if depth == 3 else pixels[..., 0])


def questions(device: object) -> list[Callable]:
    """What the easel asks: the model's answer to a sheet, a bundled picture to paint on, and the lines of a picture.

    An easel has one question in work at a time, and asks the next when it has the answer; it says itself who it is, for
    these functions know no sessions.
    """
    asking: set[str] = set()

    @answered
    def answer(asked):
        if not isinstance(asked, dict):
            raise UserError("This question has no picture, or one of a wrong size.")
        who = str(asked.get("who"))[:64]
        if who in asking or len(asking) >= ASKING:
            return {"busy": True}
        asking.add(who)
        try:
            began = time.perf_counter()
            live = of_sheet({**asked, "device": device}, who)
            lane = live.lanes[-1]
            nfe = (lane.job.steps_hint or 0) * lane.rows
            if nfe > MOST:
                raise UserError("That takes {nfe} evaluations for every stroke: press “Step by step” for it, or take "
                                "fewer steps.", nfe=nfe)  # fmt: skip
            final = last(live)
        finally:
            asking.discard(who)
        return {
            "n": live.engine.picture_size, "pixels": encoded(to_pixels(final)), "seq": asked.get("seq"),
            "nfe": nfe, "unknown": list(lane.unknown),
            "device": str(live.engine.device), "ms": round(1000 * (time.perf_counter() - began), 1),
        }  # fmt: skip

    @answered
    def ground(asked):
        name = check("picture", asked.get("picture") if isinstance(asked, dict) else None)
        picture = bundled_picture(name or "cat")
        return {"n": LARGEST, "pixels": encoded(np.asarray(picture))}

    @answered
    def trace(asked):
        picture = picture_of(asked if isinstance(asked, dict) else {}, "picture", 3)
        lines = line_map(to_tensor(picture, picture.width))[0, 0] > 0
        return {"n": picture.width, "lines": encoded(lines.numpy().astype(np.uint8) * 255)}

    return [answer, ground, trace]
