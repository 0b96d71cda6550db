"""How the page's speed and its people's waits change with their number: a table and a plot, kept with a date."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from playground.bench.lesson import percentile, taught
from playground.bench.timing import processor
from playground.checkpoints import load
from playground.models.devices import threads
from playground.report import Report

STUDENTS = (10, 30, 100, 300)
COLUMNS = (
    "pictures/s",
    "of offline",
    "first step, s",
    "first step, 95 %, s",
    "wait, 95 %, s",
    "of all the work",
    "failures",
    "page's processor, s",
    "students' processor, s",
    "MB",
)
PLOTTED = ("pictures/s", "first step, s", "wait, 95 %, s", "MB")


def growth(
    checkpoint: str = "emoji-32",
    pictures: int = 1,
    arrive: float = 5.0,
    out: Path | None = None,
    engines: str = "",
    **_,
) -> Report:
    """Classes of more and more students, each with a server of its own; `out` is a folder for table and plot."""
    loaded = load(checkpoint)
    report = Report("growth", list(COLUMNS))
    for students in STUDENTS:
        seen = taught(loaded, students, pictures, arrive, engines)
        late = percentile(seen.waits, 0.95)
        firsts = statistics.median(seen.firsts), percentile(seen.firsts, 0.95)
        speed = seen.rate, seen.rate / seen.best_rate
        report.add(
            f"{students} students", *speed, *firsts, late, late / seen.bound, seen.failures, *seen.seconds, seen.memory
        )
        for problem in seen.problems:
            report.note(f"failure: {problem}")
    report.note(
        f"{date.today():%Y-%m-%d}: {checkpoint}, {pictures} guided picture(s) of 20 steps each, arriving within "
        f"{arrive:g} s; {threads()} threads of {processor()}, {seen.runtime}; the simulated "
        f"students share its cores."
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "growth.md").write_text(markdown(report), encoding="utf-8")
        (out / "growth.svg").write_text(plot(report), encoding="utf-8")
    return report


def markdown(report: Report) -> str:
    """The report as a page: its table, the notes and the plot."""
    head, *lines = ("| " + " | ".join(cells) + " |" for cells in report.cells())
    rule = "|---|" + "---:|" * len(report.columns)
    return "\n".join(["# Growth", "", head, rule, *lines, "", *report.notes, "", "![Growth](growth.svg)", ""])


WIDTH, HEIGHT, MARGIN = 230, 160, 36  # of a panel


def plot(report: Report) -> str:
    """SVG: a panel for each of PLOTTED, over the number of students on a logarithmic axis."""
    students = [int(row.split()[0]) for row in report.rows]
    panels = [
        f'<g transform="translate({k * WIDTH})">{_panel(name, students, _column(report, name))}</g>'
        for k, name in enumerate(PLOTTED)
    ]
    whole = WIDTH * len(PLOTTED)
    look = 'font-family="sans-serif" font-size="11" fill="#666" text-anchor="middle"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {HEIGHT}" width="{whole}" {look}>',
            f"<title>{', '.join(PLOTTED)} over the number of students</title>",
            *panels,
            "</svg>\n",
        ]
    )


def _column(report: Report, name: str) -> list[float]:
    return [numbers[COLUMNS.index(name)] or 0.0 for numbers in report.rows.values()]


def _panel(name: str, students: Sequence[int], values: Sequence[float]) -> str:
    """One quantity, from zero, with its numbers at the points."""
    spread = math.log(students[-1] / students[0]) if len(students) > 1 else 1.0
    across = [MARGIN + (WIDTH - 2 * MARGIN) * math.log(n / students[0]) / spread for n in students]
    floor, tall = HEIGHT - MARGIN, HEIGHT - 2 * MARGIN
    up = [floor - tall * value / (max(values) or 1.0) for value in values]
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in zip(across, up, strict=True))
    parts = [
        f'<text x="{WIDTH / 2:.0f}" y="14" font-weight="bold">{name}</text>',
        f'<path d="M{MARGIN - 12} {floor}H{WIDTH - MARGIN + 12}" stroke="#999"/>',
        f'<polyline points="{line}" fill="none" stroke="#2a7f62" stroke-width="2"/>',
    ]
    for n, value, x, y in zip(students, values, across, up, strict=True):
        parts.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="#2a7f62"/>')
        parts.append(f'<text x="{x:.0f}" y="{y - 7:.0f}">{value:.3g}</text>')
        parts.append(f'<text x="{x:.0f}" y="{floor + 16}">{n}</text>')
    return "".join(parts)
