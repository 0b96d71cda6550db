"""The attention U-Net of Ho et al. 2020 (arXiv:2006.11239), small enough for two CPU cores.

In the line of the annotated-diffusion tutorial: sinusoidal time embedding, ResNet blocks with GroupNorm, SiLU and
a scale and shift from the time, attention written in einops notation, space-to-depth downsampling, nearest + conv
upsampling, skip connections and optional self-conditioning (Chen et al. 2022, arXiv:2208.04202).

Two things are added. A patch size: the stem folds patch × patch pixels into channels and the head unfolds them, so
that the costly convolutions run on a grid patch² times smaller. And a sketch: see `Sketch`.

A net can be told three kinds of thing: a vector (style, the prompt as a whole), added to the time's; the words of a
prompt, which every position looks at (`CrossAttention`: Rombach et al. 2022, arXiv:2112.10752, §3.3); and a map of
lines, laid beside x through a convolution that starts at zero (Zhang et al. 2023, arXiv:2302.05543).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.models.blocks import (
    Attention,
    CrossAttention,
    Downsample,
    ResnetBlock,
    Upsample,
    time_embedding,
)


class Sketch(nn.Sequential):
    """What the condition alone says of the picture, its average in 16 × 16 fields: (B, condition_dim) → (B, C, 16, 16).

    Mapping a prompt to a rough layout is a lookup. From the same data an MLP learns it far better than convolutions,
    which only get a scale and a shift per channel.
    """

    SIDE = 16

    def __init__(self, condition_dim: int, width: int, channels: int) -> None:
        super().__init__(
            nn.Linear(condition_dim, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, channels * self.SIDE**2),
            nn.Unflatten(1, (channels, self.SIDE, self.SIDE)),
        )

    def forward(self, condition: Tensor, masks: Tensor | None = None) -> Tensor:
        """masks: (B, 2, width), in training, what dropout (Srivastava et al. 2014) leaves of either hidden layer.

        They come from without, so that who trains can draw them from a seed.
        """
        h, hidden = condition, iter(() if masks is None else masks.unbind(1))
        for layer in self:
            h = layer(h)
            if masks is not None and isinstance(layer, nn.SiLU):
                h = h * next(hidden)
        return h  # (B, C, 16, 16)

    @classmethod
    def of(cls, x0: Tensor) -> Tensor:
        """What it should have drawn: (B, C, H, W) → (B, C, 16, 16). Trained on the squared error, it draws the mean."""
        return F.adaptive_avg_pool2d(x0, cls.SIDE)


class Lines(nn.Sequential):
    """A map of lines as the stem sees it: (B, 1, fold·H, fold·W) in [0, 1] → (B, dim, H, W).

    It adds nothing at first, and nothing ever where the map is blank: it has no biases, so no lines is not a drawing.
    """

    def __init__(self, fold: int, dim: int) -> None:
        super().__init__(
            nn.PixelUnshuffle(fold),
            nn.Conv2d(fold**2, dim, 3, padding=1, bias=False),
            nn.SiLU(),
            nn.Conv2d(dim, dim, 3, padding=1, bias=False),
        )
        nn.init.zeros_(self[-1].weight)


class UNet(nn.Module):
    """What is predicted (ε, x0 or v) is decided by the training, not by the net: in and out have one shape.

    Args:
        channels: of the picture.
        dims: channels of the grid at each resolution, finest first; each next one is half as wide and high.
        blocks: ResNet blocks at each resolution.
        attention: for each resolution, whether its blocks are followed by attention.
        patch: pixels per side folded into one grid position.
        emb_dim: width of the time and condition embedding. It is paid for in every block: keep it modest.
        condition_dim: width of the condition vector, 0 for an unconditional net.
        self_condition: the estimate of x0 from the step before is an input too, stacked on x's channels.
        sketch: width of the MLP that sketches the picture from the condition, shown to the stem; 0 for none.
        words_dim: width of the vectors of a prompt's words, which the positions of the grid look at; 0 for none.
        cross: for each resolution, whether its blocks are followed by cross-attention to the words.
        lines: pixels of a map of lines per side of one grid position; 0 for a net that takes none.
        T: number of diffusion steps the time is counted in; the embedding sees 1000·t/T.
    """

    def __init__(
        self,
        channels: int = 3,
        dims: Sequence[int] = (64, 128, 192),
        blocks: int = 1,
        attention: Sequence[bool] = (False, True, True),
        patch: int = 2,
        emb_dim: int = 256,
        condition_dim: int = 0,
        self_condition: bool = False,
        sketch: int = 0,
        words_dim: int = 0,
        cross: Sequence[bool] = (),
        lines: int = 0,
        head_dim: int = 32,
        T: int = 1000,
    ) -> None:
        super().__init__()
        if len(dims) != len(attention):
            raise ValueError(f"{len(dims)} resolutions, but attention is given for {len(attention)}")
        cross = [bool(words_dim and look) for look in cross] or [False] * len(dims)
        if len(dims) != len(cross):
            raise ValueError(f"{len(dims)} resolutions, but cross-attention is given for {len(cross)}")
        self.has_maps = any(cross)
        self.channels, self.patch, self.self_condition, self.T = channels, patch, self_condition, T
        self.multiple = patch * 2 ** (len(dims) - 1)  # sides of a picture must be divisible by this
        self.time_dim = dims[0]

        self.embed_time = nn.Sequential(nn.Linear(self.time_dim, emb_dim), nn.SiLU(), nn.Linear(emb_dim, emb_dim))
        self.embed_condition = nn.Linear(condition_dim, emb_dim, bias=False) if condition_dim else None

        folded = channels * patch**2
        self.stem = nn.Conv2d(folded * (2 if self_condition else 1), dims[0], 3, padding=1)

        self.sketch = Sketch(condition_dim, sketch, channels) if condition_dim and sketch else None
        if self.sketch is not None:
            self.stem_sketch = nn.Conv2d(channels, dims[0], 3, padding=1, bias=False)
            nn.init.zeros_(self.stem_sketch.weight)

        self.lines = Lines(lines, dims[0]) if lines else None

        def stage(dim_in: int, dim_out: int, level: int) -> nn.ModuleList:
            attend = Attention(dim_out, head_dim) if attention[level] else nn.Identity()
            look = [CrossAttention(dim_out, words_dim, head_dim)] if cross[level] else []
            return nn.ModuleList([ResnetBlock(dim_in, dim_out, emb_dim), attend, *look])

        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, dim in enumerate(dims):
            stages = nn.ModuleList(stage(dim, dim, level) for _ in range(blocks))
            last = level == len(dims) - 1
            self.down.append(nn.ModuleList([stages, nn.Identity() if last else Downsample(dim, dims[level + 1])]))
        self.middle1 = ResnetBlock(dims[-1], dims[-1], emb_dim)
        self.middle_attention = Attention(dims[-1], head_dim)
        self.middle_cross = CrossAttention(dims[-1], words_dim, head_dim) if cross[-1] else None
        self.middle2 = ResnetBlock(dims[-1], dims[-1], emb_dim)
        for level in reversed(range(len(dims))):
            dim = dims[level]
            # Every block of the way up also sees what its twin on the way down had made.
            stages = nn.ModuleList(stage(2 * dim, dim, level) for _ in range(blocks))
            self.up.append(nn.ModuleList([stages, nn.Identity() if level == 0 else Upsample(dim, dims[level - 1])]))
        self.norm_out = nn.GroupNorm(8, dims[0])
        self.head = nn.Conv2d(dims[0], folded, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        condition: Tensor | None = None,
        words: Tensor | None = None,
        present: Tensor | None = None,
        lines: Tensor | None = None,
        *,
        sketch: Tensor | None = None,
        maps: list[Tensor] | None = None,
    ) -> Tensor:
        """x: (B, C, H, W) in about [−1, 1], with self_condition (B, 2C, H, W), the second half zeros where there is no
        estimate yet; t: (B,), 0 … T, may be fractional; condition: (B, condition_dim) or None; words: (B, L, words_dim)
        with present: (B, L), 1 for a word and 0 for what fills the row; lines: (B, 1, S, S), S as many pixels as the
        net was built for, or None; sketch: (B, C, 16, 16), if it has been drawn from the condition already. maps: a
        list that gets the weights of every cross-attention, see `CrossAttention`. Returns (B, C, H, W).

        Raises:
            ValueError: height or width is not divisible by `self.multiple`.
        """
        if x.shape[-1] % self.multiple or x.shape[-2] % self.multiple:
            raise ValueError(f"sides of {tuple(x.shape)} must be divisible by {self.multiple}")
        emb = self.embed_time(time_embedding(t * (1000.0 / self.T), self.time_dim).to(x.dtype))  # (B, emb_dim)
        if self.embed_condition is not None and condition is not None:
            emb = emb + self.embed_condition(condition)
        emb = F.silu(emb)

        if self.self_condition and x.shape[1] == self.channels:
            x = torch.cat([x, torch.zeros_like(x)], dim=1)
        x = F.pixel_unshuffle(x, self.patch)  # (B, C·patch², H/patch, W/patch)
        x = self.stem(x)  # (B, dims[0], H/patch, W/patch)
        if self.sketch is not None and condition is not None:
            sketch = self.sketch(condition) if sketch is None else sketch
            x = x + self.stem_sketch(F.adaptive_avg_pool2d(sketch, x.shape[-2:]))
        if self.lines is not None and lines is not None:
            x = x + self.lines(lines)

        def through(stage: nn.ModuleList, x: Tensor) -> Tensor:
            block, attend, *look = stage
            x = attend(block(x, emb))
            for cross in look:
                x = cross(x, words, present, maps)
            return x

        skips = []
        for stages, shrink in self.down:
            for stage in stages:
                x = through(stage, x)
                skips.append(x)
            x = shrink(x)
        x = self.middle_attention(self.middle1(x, emb))
        if self.middle_cross is not None:
            x = self.middle_cross(x, words, present, maps)
        x = self.middle2(x, emb)
        for stages, grow in self.up:
            for stage in stages:
                x = through(stage, torch.cat([x, skips.pop()], dim=1))
            x = grow(x)

        x = self.head(F.silu(self.norm_out(x)))
        return F.pixel_shuffle(x, self.patch)
