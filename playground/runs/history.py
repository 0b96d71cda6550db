"""How a model got there: what its training wrote beside the weights, read as what anybody may have written."""

from __future__ import annotations

import json
import math

from playground import checkpoints
from playground.errors import UserError
from playground.images import encoded, open_picture

MOST = 100  # points


def history_of(name: str) -> dict:
    """{"name", "points", "columns", "side", "sheet"} of a checkpoint.

    points: of the training, each {"images", "seconds", "loss" or None, "errors": {log-SNR: error}}; columns: what was
    asked for in the pictures of a point, a row of `side` × `side` pixels in the sheet, a WebP as a data address. What
    the checkpoint has not, or what can't be read, is empty.
    """
    told = {"name": name, "points": [], "columns": [], "side": 0, "sheet": ""}
    try:
        content = json.loads(checkpoints.beside(name, "history.json"))
        told["points"] = [_point(point) for point in content["points"][:MOST]]
        samples = content["samples"]
        side, file = int(samples["side"]), checkpoints.beside(name, "history.webp")
        columns = [_asked(picture) for picture in samples["pictures"]]
        if open_picture(file).size == (side * len(columns), side * len(content["points"])):
            told |= {"columns": columns, "side": side, "sheet": f"data:image/webp;base64,{encoded(file)}"}
    except (ValueError, KeyError, TypeError, AttributeError, UserError):
        pass
    return told


def _point(point: dict) -> dict:
    errors = {str(level): _number(error) for level, error in point["errors"].items()}
    loss = None if point.get("loss") is None else _number(point["loss"])
    return {"images": int(point["images"]), "seconds": _number(point["seconds"]), "loss": loss, "errors": errors}


def _number(value: object) -> float:
    if not math.isfinite(number := float(value)):
        raise ValueError("not a number")
    return number


def _asked(picture: dict) -> str:
    return ", ".join(str(part) for part in (picture["prompt"], picture["style"]) if part)
