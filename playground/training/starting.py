"""Going on from another training's weights."""

from __future__ import annotations

import torch
from torch import Tensor

from playground.checkpoints import Checkpoint
from playground.errors import UserError


def begin_with(net: Checkpoint, start: Checkpoint) -> None:
    """Takes over the weights of `start`. A net from before there were sketches gets one, a narrower sketch gets more
    units; neither changes anything at first. A word or a style that `start` does not know begins as none at all.

    Raises:
        UserError: `start` is another net.
    """
    weights = {key: weight for key, weight in start.state_dict().items() if not key.startswith("space.")}
    own = net.state_dict()
    try:
        for key in weights.keys() & own.keys():
            if key.startswith("model.sketch."):
                weights[key] = widened(weights[key], own[key])
            elif key in ("conditioner.word.weight", "conditioner.style.weight"):
                new = len(own[key]) - len(weights[key])
                weights[key] = torch.cat([weights[key], weights[key][:1].expand(new, -1)])
        missing, unknown = net.load_state_dict(weights, strict=False)
        if unknown or any(not key.startswith(("model.sketch.", "model.stem_sketch.")) for key in missing):
            raise RuntimeError("weights of another net")
    except RuntimeError as error:
        raise UserError("“{name}” is another net.", name=start.name) from error


def widened(narrow: Tensor, fresh: Tensor) -> Tensor:
    """A layer's weight with more units, which what follows does not listen to yet: Net2Net, Chen et al. 2015
    (arXiv:1511.05641). fresh: as initialised, no smaller in any dimension."""
    wide = fresh.clone()
    wide[: len(narrow)] = 0
    wide[tuple(slice(size) for size in narrow.shape)] = narrow
    return wide
