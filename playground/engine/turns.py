"""Whose turn it is: a line of people, each with a line of their own."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from itertools import zip_longest
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """Items in the order in which they should be served: the first of each person, then the second of each, …

    Whoever is served goes to the end of the line, and so does an item among those of its person. So each person gets
    the same share, however much they ask for, and nobody waits for somebody else's to end.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, deque[Item]] = OrderedDict()

    def add(self, who: Hashable, item: Item) -> None:
        self._lines.setdefault(who, deque()).append(item)

    def serve(self, who: Hashable, item: Item) -> None:
        """It was this item's turn."""
        self._lines[who].remove(item)
        self._lines[who].append(item)
        self._lines.move_to_end(who)

    def remove(self, who: Hashable, item: Item) -> None:
        self._lines[who].remove(item)
        if not self._lines[who]:
            del self._lines[who]

    def __iter__(self) -> Iterator[Item]:
        """All items as they stand; the line may change meanwhile."""
        absent = object()
        turns = list(zip_longest(*self._lines.values(), fillvalue=absent))
        return (item for turn in turns for item in turn if item is not absent)

    @property
    def people(self) -> int:
        """How many are in the line."""
        return len(self._lines)

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))
