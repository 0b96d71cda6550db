"""A run as a Jupyter notebook that makes the same picture again with this package."""

from __future__ import annotations

import json
import pprint
from collections.abc import Sequence

from PIL import Image

from playground import images
from playground.runs.records import RunRecord

TITLE = "# A run of the diffusion playground\nIts settings, and the same picture again, checked by its hash."

SETUP = """\
# Run this in a folder that has the playground in it: its `playground` package and its `checkpoints`.
import base64
from PIL import Image
from playground.images import encoded, open_picture, to_pixels, to_tensor
from playground.runs import Live, engine_for, lane_for, sha256

engine = engine_for({checkpoint!r})
"""

PICTURE = """\
{name} = to_tensor(open_picture(base64.b64decode({picture!r})), engine.picture_size)
"""

BITS = """\
import numpy as np, torch
{name} = torch.from_numpy(np.array(open_picture(base64.b64decode({bits!r})))[..., 0] > 127)  # {what}
"""
WHAT = {"mask": "True where it is made anew", "lines": "True on a line"}

BETWEEN = """\
from playground.samplers.noise import noise_between  # the start lies between the noise of two seeds
noise = noise_between(settings["seed"], settings["other_seed"], settings["share"])
"""

RUN = """\
lane = lane_for(engine, settings{more})
for frames in Live(engine, [lane]).frames():  # each is one step: x_t, what the network makes of it, the noise it sees
    for frame in frames:
        print(f"t = {{frame.t:6.1f}}   signal left: {{frame.alpha_bar:7.2%}}   evaluations: {{frame.nfe}}")
"""

CHECK = """\
pixels = to_pixels(lane.final)
same = sha256(pixels) == {sha256!r}
print("The same picture, to the last bit." if same else "Not the same bits: another device rounds otherwise.")
"""

SHOW = """\
Image.fromarray(pixels).resize((256, 256), Image.Resampling.NEAREST)
"""


def notebook(records: Sequence[RunRecord]) -> str:
    """The .ipynb (nbformat 4.5) as text: one section for each picture."""
    cells = [_text(TITLE), _code(SETUP.format(checkpoint=records[0].settings.get("checkpoint")))]
    for record in records:
        cells.append(_text(f"## {record.name}"))
        cells.append(_code(f"settings = {pprint.pformat(dict(record.settings), sort_dicts=False)}"))
        more = ""
        for name in ("start", "other"):  # the other one is mixed into it
            if (picture := getattr(record, name)) is not None:
                more += f", {name}={name}"
                cells.append(_code(PICTURE.format(name=name, picture=images.encoded(images.to_png(picture)))))
        for name, what in WHAT.items():
            if (bits := getattr(record, name)) is not None:
                more += f", {name}={name}"
                bits = images.encoded(images.to_png(Image.fromarray(bits)))
                cells.append(_code(BITS.format(name=name, bits=bits, what=what)))
        if "share" in record.settings:
            more += ", noise=noise"
            cells.append(_code(BETWEEN))
        cells += [_code(RUN.format(more=more)), _code(CHECK.format(sha256=record.sha256)), _code(SHOW)]
    cells = [cell | {"id": f"cell-{k}"} for k, cell in enumerate(cells)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, ensure_ascii=False, indent=1)


def _text(source: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def _code(source: str) -> dict:
    lines = source.rstrip().splitlines(keepends=True)
    return {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": lines}
