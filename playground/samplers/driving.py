"""What a sampler asks, and how to answer it with one denoiser."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

import torch
from torch import Tensor

from playground.predictions import Prediction
from playground.schedules import Level

Query = tuple[Tensor, Level]
Noise = Callable[[Sequence[int]], Tensor]
Sampling = Generator[Query, Prediction, Tensor]


@torch.no_grad()
def run(
    sampler: Sampling,
    denoise: Callable[[Tensor, Level], Prediction],
    record: Callable[[Tensor, Level, Prediction], None] | None = None,
) -> Tensor:
    """Drive a sampler to its end; `record(x, level, prediction)` sees every query with its answer."""
    prediction = None
    while True:
        try:
            query = sampler.send(prediction)
        except StopIteration as end:
            return end.value
        prediction = denoise(*query)
        if record:
            record(*query, prediction)
