"""The bundled pictures and the schedules as a control offers them, in the reader's words."""

from __future__ import annotations

from playground.page.translations import _
from playground.schedules import SCHEDULES

PICTURES = [
    (_("Sunset"), "sunset"),
    (_("Cat"), "cat"),
    (_("Balloon"), "balloon"),
    (_("Flower"), "flower"),
    (_("Digit"), "digit"),
    (_("Test card"), "test card"),
]


def schedule_titles() -> list[tuple]:
    """(its words, its name) of every schedule."""
    return [(_(kind.title), name) for name, kind in SCHEDULES.items()]
