"""Inside the net at a step of a run: its blocks, what one says of x and where it looks, as the page shows it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from playground.engine import Job, Runner
from playground.errors import UserError
from playground.images import encoded
from playground.images.sheets import tiled
from playground.models.conditioning import Condition
from playground.models.denoiser import NOTHING
from playground.models.inside import Look, blocks_of, code, look
from playground.runs.lanes import engine_for, lane_for
from playground.runs.opened import kept_job, reached
from playground.schedules import Level

REMEMBERED = 64  # steps whose x is kept, so that a click on another block need not run to it again
COLUMNS = 16  # of feature maps on a picture for scripts
RED, WHITE, BLUE = ((178, 24, 43), (247, 247, 247), (33, 102, 172))

_asked: OrderedDict[tuple, tuple[Tensor, Level]] = OrderedDict()
_lock = threading.Lock()
_one = threading.Lock()  # one look at a time: it is for one pair of eyes, and the runs of all others go on


def question(engine: Runner, job: Job, index: int, who: object = None) -> tuple[Tensor, Level]:
    """What the net was asked at question `index`: x as it took it, (1, C, H, W) or, of a net that is told its last x̂0,
    (1, 2C, H, W), and the level. Raises UserError where there is no such question."""
    _sampling, asked, beliefs, _draws = reached(engine, job, index, who)
    x, level = asked[index]
    if engine.checkpoint.model.self_condition:
        x = torch.cat([x, beliefs[-1].x0.to(x) if beliefs else torch.zeros_like(x)], dim=1)
    return x, level


def looked(
    engine: Runner, job: Job, index: int, name: str = "", told: bool = True, who: object = None, key: tuple = ()
) -> tuple[Look, Level]:
    """A look inside at question `index` of a job. told: of the two times that it was asked, with the condition; `key`:
    what the question is remembered by. Raises UserError."""
    blocks_of(engine.checkpoint)  # a net that can't be opened is not run to the step for nothing
    with _lock:
        found = _asked.get(key)
    if found is None:
        found = question(engine, job, index, who)
        if key:
            with _lock:
                _asked[key] = found
                while len(_asked) > REMEMBERED:
                    _asked.popitem(last=False)
    with _one:
        return look(engine.checkpoint, *found, job.condition if told else NOTHING, name), found[1]


def inside(
    run: str, lane: int, index: int, name: str = "", head: int | None = None, told: bool = True, who: object = None
) -> dict:
    """A look inside at a step of a run that is kept, as the page shows it: plain JSON, arrays in base64.

    head: of an attention, which one of its heads; None for the mean of them all. Raises UserError.
    """
    engine, job = kept_job(run, lane)
    found, level = looked(engine, job, index, name, told, who, (run, lane, index))
    condition = job.condition if told else NOTHING
    return {
        "t": level.t, "asked_twice": job.guidance_scale not in (0, 1) and job.condition != NOTHING,
        "conditional": job.condition != NOTHING, "told": told, "block": name,
        "blocks": [vars(block) for block in found.blocks], "code": code(engine.checkpoint, name) if name else "",
        "maps": None if found.output is None else _maps(tiles_of(found.output)),
        "attention": _attention(found, condition, head), "grid": found.grid,
    }  # fmt: skip


def tiles_of(output: Tensor) -> Tensor:
    """What a block says, (C, H, W), as it is; a vector (C,) or the vectors of words, (L, C), as one map of as many
    rows."""
    return output if output.ndim == 3 else output.reshape(1, -1, output.shape[-1])


def _maps(tiles: Tensor) -> dict:
    """(C, H, W) as bytes −127 … 127, each map in units of its own largest number, which goes along."""
    peaks = tiles.abs().amax(dim=(1, 2))
    values = (127 * tiles / peaks.clamp(min=1e-30)[:, None, None]).round().to(torch.int8)
    return {"shape": list(tiles.shape), "values": encoded(values.numpy()), "peaks": peaks.tolist()}


def weights_of(found: Look, head: int | None) -> Tensor:
    """How much each position looks at each of what it looks at, (H·W, N), of one head or the mean of all."""
    return found.attention.mean(dim=0) if head is None else found.attention[head % len(found.attention)]


def words_of(found: Look, condition: Condition) -> list[str]:
    """What the columns of an attention to words are; the first, "", stands for none in particular. Empty where they are
    positions."""
    return ["", *condition.words][: found.attention.shape[2]] if found.to_words else []


def _attention(found: Look, condition: Condition, head: int | None) -> dict | None:
    if found.attention is None:
        return None
    rows = weights_of(found, head)
    peaks = rows.amax(dim=1)
    values = (255 * rows / peaks[:, None]).round().to(torch.uint8)
    return {
        "heads": len(found.attention), "head": head, "words": words_of(found, condition), "to": rows.shape[1],
        "values": encoded(values.numpy()), "peaks": peaks.tolist(),
    }  # fmt: skip


# ---------------------------------------------------------------------------------------------------- for scripts


def signed(tile: Tensor) -> np.ndarray:
    """A map (H, W) as uint8 (H, W, 3): red above 0, blue below, in units of its largest number."""
    share = (tile / tile.abs().max().clamp(min=1e-30)).clamp(-1, 1)[..., None]
    ends = [torch.tensor(colour, dtype=torch.float32) for colour in (RED, WHITE, BLUE)]
    return torch.lerp(ends[1], torch.where(share > 0, ends[0], ends[2]), share.abs()).round().to(torch.uint8).numpy()


def sheet(output: Tensor) -> np.ndarray:
    """All maps of a block on one picture, `COLUMNS` in a row."""
    maps = [np.pad(signed(tile), ((0, 1), (0, 1), (0, 0))) for tile in tiles_of(output)]
    maps += [np.zeros_like(maps[0])] * (-len(maps) % min(COLUMNS, len(maps)))
    width = min(COLUMNS, len(maps))
    return tiled([maps[k : k + width] for k in range(0, len(maps), width)])


def brightness(values: Tensor, grid: tuple[int, int]) -> np.ndarray:
    """A map of attention, (H·W,), as grey, white where it is largest."""
    grey = (255 * values / values.max().clamp(min=1e-30)).round().to(torch.uint8).reshape(grid)
    return grey[..., None].expand(*grid, 3).numpy()


def look_at(
    values: Mapping[str, object], index: int, name: str = "", told: bool = True, place: Sequence = ()
) -> tuple[list[tuple[str, np.ndarray]], dict]:
    """A look inside at question `index` of the run that page settings ask for: pictures with their file names, and what
    there is to say of it as plain JSON.

    place: (row, column) from which an attention to places is shown. Raises UserError.
    """
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    lane = lane_for(engine, values)
    condition = lane.job.condition if told else NOTHING
    found, level = looked(engine, lane.job, index, name, told)
    about = lane.settings | {"step": index, "t": level.t, "told": told, "blocks": [vars(b) for b in found.blocks]}
    if found.output is None:
        return [], about
    pictures = [("maps.png", sheet(found.output))]
    about |= {"block": name, "code": code(engine.checkpoint, name)}
    if found.attention is None:
        return pictures, about
    weights, (high, wide) = weights_of(found, None), found.grid
    if words := words_of(found, condition):
        pictures += [(f"word-{k}.png", brightness(weights[:, k], found.grid)) for k in range(len(words))]
        about |= {"words": words, "shares": weights.mean(dim=0).tolist()}
    elif place:
        if [type(at) for at in place] != [int, int] or not (0 <= place[0] < high and 0 <= place[1] < wide):
            raise UserError("A place is its row, up to {rows}, and its column, up to {columns}, from 0.",
                            rows=high - 1, columns=wide - 1)  # fmt: skip
        pictures.append(("looks.png", brightness(weights[place[0] * wide + place[1]], found.grid)))
    return pictures, about
