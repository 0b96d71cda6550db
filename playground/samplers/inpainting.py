"""Inpainting with a model that was never trained for it: what is known is put back into every question.

`filled` wraps any sampler, since all that a sampler does, it does to each number of x alone: only the model carries
anything from one place to another, so only what the model is shown has to hold the known part. `fill` adds RePaint's
resampling: stretches of the run are gone through several times, so that what is made comes to fit what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.predictions import Prediction, q_sample, rates
from playground.samplers.driving import Noise, Sampling
from playground.schedules import Level

# As in `samplers.anatomy`; the second line where stretches are gone through several times.
FORMULAS = (
    "around the hole x′ = a′·x0 + s′·z",
    "at the end of a stretch back to its beginning: x′ = √α·x + √(1 − α)·z, α = a²/a′²",
)


@dataclass(frozen=True, eq=False)
class Hole:
    """What is to be made anew, and how.

    x0: the known picture in the model's own space, (1, C, H, W); mask: bool (1, 1, H, W), True where it is made anew;
    resamplings: how often each stretch is gone through, 1 is replacement alone; jump: steps of a stretch.
    """

    x0: Tensor
    mask: Tensor
    resamplings: int = 1
    jump: int = 10

    def __getstate__(self) -> dict:
        return vars(self) | {"x0": self.x0.numpy(), "mask": self.mask.numpy()}

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state, x0=torch.from_numpy(state["x0"]), mask=torch.from_numpy(state["mask"]))


def filled(sampling: Sampling, hole: Hole, noise: Noise) -> Sampling:
    """`sampling`, with the known part replaced by x0 noised afresh to the level of each question: Song et al. 2021b,
    appendix I.2; Lugmayr et al. 2022 (arXiv:2201.09865), eq. 8.

    The sampler is told that the model believes in x0 where it is known; x0 stands there at the end, to the last bit.
    """
    prediction = None
    while True:
        try:
            x, level = sampling.send(prediction)
        except StopIteration as end:
            return torch.where(hole.mask, end.value, hole.x0)
        seen = yield torch.where(hole.mask, x, q_sample(hole.x0, level, noise(x.shape))), level
        a, s = rates(level, x)
        prediction = Prediction(
            torch.where(hole.mask, seen.x0, hole.x0), torch.where(hole.mask, seen.eps, (x - a * hole.x0) / s), level
        )


def fill(
    function: Callable[..., Sampling], x: Tensor, levels: Sequence[Level], noise: Noise, hole: Hole, **knobs: object
) -> Sampling:
    """The sampler `function` with a hole to fill; the other arguments are the sampler's own.

    With resamplings r > 1, RePaint: Lugmayr et al. 2022, algorithm 1, in the order of section 5. Each stretch of
    `jump` steps is gone through r times, x noised back to its beginning in between; the last step, and the steps at
    the beginning that make no whole stretch, once. A solver that looks back begins anew with each stretch.
    """
    for stretch, times in stretches(len(levels) - 1, hole.resamplings, hole.jump):
        part = [levels[k] for k in stretch]
        for turn in range(times):
            if turn:
                x = renoised(x, part[-1], part[0], noise(x.shape))
            x = yield from filled(function(x, part, noise, **knobs), hole, noise)
    return x


def stretches(steps: int, resamplings: int, jump: int) -> Iterator[tuple[range, int]]:
    """(places in the list of levels, how often to go through them), from noise to data."""
    if resamplings == 1 or steps <= jump:  # there is no whole stretch before the last step
        yield range(steps + 1), 1
        return
    first = (steps - 1) % jump
    if first:
        yield range(first + 1), 1
    for begin in range(first, steps - 1, jump):
        yield range(begin, begin + jump + 1), resamplings
    yield range(steps - 1, steps + 1), 1


def renoised(x: Tensor, there: Level, here: Level, eps: Tensor) -> Tensor:
    """x taken back from `there` to the noisier level `here`, a draw of q(x_here | x_there) made from eps: what as many
    links of the chain would do one by one (Ho et al. 2020, eq. 2)."""
    alpha = here.alpha_bar / there.alpha_bar
    return alpha**0.5 * x + (1 - alpha) ** 0.5 * eps
