"""The tabs of the page: one file each, with TITLE and build(page)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from playground.engine import Engine
from playground.runs import engine_for


@dataclass(frozen=True)
class Page:
    """What a tab may ask of the page it stands on."""

    engine: Callable[[], Engine] = engine_for
