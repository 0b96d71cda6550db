"""What the nets here are built of: ResNet blocks, attention, cross-attention, half and twice the resolution.

Attention is written out in einops notation, so that every reshape can be read.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


def time_embedding(t: Tensor, dim: int, max_period: float = 10_000.0) -> Tensor:
    """Sinusoids of t at `dim` / 2 frequencies: Vaswani et al. 2017, §3.5. t: (B,), may be fractional → (B, dim)."""
    half = dim // 2
    frequencies = torch.exp(-math.log(max_period) * torch.arange(half, dtype=torch.float32, device=t.device) / half)
    angles = t.float()[:, None] * frequencies[None]  # (B, dim/2)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def attention_weights(q: Tensor, k: Tensor, seen: Tensor | None = None) -> Tensor:
    """How much each place looks at each of the others, softmax(q·kᵀ/√d): Vaswani et al. 2017, equation 1. q: (B, heads,
    N, d); k: (B, heads, M, d); seen: (B, 1, 1, M) of bool, what there is to look at → (B, heads, N, M)."""
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return (scores if seen is None else scores.masked_fill(~seen, -math.inf)).softmax(dim=-1)


class ResnetBlock(nn.Module):
    """Two 3 × 3 convolutions; the embedding scales and shifts between them; the input is added at the end."""

    def __init__(self, dim_in: int, dim_out: int, emb_dim: int, groups: int = 8) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, dim_in)
        self.conv1 = nn.Conv2d(dim_in, dim_out, 3, padding=1)
        self.scale_shift = nn.Linear(emb_dim, 2 * dim_out)
        self.norm2 = nn.GroupNorm(groups, dim_out)
        self.conv2 = nn.Conv2d(dim_out, dim_out, 3, padding=1)
        self.residual = nn.Conv2d(dim_in, dim_out, 1) if dim_in != dim_out else nn.Identity()
        # A block that starts as the identity lets a deep stack train from the first step.
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:  # (B, dim_in, H, W), (B, emb_dim)
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = rearrange(self.scale_shift(emb), "b (two c) -> two b c 1 1", two=2)
        h = F.silu(self.norm2(h) * (1 + scale) + shift)
        return self.conv2(h) + self.residual(x)  # (B, dim_out, H, W)


class Attention(nn.Module):
    """Every position of the grid attends to every other, in several heads; the input is added at the end."""

    def __init__(self, dim: int, head_dim: int = 32, groups: int = 8) -> None:
        super().__init__()
        if dim % head_dim:
            raise ValueError(f"head_dim {head_dim} does not divide the {dim} channels")
        self.head_dim = head_dim
        self.norm = nn.GroupNorm(groups, dim)
        self.to_qkv = nn.Conv2d(dim, 3 * dim, 1, bias=False)
        self.to_out = nn.Conv2d(dim, dim, 1)
        nn.init.zeros_(self.to_out.weight)
        nn.init.zeros_(self.to_out.bias)

    def heads(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → q, k and v, (3, B, heads, H·W, head_dim)."""
        return rearrange(self.to_qkv(self.norm(x)), "b (three h d) y x -> three b h (y x) d", three=3, d=self.head_dim)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        q, k, v = self.heads(x)
        if self.training and x.device.type == "cpu":
            # The fused kernel's backward is slow on a CPU; written out, the same attention trains a third faster.
            out = attention_weights(q, k) @ v
        else:
            out = F.scaled_dot_product_attention(q, k, v)
        out = rearrange(out, "b h (y x) d -> b (h d) y x", y=x.shape[2])
        return x + self.to_out(out)


class CrossAttention(nn.Module):
    """Every position of the grid attends to the words of a prompt, in several heads; the input is added at the end."""

    def __init__(self, dim: int, words_dim: int, head_dim: int = 32, groups: int = 8) -> None:
        super().__init__()
        if dim % head_dim:
            raise ValueError(f"head_dim {head_dim} does not divide the {dim} channels")
        self.head_dim = head_dim
        self.norm = nn.GroupNorm(groups, dim)
        self.to_q = nn.Conv2d(dim, dim, 1, bias=False)
        self.to_kv = nn.Linear(words_dim, 2 * dim, bias=False)
        self.to_out = nn.Conv2d(dim, dim, 1)
        nn.init.zeros_(self.to_out.weight)
        nn.init.zeros_(self.to_out.bias)

    def heads(self, x: Tensor, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q (B, heads, H·W, head_dim) of the positions, k and v (B, heads, L, head_dim) of the words."""
        q = rearrange(self.to_q(self.norm(x)), "b (h d) y x -> b h (y x) d", d=self.head_dim)
        k, v = rearrange(self.to_kv(words), "b l (two h d) -> two b h l d", two=2, d=self.head_dim)
        return q, k, v

    def forward(self, x: Tensor, words: Tensor, present: Tensor, maps: list[Tensor] | None = None) -> Tensor:
        """x: (B, C, H, W); words: (B, L, words_dim); present: (B, L), 1 for a word and 0 for what only fills the row.

        maps: a list that gets the weights, (B, L, H, W), the mean of the heads: which word each position looks at.
        """
        q, k, v = self.heads(x, words)
        seen = (present > 0.5)[:, None, None]  # (B, 1, 1, L)
        if maps is not None or (self.training and x.device.type == "cpu"):
            weights = attention_weights(q, k, seen)  # (B, heads, H·W, L)
            out = weights @ v
            if maps is not None:
                maps.append(rearrange(weights.mean(dim=1), "b (y x) l -> b l y x", y=x.shape[2]))
        else:
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        out = rearrange(out, "b h (y x) d -> b (h d) y x", y=x.shape[2])
        return x + self.to_out(out)


class Downsample(nn.Module):
    """Space to depth: each 2 × 2 square becomes four times the channels, then a 1 × 1 convolution mixes them."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4 * dim_in, dim_out, 1)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, dim_out, H/2, W/2)
        return self.conv(F.pixel_unshuffle(x, 2))


class Upsample(nn.Module):
    """Nearest neighbour, then a 3 × 3 convolution: no checkerboards (Odena et al. 2016)."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(dim_in, dim_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W) -> (B, dim_out, 2H, 2W)
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
