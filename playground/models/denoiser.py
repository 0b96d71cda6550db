"""Denoisers: what looks at a noised picture and says what it believes is in it.

    denoise(x, levels, conditions=None) -> Prediction

x: (B, C, H, W) float64 on the CPU; levels: one `Level` for all rows or one per row; conditions: one
`Condition` per row, or None for the unconditional model. The U-Net, the closed forms of `theory.exact`
and the wrappers below all have this type, so that every tab and every test can use any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.errors import UserError
from playground.models import Model
from playground.models.conditioning import Condition
from playground.models.runtimes import Runtime, best, eager
from playground.predictions import Prediction, clip, guide
from playground.schedules import Level, spaced

NOTHING = Condition()  # the unconditional model
TRIAL_STEPS = 8  # of the pictures by which a runtime is judged
Denoiser = Callable[..., Prediction]


def per_row(levels: Level | Sequence[Level], rows: int) -> list[Level]:
    """One level for each of so many rows. Raises ValueError where there are not as many levels as rows."""
    levels = [levels] * rows if isinstance(levels, Level) else list(levels)
    if len(levels) != rows:
        raise ValueError(f"{len(levels)} levels for {rows} pictures")
    return levels


def rows_of(prediction: Prediction, rows: Sequence[int]) -> Prediction:
    """Some rows of a prediction, in any order, any of them more than once."""
    level = prediction.level
    levels = level if isinstance(level, Level) else [level[row] for row in rows]
    return Prediction(prediction.x0[rows], prediction.eps[rows], levels)


class UNetDenoiser:
    """A checkpoint's U-Net as a denoiser: float32 inside, on its device; float64 on the CPU outside.

    A self-conditioned net is asked with its own x̂0 of the step before stacked on x's channels, (B, 2C, H, W).

    Args:
        checkpoint: the net and what it was trained to say.
        runtime: what runs the network; by default plain PyTorch, on the device where the weights are.
    """

    def __init__(self, checkpoint: Model, runtime: Runtime | None = None) -> None:
        self.checkpoint = checkpoint
        self.runtime = runtime or eager(net_of(checkpoint))
        # A condition is the same for all steps of a run: a prompt is read once.
        self._told = lru_cache(maxsize=1024)(self._encode)

    def speed_up(self) -> None:
        """Goes over to the fastest runtime there is for this net on this machine. Takes a second or more."""
        self.runtime = fastest(self.checkpoint)

    def _encode(self, condition: Condition) -> tuple[Tensor, ...]:
        return told(self.checkpoint, [condition])

    @torch.inference_mode()
    def output(self, x: Tensor, levels: Sequence[Level], conditions: Sequence[Condition]) -> Tensor:
        """What the net itself says, (B, C, H, W) float32, of whatever kind it was trained to say; of a self-conditioned
        net x is (B, 2C, H, W)."""
        t = torch.tensor([float(level.t) for level in levels], dtype=torch.float32, device="cpu")
        told = zip(*(self._told(condition) for condition in conditions), strict=True)
        return self.runtime.forward(x.float(), t, *(torch.cat(rows) for rows in told))

    def __call__(
        self, x: Tensor, levels: Level | Sequence[Level], conditions: Sequence[Condition] | None = None
    ) -> Prediction:
        c = self.checkpoint
        if c.model.self_condition and x.shape[1] == c.channels:
            x = torch.cat([x, torch.zeros_like(x)], dim=1)
        output = self.output(x, per_row(levels, len(x)), conditions or [NOTHING] * len(x))
        return Prediction.from_output(c.prediction_kind, output.to(x.dtype), x[:, : c.channels], levels)

    @torch.inference_mode()
    def attention_maps(self, x: Tensor, level: Level, condition: Condition) -> tuple[tuple[str, ...], Tensor]:
        """Which words each place of the picture looks at: (words, (W, H, W') float32), the weights of the net's
        cross-attention in x (1, C, H, W) at a level, the mean over its heads and layers; coarse grids are enlarged to
        the finest. At every place they add up to 1. The first word is "": no word in particular.

        Raises:
            UserError: the net has no cross-attention.
        """
        c, maps = self.checkpoint, []
        if not c.model.has_maps:
            raise UserError("This model has no cross-attention: its prompt acts on all places alike.")
        device = next(c.model.parameters()).device
        t = torch.tensor([float(level.t)], device=device)
        c.model(x.float().to(device), t, *c.encode([condition]), maps=maps)
        finest = max(part.shape[-1] for part in maps)
        mean = torch.stack([F.interpolate(part, size=(finest, finest)) for part in maps]).mean(dim=0)[0]
        return ("", *condition.words), mean[: 1 + len(condition.words)].float().cpu()


class Sketched(nn.Module):
    """A net that is told its own sketch, last: it is drawn once a prompt, not at every step. What draws it is a quarter
    of the weights of emoji-32."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *inputs: Tensor) -> Tensor:
        *inputs, sketch = inputs
        return self.net(*inputs, sketch=sketch)


def has_sketch(checkpoint: Model) -> bool:
    """Whether its net starts from a sketch of what was asked for, see `unet.Sketch`."""
    return getattr(checkpoint.model, "sketch", None) is not None


def net_of(checkpoint: Model) -> nn.Module:
    """A checkpoint's net as a runtime takes it: given x, t and what `told` says."""
    return Sketched(checkpoint.model) if has_sketch(checkpoint) else checkpoint.model


@torch.inference_mode()
def told(checkpoint: Model, conditions: Sequence[Condition]) -> tuple[Tensor, ...]:
    """What a net (`net_of`) is told of some pictures besides x and t: float32 on the CPU, a row for each picture."""
    parts = checkpoint.encode(conditions)
    if has_sketch(checkpoint):
        parts = *parts, checkpoint.model.sketch(parts[0])
    return tuple(part.float().cpu() for part in parts)


def an_example(checkpoint: Model) -> Condition:
    """Something that the model can be asked for."""
    if not checkpoint.conditional:
        return NOTHING
    return Condition(checkpoint.vocabulary.words[:1], checkpoint.styles[0] if checkpoint.styles else None)


def fastest(checkpoint: Model) -> Runtime:
    """The fastest runtime for a checkpoint's net on this machine, of those whose pictures are the plain net's."""
    c = checkpoint
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(2, c.channels, c.size, c.size, generator=draw, dtype=torch.float64)

    def pictures(runtime: Runtime) -> Tensor:
        """DDIM (Song et al. 2021, arXiv:2010.02502) in a few steps, with a condition and without one."""
        x, denoise = noise, clipped(UNetDenoiser(c, runtime))
        for here, there in pairwise(spaced(c.schedule, TRIAL_STEPS)):
            seen = denoise(x, here, [an_example(c), NOTHING])
            x = there.signal_rate * seen.x0 + there.noise_rate * seen.eps
        return x

    x = torch.zeros(1, c.channels * (2 if c.model.self_condition else 1), c.size, c.size)
    return best(net_of(c), (x, torch.ones(1), *told(c, [NOTHING])), pictures)


@dataclass(frozen=True)
class Rows:
    """The rows of a net in which it is asked about some pictures, with their conditions and without."""

    pictures: list[int]  # of each row
    conditions: list[Condition]  # of each row
    told: list[int]  # for each picture, its row with the condition
    without: list[int]  # and its row without


def rows_for(conditions: Sequence[Condition], scales: Sequence[float]) -> Rows:
    """A picture takes two rows, but only one where its guidance scale is 1 (the plain conditional model) or 0 (the
    unconditional one)."""
    asked: dict[tuple[int, Condition], int] = {}  # (picture, condition) → its row
    told, without = [], []
    for k, (condition, w) in enumerate(zip(conditions, scales, strict=True)):
        without.append(asked.setdefault((k, condition if w == 1 else NOTHING), len(asked)))
        told.append(asked.setdefault((k, NOTHING if w == 0 else condition), len(asked)))
    return Rows([k for k, _ in asked], [condition for _, condition in asked], told, without)


def guided(denoise: Denoiser, scale: float | Sequence[float]) -> Denoiser:
    """Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598): ε_u + w(ε_c − ε_u).

    scale: w, one for all rows or one per row. A row asks the network twice, but only once where w is 1 or 0: those are
    met exactly.
    """

    def ask(x: Tensor, levels: Level | Sequence[Level], conditions: Sequence[Condition] | None = None) -> Prediction:
        each = per_row(levels, len(x))
        scales = [float(w) for w in scale] if isinstance(scale, Sequence) else [float(scale)] * len(x)
        rows = rows_for(conditions or [NOTHING] * len(x), scales)
        # One level for all stays one: its rates are then numbers, which costs a fraction of what tensors of them do.
        there = levels if isinstance(levels, Level) else [each[k] for k in rows.pictures]
        given = x if rows.pictures == list(range(len(x))) else x[rows.pictures]
        seen = denoise(given, there, rows.conditions)
        if rows.without == rows.told:
            return seen
        w = torch.tensor(scales, dtype=x.dtype, device=x.device).view(-1, *[1] * (x.ndim - 1))
        return guide(rows_of(seen, rows.without), rows_of(seen, rows.told), w)

    return ask


def evaluations(condition: Condition, scale: float) -> int:
    """Rows through the network that one question costs with guidance `scale`: 1 or 2."""
    return 2 if scale not in (0, 1) and condition != NOTHING else 1


def clipped(denoise: Denoiser, limit: float | Tensor = 1.0) -> Denoiser:
    """x̂0 kept within [−limit, limit], and ε̂ follows. limit is a number, or one per row as (B, 1, 1, 1)."""

    def ask(x: Tensor, levels: Level | Sequence[Level], conditions: Sequence[Condition] | None = None) -> Prediction:
        return clip(denoise(x, levels, conditions), limit)

    return ask
