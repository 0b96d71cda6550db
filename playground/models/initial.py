"""The weights that a net is built with: drawn from a seed of its own, or not at all."""

from __future__ import annotations

import torch
from torch.overrides import TorchFunctionMode


class InitialWeights(TorchFunctionMode):
    """Within it, nets that this thread builds draw their weights from a seed; with None nothing is drawn, for whoever
    loads others in their place.

    Outside of it, `torch.nn` draws them from torch's own generator, which all threads share: whoever draws from it at
    that moment changes what comes out, and is changed by it.
    """

    def __init__(self, seed: int | None = None) -> None:
        super().__init__()
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if "generator" in kwargs and kwargs["generator"] is None:  # so are all of torch.nn.init called that draw
            if self.generator is None:
                return kwargs["tensor"]
            kwargs["generator"] = self.generator
        return function(*args, **kwargs)
