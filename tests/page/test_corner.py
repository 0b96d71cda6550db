"""The corner where a run is kept: whose run it is, and for how long."""

from __future__ import annotations

import numpy as np

from playground.page import kept as keeping
from playground.page.widgets.receipt import ReceiptCorner
from playground.runs.records import RunRecord


def record(seed):
    return RunRecord({"seed": seed}, [], np.zeros((2, 2, 3), np.uint8))


def corner():
    made = ReceiptCorner.__new__(ReceiptCorner)
    made.start_keeping()
    return made


def test_a_run_is_kept_for_its_own_session_alone():
    kept = corner()
    kept.keep("one", [record(1)])
    kept.keep("two", [record(2)])
    assert kept.of("one")[0].settings["seed"] == 1 and kept.of("two")[0].settings["seed"] == 2
    assert not kept.of("three")
    kept.forget("one")  # another run begins: what was is not that run
    assert not kept.of("one") and kept.of("two")


def test_the_opening_run_never_takes_the_place_of_a_persons_own():
    kept = corner()
    kept.keep("one", [record(7)], only_if_none=True)
    kept.keep("one", [record(1)])
    kept.keep("one", [record(7)], only_if_none=True)  # its answer came late
    assert kept.of("one")[0].settings["seed"] == 1


def test_old_runs_and_too_many_are_let_go(monkeypatch):
    kept, now = corner(), [0.0]
    monkeypatch.setattr(keeping.time, "monotonic", lambda: now[0])
    for k in range(keeping.SESSIONS + 3):
        kept.keep(k, [record(k)])
    assert not kept.of(2) and kept.of(3)
    now[0] = keeping.KEPT + 1
    kept.keep("late", [record(0)])
    assert not kept.of(5) and kept.of("late")
