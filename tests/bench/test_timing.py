"""Steps a second by device, threads and pictures at once, and those of other machines."""

from __future__ import annotations

import csv
import datetime
import json

import pytest
import torch

from playground.bench import timing
from playground.bench.__main__ import main
from playground.errors import UserError


@pytest.fixture
def quick(tiny_checkpoint, monkeypatch, tmp_path):
    """The name of a tiny model; measured in a moment, and kept in a file of its own."""
    monkeypatch.setattr(timing, "STEPS", 4)
    monkeypatch.setattr(timing, "FEWEST", 2)
    monkeypatch.setattr(timing, "ROUNDS", 1)
    monkeypatch.setattr(timing, "threads", lambda: 2)
    monkeypatch.setattr(timing, "FIGURES", tmp_path / "figures.json")
    return str(tiny_checkpoint)


def test_a_cpu_is_timed_with_all_its_counts_of_threads(quick):
    before = torch.get_num_threads()
    found = list(timing.rows(quick, pictures=(1, 3)))
    assert [(row.device, row.threads, row.pictures) for row in found if row.device == "cpu"] == [
        ("cpu", 1, 1), ("cpu", 1, 3), ("cpu", 2, 1), ("cpu", 2, 3),
    ]  # fmt: skip
    assert all(abs(row.steps_per_second * row.seconds_per_step - 1) < 0.01 for row in found)
    assert torch.get_num_threads() == before
    assert timing.thread_counts(6) == [1, 2, 4, 6] and timing.thread_counts(1) == [1]


def test_one_timing_at_a_time(quick):
    first = timing.rows(quick)
    next(first)
    with pytest.raises(UserError, match="Somebody is timing"):
        next(timing.rows(quick))
    first.close()
    next(timing.rows(quick))  # and now it is free


def test_figures_are_kept_by_machine_and_model_and_become_a_table(quick, capsys):
    for _ in range(2):  # the second takes the place of the first
        assert main(["timing", "--checkpoint", quick, "--figures", "A machine, 2 cores"]) == 0
    assert "cpu, 2 threads, 16 at once" in capsys.readouterr().out
    (kept,) = timing.known_figures()
    assert kept["machine"] == "A machine, 2 cores" and kept["date"] == datetime.date.today().isoformat()
    here = timing.figure(quick, 'this, "one"', [timing.Row("cuda", None, 4, 2000.0, 0.0005)])
    head, *lines = csv.reader(timing.as_csv([here, kept]).splitlines())
    assert dict(zip(head, lines[0], strict=True))["machine"] == 'this, "one"' and lines[0][5:7] == ["", "4"]
    assert len(lines) == 1 + len(kept["rows"]) and float(lines[1][-2]) > 0


def test_the_figures_that_come_along_are_dated_and_add_up():
    for one in json.loads(timing.FIGURES.read_text(encoding="utf-8")):
        assert {"machine", "date", "torch", "checkpoint", "runtime", "rows"} == set(one)
        datetime.date.fromisoformat(one["date"])
        for row in map(lambda row: timing.Row(**row), one["rows"]):
            assert abs(row.steps_per_second * row.seconds_per_step - 1) < 0.01
