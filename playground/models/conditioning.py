"""What a picture should show, words, a style and lines, and how they become what steers the U-Net."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

# letters and digits; a flag; any other sign, with what makes one emoji of several characters
WORD = re.compile("[^\\W_]+|[\U0001f1e6-\U0001f1ff]{2}|[^\\w\\s](?:[\ufe0f\U0001f3fb-\U0001f3ff]|\u200d[^\\w\\s])*")
SYMBOLS = ("So", "Sm", "Sc")  # Unicode's categories of emoji and other symbols, of mathematics, of currencies


def split_words(text: str) -> list[str]:
    """Lower-case words of a prompt or a caption, punctuation left out: "Cat Face: smiling" → cat, face, smiling.
    A symbol is a word too, an emoji whole."""
    words = WORD.findall(text.lower().replace("’", "'").replace("'", ""))
    return [word for word in words if word[0].isalnum() or word in "#*&" or unicodedata.category(word[0]) in SYMBOLS]


@dataclass(frozen=True)
class Condition:
    """What a picture should show. `Condition()` asks for nothing: the unconditional model.

    words: of the prompt, in its order; style: one of the model's; lines: a map of lines, one byte for each pixel of the
    picture, row by row, 255 on a line and 0 beside it, empty for none.
    """

    words: tuple[str, ...] = ()
    style: str | None = None
    lines: bytes = field(default=b"", repr=False)


class Vocabulary:
    """The words a model has been taught, in a fixed order (index 0 is kept for "no word")."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self.index = {word: i for i, word in enumerate(self.words, start=1)}

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """Every word of some captions, alphabetically."""
        return cls(sorted({word for text in texts for word in split_words(text)}))

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self.index

    def parse(self, prompt: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(known words, unknown words) of a prompt, in its order; the unknown each once. A plural falls back on its
        singular."""
        known: list[str] = []
        unknown: dict[str, None] = {}
        for word in split_words(prompt):
            forms = [word, word.removesuffix("s"), word.removesuffix("es")]
            match = next((form for form in forms if form in self), None)
            if match is None:
                unknown[word] = None
            else:
                known.append(match)
        return tuple(known), tuple(unknown)


class Conditioner(nn.Module):
    """The mean of the word vectors, then a small MLP of it and the style vector.

    Absence is a learnt vector of its own for both (index 0), so that leaving the words or the style out, as
    classifier-free guidance needs (Ho & Salimans 2022, arXiv:2207.12598), is something the net has been trained on.
    """

    def __init__(self, words: int, styles: int, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.word = nn.Embedding(words + 1, dim)
        self.style = nn.Embedding(styles + 1, dim)
        self.mix = nn.Sequential(nn.Linear(2 * dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, word_ids: Tensor, style_ids: Tensor) -> Tensor:
        """word_ids: (B, W) long, 0 where there is no word; style_ids: (B,) long, 0 for none. Returns (B, dim)."""
        present = (word_ids > 0).to(self.word.weight.dtype)[:, :, None]  # (B, W, 1)
        count = present.sum(dim=1)  # (B, 1)
        mean = (self.word(word_ids) * present).sum(dim=1) / count.clamp(min=1)  # (B, dim)
        nothing = self.word.weight[0].expand_as(mean)
        words = torch.where(count > 0, mean, nothing)
        return self.mix(torch.cat([words, self.style(style_ids)], dim=1))


class TransformerBlock(nn.Module):
    """Attention among the words of a prompt, then an MLP for each; both are added to what came in (pre-norm)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.to_qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.to_out = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor, present: Tensor) -> Tensor:  # (B, L, dim), (B, L) of bool
        q, k, v = rearrange(self.to_qkv(self.norm1(x)), "b l (three h d) -> three b h l d", three=3, h=self.heads)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=present[:, None, None])  # (B, heads, L, d)
        x = x + self.to_out(rearrange(out, "b h l d -> b l (h d)"))
        return x + self.mlp(self.norm2(x))


class TextTransformer(nn.Module):
    """A small transformer encoder (Vaswani et al. 2017, arXiv:1706.03762): every word's vector knows its neighbours, so
    that "blue hair red clothes" is not "red hair blue clothes".

    Word 0 stands before every prompt. Its vector comes to speak for the prompt as a whole, and with that of the style
    (0 for none) becomes the vector of the condition; alone, it is the prompt left out.

    Args:
        length: most words of a prompt.
        depth: number of blocks.
    """

    def __init__(self, words: int, styles: int, dim: int, length: int = 23, depth: int = 2, heads: int = 6) -> None:
        super().__init__()
        self.dim, self.length = dim, length
        self.word = nn.Embedding(words + 1, dim)
        self.place = nn.Embedding(length + 1, dim)
        self.style = nn.Embedding(styles + 1, dim)
        for table in (self.word, self.place, self.style):
            nn.init.normal_(table.weight, std=0.5)
        self.blocks = nn.ModuleList(TransformerBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.mix = nn.Sequential(nn.Linear(2 * dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, word_ids: Tensor, style_ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """word_ids: (B, W) long, W ≤ length, 0 where there is no word, all of them at the end; style_ids: (B,) long, 0
        for none. Returns the condition (B, dim), the words' vectors (B, 1 + W, dim) and which of them are present,
        (B, 1 + W), 1 or 0."""
        word_ids = F.pad(word_ids, (1, 0))
        present = word_ids > 0
        present[:, 0] = True
        x = self.word(word_ids) + self.place.weight[: word_ids.shape[1]]  # (B, 1 + W, dim)
        for block in self.blocks:
            x = block(x, present)
        x = self.norm(x)
        condition = self.mix(torch.cat([x[:, 0], self.style(style_ids).to(x.dtype)], dim=1))
        return condition, x, present.to(x.dtype)
