"""Trainings that people watch: one at a time, each in a thread of its own, told to whoever comes.

`Classroom.ask` gives the training for a plan: the one that others watch already, where the plan may be shared and is
the same. Whoever comes to it gets all that has been told so far, then what is new. What nobody watches stops at its
next step.
"""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from pathlib import Path

from playground.errors import UserError
from playground.models.devices import compute_with
from playground.training.watched import Plan, Training

KEPT = 8  # trainings that may be shared, kept after their end; and nets that are kept in memory, to step through
WAITING = 12  # trainings in line
FULL = "{count} trainings are waiting already. Try again in some minutes."


class Classroom:
    """The line of trainings, and those that are kept. One at a time is in work, whoever asked for it."""

    def __init__(self) -> None:
        self._line: list[Training] = []  # the first one is in work
        self._shared: OrderedDict[Hashable, Training] = OrderedDict()
        self._warm: deque[Training] = deque()  # those that ended last, with their nets still in memory
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        atexit.register(self.close)

    def ask(self, plan: Plan, who: Hashable) -> Training:
        """The training for a plan, new in the line or one that is there already.

        Raises:
            UserError: too many are waiting.
        """
        with self._change:
            training = self._shared.get(plan.key) if plan.key is not None else None
            if training is not None and not training._stop:
                self._shared.move_to_end(plan.key)
                training.people.add(who)
                return training
            if len(self._line) > WAITING:
                raise UserError(FULL, count=WAITING)
            training = Training(plan)
            training.people.add(who)
            self._line.append(training)
            if plan.key is not None:
                self._shared[plan.key] = training
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="training", daemon=True)
                self._thread.start()
            self._change.notify_all()
            return training

    def place(self, training: Training) -> tuple[int, float]:
        """How many trainings are before this one, and for how many seconds."""
        with self._change:
            before = self._line[: self._line.index(training)] if training in self._line else []
            return len(before), sum(each.seconds_left for each in before)

    def leave(self, training: Training, who: Hashable) -> None:
        """Somebody has no use for a training any more: its page is closed. The last one's use of it deletes it."""
        training.leave(who)
        with self._change:
            if training.ended and not training.people and training not in self._shared.values():
                training.discard()

    def close(self) -> None:
        """Ends what is in work and in line: no thread may be inside the network when the interpreter goes."""
        with self._change:
            self._closed = True
            for training in self._line:
                training.stop()
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def _work(self) -> None:
        compute_with(1)
        _make_way()
        with tempfile.TemporaryDirectory(prefix="training-") as drawer:  # what came of trainings goes with this process
            while training := self._next():
                training.run(Path(drawer))
                self._put_away(training)

    def _next(self) -> Training | None:
        """The first in line, as soon as there is one; None when no more is made."""
        with self._change:
            while not self._line and not self._closed:
                self._change.wait()
            return self._line[0] if self._line else None

    def _put_away(self, training: Training) -> None:
        with self._change:
            self._line.pop(0)
            if training.plan.key is not None and training._stop:  # half a training is nobody else's
                if self._shared.get(training.plan.key) is training:
                    del self._shared[training.plan.key]
            while len(self._shared) > KEPT:
                _key, oldest = self._shared.popitem(last=False)
                if oldest.ended and not oldest.people:
                    oldest.discard()
        self._warm.append(training)
        if len(self._warm) > KEPT:
            self._warm.popleft().trainer = None  # its checkpoint stays
        if not training.people and training not in self._shared.values():
            training.discard()


def _make_way() -> None:
    """From now on this thread takes what others leave of a busy processor, where the system can tell threads apart."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        except OSError:
            pass
