"""Words and a style, and how they become the vector that steers the U-Net."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

# letters and digits; a flag; any other sign, with what makes one emoji of several characters
WORD = re.compile(
    "[^\\W_]+|[\U0001f1e6-\U0001f1ff]{2}|[^\\w\\s](?:[\ufe0f\U0001f3fb-\U0001f3ff]|\u200d[^\\w\\s])*"
)
SYMBOLS = ("So", "Sm", "Sc")  # Unicode's categories of emoji and other symbols, of mathematics, of currencies


def split_words(text: str) -> list[str]:
    """Lower-case words of a prompt or a caption, punctuation left out: "Cat Face: smiling" → cat, face, smiling.
    A symbol is a word too, an emoji whole."""
    words = WORD.findall(text.lower().replace("’", "'").replace("'", ""))
    return [word for word in words if word[0].isalnum() or word in "#*&" or unicodedata.category(word[0]) in SYMBOLS]


@dataclass(frozen=True)
class Condition:
    """What a picture should show. `Condition()` asks for nothing: the unconditional model."""

    words: tuple[str, ...] = ()
    style: str | None = None


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
        """(known words, unknown words) of a prompt, in its order, each once. A plural falls back on its singular."""
        known: dict[str, None] = {}
        unknown: dict[str, None] = {}
        for word in split_words(prompt):
            forms = [word, word.removesuffix("s"), word.removesuffix("es")]
            match = next((form for form in forms if form in self), None)
            (unknown if match is None else known)[match or word] = None
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
