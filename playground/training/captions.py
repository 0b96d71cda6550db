"""Captions as tables of word numbers, and fresh ones drawn from all that is true of a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Numbers = Callable[[str], list[int]]  # the numbers of a text's words, 1 and up


def joined(phrases: Sequence[str]) -> str:
    """A caption of some phrases, in their order; those that end in the same word share it, where the first stands:
    "long hair", "smile", "red hair" → "long red hair smile"."""
    groups: dict[str, list[str]] = {}
    for phrase in phrases:
        *before, last = phrase.split()
        groups.setdefault(last, []).extend(before)
    return " ".join(" ".join([*before, last]) for last, before in groups.items())


@dataclass(frozen=True)
class Told:
    """What the net is told of the pictures of a batch, as `Checkpoint.embed` takes it: word numbers (B, W), style
    numbers (B,) and lines (B, 1, S, S) uint8 or None."""

    words: Tensor
    styles: Tensor
    lines: Tensor | None = None

    def __getitem__(self, own: slice) -> Told:
        return Told(self.words[own], self.styles[own], None if self.lines is None else self.lines[own])

    def with_more(self, more: Told) -> Told:
        """These rows and after them those of `more`, as one batch."""
        lines = None if self.lines is None else torch.cat([self.lines, more.lines])
        return Told(torch.cat([self.words, more.words]), torch.cat([self.styles, more.styles]), lines)


class Captions:
    """The captions of a picture set on a device, where they are drawn by the hundred.

    Args:
        texts: the caption that was given for each picture.
        phrases: for each picture everything that is true of it, as phrases of a few words; or no list at all.
        numbers: gives the numbers of a text's words.
        length: most words of a caption; what comes after them is cut off. None for as many as there are.
    """

    def __init__(
        self,
        texts: Sequence[str],
        phrases: Sequence[Sequence[str]],
        numbers: Numbers,
        length: int | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        given = [numbers(text) for text in texts]
        said = [[numbers(phrase) for phrase in row] for row in phrases]  # by picture and phrase
        said = [[phrase for phrase in row if phrase] for row in said]
        most = max((len(row) for row in said), default=0)
        longest = max((len(phrase) for row in said for phrase in row), default=1)
        self.length = length or max([1, most * longest, *map(len, given)])
        self.given = torch.zeros(len(texts), self.length, dtype=torch.long)
        for row, ids in zip(self.given, given, strict=True):
            row[: len(ids)] = torch.tensor(ids[: self.length])
        # For each phrase: the words before the last, the last, and the first phrase with the same last word.
        self.before = torch.zeros(len(said), most, longest - 1, dtype=torch.long)
        self.last = torch.zeros(len(said), most, dtype=torch.long)
        self.group = torch.arange(most).repeat(len(said), 1)
        for k, row in enumerate(said):
            first: dict[int, int] = {}
            for p, (*before, last) in enumerate(row):
                self.before[k, p, : len(before)] = torch.tensor(before, dtype=torch.long)
                self.last[k, p] = last
                self.group[k, p] = first.setdefault(last, p)
        self.given, self.before, self.last, self.group = (
            table.to(device) for table in (self.given, self.before, self.last, self.group)
        )

    def draw(self, rows: Tensor, draw: torch.Generator, as_given: float = 0.0) -> Tensor:
        """(B, length) word numbers, 0 after the last, for pictures of these rows (B,).

        A share `as_given` of the captions, and all where nothing else is known, are those that were given; each of the
        others is a random number of the picture's phrases, drawn at random, in random order.
        """
        given = self.given[rows]
        if not self.last.numel():
            return given
        last, group = self.last[rows], self.group[rows]  # (B, P)
        count, phrases = len(rows), last.shape[1]
        there = last > 0

        def random(*shape: int) -> Tensor:
            return torch.rand(shape, generator=draw, device=draw.device)

        # The first n of the phrases in a random order, n even between one and all of them.
        place = torch.where(there, random(count, phrases), 2.0).argsort(dim=1).argsort(dim=1)
        wanted = (random(count, 1) * there.sum(dim=1, keepdim=True)).long() + 1
        chosen = there & (place < wanted)
        # Those with the same last word side by side, in the order of the list; groups in a random order.
        key = torch.where(chosen, random(count, phrases).gather(1, group), 2.0)
        order = key.argsort(dim=1, stable=True)
        key, last, chosen = (part.gather(1, order) for part in (key, last, chosen))
        before = self.before[rows].gather(1, order[:, :, None].expand_as(self.before[rows]))
        ends = key != F.pad(key[:, 1:], (0, 1), value=3.0)  # the last of its group says the word that they share
        words = torch.cat([before, torch.where(ends, last, 0)[:, :, None]], dim=2)  # (B, P, words)
        words = closed_up(torch.where(chosen[:, :, None], words, 0).flatten(1))
        words = F.pad(words, (0, max(0, self.length - words.shape[1])))[:, : self.length]
        as_they_are = (random(count, 1) < as_given) | ~there.any(dim=1, keepdim=True)
        return torch.where(as_they_are, given, words)


def closed_up(words: Tensor) -> Tensor:
    """(B, W) with the zeros moved to the end, all else in its order."""
    return words.gather(1, (words == 0).int().argsort(dim=1, stable=True))
