"""What a benchmark found: a table for people, JSON for later, and one against the other."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch


@dataclass
class Report:
    """Rows of one benchmark, each a name and its numbers, all rows with the same columns."""

    name: str
    columns: Sequence[str]
    rows: dict[str, list] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, row: str, *numbers: object) -> None:
        self.rows[row] = list(numbers)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def cells(self, earlier: dict | None = None) -> list[list[str]]:
        """The table's lines, the head first; `earlier` as in `text`."""
        then = (earlier or {}).get("rows", {})
        lines = [["", *self.columns]]
        for row, numbers in self.rows.items():
            before = then.get(row, [])
            lines.append([row, *(_cell(n, before[k] if k < len(before) else None) for k, n in enumerate(numbers))])
        return lines

    def text(self, earlier: dict | None = None) -> str:
        """The table; with `earlier`, a report's JSON, each number is followed by its ratio to the one then."""
        lines = self.cells(earlier)
        widths = [max(len(line[k]) for line in lines if k < len(line)) for k in range(len(lines[0]))]
        table = [
            "  ".join(
                cell.ljust(w) if k == 0 else cell.rjust(w)
                for k, (cell, w) in enumerate(zip(line, widths, strict=False))
            )
            for line in lines
        ]
        return "\n".join([f"== {self.name}", *(line.rstrip() for line in table), *self.notes])

    def json(self) -> dict:
        machine = {
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            "processor": platform.processor() or platform.machine(),
        }
        return {"columns": list(self.columns), "rows": self.rows, "notes": self.notes, "machine": machine}


def _cell(number: object, before: object = None) -> str:
    if not isinstance(number, int | float) or isinstance(number, bool):
        return "–" if number is None else str(number)
    text = f"{number:.3g}" if isinstance(number, float) and abs(number) < 1000 else f"{number:.0f}"
    if isinstance(before, int | float) and before:
        text += f" (×{number / before:.2f})"
    return text


def save(reports: Sequence[Report], path: Path) -> None:
    path.write_text(json.dumps({report.name: report.json() for report in reports}, indent=1), encoding="utf-8")


def in_turn(ways: dict[str, Callable[[], object]], rounds: int, calls: int = 1) -> dict[str, float]:
    """Seconds of each way's best call, all of them having been called once beforehand.

    calls: of a way in each round. What is called again and again where it is used finds its data in the cache, unlike
    the first call of a round.
    """
    for way in ways.values():
        way()
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            for _ in range(calls):
                started = time.perf_counter()
                way()
                best[name] = min(best[name], time.perf_counter() - started)
    return best
