"""What a model is asked for, found in what is known of the pictures: parts of captions, combinations that were never
seen, swapped colours, and prompts that many different pictures fit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from playground.training.captions import joined
from playground.training.data import PictureSet

EXPECTED = 25  # pictures that two words should have in common by chance, before their absence says something
APART = (0.7, 1.5)  # times as often together as by chance: within this the two words do not depend on each other
LONGEST = 6  # phrases of a prompt
COLOURED = ("hair", "clothes")  # whose colours can be swapped
COLOURS = {"black", "blonde", "blue", "brown", "green", "grey", "orange", "pink", "purple", "red", "white", "yellow"}


@dataclass(frozen=True)
class Asked:
    """Phrases that a picture should show, and its style ("" for none)."""

    phrases: tuple[str, ...]
    style: str = ""

    @property
    def prompt(self) -> str:
        """The phrases as one caption."""
        return joined(self.phrases)


class Counts:
    """How often phrases are true of the pictures of a style, alone and two together."""

    def __init__(self, pictures: PictureSet) -> None:
        self.phrases = sorted({phrase for row in pictures.words for phrase in row})
        self.index = {phrase: k for k, phrase in enumerate(self.phrases)}
        self.styles = sorted(set(pictures.styles))
        true, unsure = self._table(pictures.words), self._table(pictures.unsure or [()] * len(pictures))
        style = torch.tensor([self.styles.index(name) for name in pictures.styles])
        own = [style == k for k in range(len(self.styles))]
        self.pictures = torch.tensor([rows.sum().item() for rows in own])  # (S,)
        self.single = torch.stack([true[rows].sum(dim=0) for rows in own])  # (S, W)
        self.together = torch.stack([true[rows].T @ true[rows] for rows in own])  # (S, W, W)
        doubt = torch.stack([true[rows].T @ unsure[rows] for rows in own])
        self.doubtful = (doubt + doubt.mT) > 0  # one of the two is unsure where the other is true
        self.by_chance = self.single[:, :, None] * self.single[:, None] / self.pictures[:, None, None].clamp(min=1)

    def _table(self, rows: Sequence[Sequence[str]]) -> Tensor:
        table = torch.zeros(len(rows), len(self.phrases))
        for row, phrases in zip(table, rows, strict=True):
            row[[self.index[phrase] for phrase in phrases if phrase in self.index]] = 1
        return table

    def independent(self) -> Tensor:
        """(S, W, W): whether two phrases come together in a style about as often as by chance."""
        times = self.together / self.by_chance.clamp(min=1e-9)
        return (self.by_chance >= 10) & (times >= APART[0]) & (times <= APART[1]) & ~self.doubtful

    def never_together(self) -> list[Asked]:
        """Pairs of phrases that no picture of a style shows together, though each is there by itself, some should by
        chance, and in another style the two have nothing to do with each other; those missed most come first."""
        elsewhere = self.independent()
        elsewhere = elsewhere.sum(dim=0, keepdim=True) - elsewhere.int() > 0
        found = (self.together == 0) & (self.by_chance >= EXPECTED) & ~self.doubtful & elsewhere
        return self.pairs(found)

    def rarely_together(self, count: int) -> list[Asked]:
        """Up to `count` pairs for each style that some pictures do show together, about as many as by chance."""
        found = self.independent() & (self.together >= EXPECTED) & (self.together <= 3 * EXPECTED)
        some = self.pairs(found)
        random.Random(0).shuffle(some)
        by_style = {style: [pair for pair in some if pair.style == style] for style in self.styles}
        return [pair for own in by_style.values() for pair in own[:count]]

    def pairs(self, found: Tensor) -> list[Asked]:
        """The pairs of phrases and the style where `found` (S, W, W) is true, most pictures by chance first."""
        rows = found.triu(diagonal=1).nonzero().tolist()
        rows.sort(key=lambda row: -self.by_chance[tuple(row)].item())
        return [Asked((self.phrases[a], self.phrases[b]), self.styles[s]) for s, a, b in rows]


def colour_of(phrase: str, noun: str) -> str:
    """The colour, "red", of "red hair" for the noun "hair"; nothing for any other phrase."""
    colour = phrase.removesuffix(f" {noun}")
    return colour if colour in COLOURS and colour != phrase else ""


def fitting(pictures: PictureSet, asked: Asked) -> list[int]:
    """The pictures of the style of which all these phrases are true."""
    wanted = set(asked.phrases)
    rows = enumerate(zip(pictures.styles, pictures.words, strict=True))
    return [k for k, (style, words) in rows if style == asked.style and wanted.issubset(words)]


def parts_of_captions(pictures: PictureSet, count: int, seed: int = 0) -> list[Asked]:
    """For pictures drawn at random one to `LONGEST` of the phrases that are true of each, in random order."""
    draw = random.Random(seed)
    rows = [k for k, words in enumerate(pictures.words) if words]
    made = []
    for k in draw.choices(rows, k=count):
        words = draw.sample(pictures.words[k], draw.randint(1, min(LONGEST, len(pictures.words[k]))))
        made.append(Asked(tuple(words), pictures.styles[k]))
    return made


def swapped_colours(counts: Counts, count: int, seed: int = 0) -> list[Asked]:
    """`count` prompts such as "blue hair red clothes", each followed by its twin, "red hair blue clothes", in styles
    that know all four phrases; none where no style does."""
    places = []
    for s, style in enumerate(counts.styles):
        known = [phrase for k, phrase in enumerate(counts.phrases) if counts.single[s, k] >= EXPECTED]
        both = sorted(set.intersection(*({colour_of(phrase, noun) for phrase in known} for noun in COLOURED)) - {""})
        places += [(style, pair) for pair in combinations(both, 2)]
    random.Random(seed).shuffle(places)
    hair, clothes = COLOURED
    return [
        Asked((f"{a} {hair}", f"{b} {clothes}"), style)
        for style, (first, second) in places[: count // 2]
        for a, b in ((first, second), (second, first))
    ]


def roomy(pictures: PictureSet, counts: Counts, count: int, fewest: int = 60, seed: int = 0) -> list[Asked]:
    """Prompts of two phrases that at least `fewest` pictures fit, the styles in turn, no phrase twice if possible."""
    draw, made, used = random.Random(seed), [], set()
    good = counts.independent() & (counts.together >= fewest)
    own = {style: [pair for pair in counts.pairs(good) if pair.style == style] for style in counts.styles}
    for pairs in own.values():
        draw.shuffle(pairs)
    while len(made) < count and any(own.values()):
        for style in counts.styles:
            if own[style] and len(made) < count:
                fresh = next((pair for pair in own[style] if not used & set(pair.phrases)), own[style][0])
                own[style].remove(fresh)
                used |= set(fresh.phrases)
                made.append(fresh)
    return made
