"""More engines than one: each in a process of its own, perhaps on another machine, behind the same `run`.

A run goes to one replica as recipes in bytes, with all of its pictures, and stays there; its steps come back as
numbers. Where a replica ends in mid-run, what is left of the run begins anew on another from the same seeds, and the
steps that its reader has had already are not told again: whoever watches sees a pause. What holds the replicas
(`cluster`: Ray Serve) is known here by `Replicas` alone.
"""

from __future__ import annotations

import logging
import pickle
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Protocol

from playground.engine.jobs import Job
from playground.engine.tasks import FULL, Runner, Step, unpacked
from playground.errors import UserError
from playground.models import Model

log = logging.getLogger(__name__)

PAGE = secrets.token_hex(4)  # tells this process's people from those of others, who may have the same replicas
AGAIN = 0.5  # seconds after which a run whose replica is gone asks again where all the others are full
SUMS = ("live", "rows_per_second", "rounds", "rows", "steps", "pictures", "busy_seconds")

# What a replica says of a run: ("told", its name, its engine's stats) when it is asked and at the end; ("begun", the
# same) when it has taken the jobs; ("steps", [what `packed` makes of each]); or, as its last word, ("failed", template,
# params) of a UserError.
Message = tuple


class Gone(Exception):
    """A replica ended while a run was on it."""


class Replicas(Protocol):
    """What holds them, and chooses one for each run."""

    count: int

    def ask(self, folder: str, device: str, jobs: Sequence[bytes], who: str) -> Iterator[Message]:
        """Has one of them run the jobs. Closing the iterator ends the run. Raises Gone while it is iterated."""


class Spread:
    """The engine of one checkpoint that is many. What can't travel runs on an engine at home, made when it must be."""

    def __init__(
        self, replicas: Replicas, checkpoint: Model, folder: str, device: str, home: Callable[[], Runner]
    ) -> None:
        """folder: of the checkpoint, as the replicas find it; device: what they are to choose, "auto" or another."""
        self.replicas, self.checkpoint, self.folder, self._device = replicas, checkpoint, folder, device
        self.schedule, self.space, self.channels = checkpoint.schedule, checkpoint.space, checkpoint.channels
        self.size, self.picture_size, self.guidance = checkpoint.size, checkpoint.picture_size, checkpoint.guidance
        self._open_home, self._told = home, {}  # replica → its stats, as it told them last
        self._lost: set[str] = set()  # what some of their runs have not read yet is not heard any more
        self._here: Counter[object] = Counter()  # who has how many runs in work
        self._change = threading.RLock()  # what is let go of may be collected while it is held

    @cached_property
    def home(self) -> Runner:
        return self._open_home()

    @property
    def device(self) -> str:
        told = dict.fromkeys(stats["device"] for stats in list(self._told.values())) or (self._device,)
        return f"{', '.join(told)} × {self.replicas.count}"

    @property
    def people(self) -> int:
        return len(self._here)

    def run(self, jobs: Sequence[Job], who: object = None) -> Iterator[Step]:
        """As `Engine.run`."""
        try:
            packed = [pickle.dumps(job) for job in jobs]
        except (pickle.PicklingError, AttributeError, TypeError):
            with self._change:
                home = self.home
            return home.run(jobs, who)
        return Travelling(self, packed, object() if who is None else who)

    def stats(self) -> dict:
        """Those of all replicas that runs have been on, added up as they told them last."""
        told = list(self._told.values())
        sums = {key: sum(stats[key] for stats in told) for key in SUMS}
        sums["mean_batch"] = sums["rows"] / sums["rounds"] if sums["rounds"] else 0.0
        sums["waiting_seconds"] = min((stats["waiting_seconds"] for stats in told), default=0.0)
        runtimes = dict.fromkeys(stats["runtime"] for stats in told)
        return {"device": self.device, "runtime": ", ".join(runtimes)} | sums

    def close(self) -> None:
        with self._change:
            if "home" in vars(self):
                self.home.close()

    def begin(self, jobs: Sequence[bytes], who: object) -> tuple[str, Iterator[Message]]:
        """Finds a replica that takes the jobs: (its name, what it says from then on).

        Raises:
            UserError: all are full, or the one that was asked can't run them.
        """
        refused: tuple[str, dict] | None = None
        for _ in range(2 * self.replicas.count):
            messages, replica = self.replicas.ask(self.folder, self._device, jobs, f"{PAGE}/{hash(who)}"), None
            try:
                while (said := next(messages))[0] == "told":
                    replica = said[1]
                    self.hear(*said[1:])
            except Gone:
                if replica is not None:
                    self.lost(replica)
                continue
            if said[0] == "begun":
                self.hear(*said[1:])
                return said[1], messages
            _, *refused = said
            if refused[0] != FULL:
                break
        if refused is None:
            raise UserError("No engine answers at the moment; try again in a minute.")
        template, params = refused
        if template == FULL:
            all_of_them = self.stats()
            seconds = max(1, round(all_of_them["waiting_seconds"]))
            params = {"pictures": all_of_them["live"], "seconds": seconds}
        raise UserError(template, **params)

    def hear(self, replica: str, stats: dict) -> None:
        """What a replica says of itself. Its runs are read by many, so an older word may come after a newer one."""
        with self._change:
            known = self._told.get(replica)
            if replica not in self._lost and (known is None or known["at"] <= stats["at"]):
                self._told[replica] = stats

    def lost(self, replica: str) -> None:
        """A replica has ended, as one of its runs has found."""
        log.warning("An engine has ended; its runs begin anew on another.")
        with self._change:
            self._lost.add(replica)
            self._told.pop(replica, None)

    def entered(self, who: object) -> None:
        with self._change:
            self._here[who] += 1

    def left(self, who: object) -> None:
        with self._change:
            self._here[who] -= 1
            self._here += Counter()  # nobody with no run is kept


class Travelling(Iterator[Step]):
    """The steps of a run on a replica, as they come. Closing it, or letting go of it, frees the work at once."""

    def __init__(self, spread: Spread, jobs: Sequence[bytes], who: object) -> None:
        self._spread, self._jobs, self._who, self._closed = spread, jobs, who, True
        self._left = list(range(len(jobs)))  # pictures not finished yet
        self._told = dict.fromkeys(self._left, -1)  # the last step of each that its reader has had
        self._on = list(self._left)  # what the replica calls 0, 1, …
        self._steps: list[Step] = []  # that have come and were not read yet, last first
        self._replica, self._messages = spread.begin(jobs, who)
        spread.entered(who)
        self._closed = False

    def __next__(self) -> Step:
        while not self._steps:
            if self._closed:
                raise StopIteration
            try:
                kind, *said = next(self._messages)
            except Gone:
                self._begin_anew()
            except StopIteration:
                self.close()
            else:
                if kind == "failed":
                    self.close()
                    raise UserError(said[0], **said[1])
                if kind == "told":
                    self._spread.hear(*said)
                else:
                    self._steps = [step for told in reversed(said[0]) if (step := self._fresh(*told))]
        return self._steps.pop()

    def _fresh(self, number: int, index: int, *more) -> Step | None:
        """A step that its reader has not had yet."""
        number = self._on[number]
        if index <= self._told[number]:
            return None
        self._told[number] = index
        step = unpacked(number, index, *more)
        if step.final is not None:
            self._left.remove(number)
        return step

    def _begin_anew(self) -> None:
        """On another replica, and however long all are full: who was let in once is not sent away."""
        self._spread.lost(self._replica)
        self._on = list(self._left)
        while not self._closed and self._left:
            try:
                jobs = [self._jobs[number] for number in self._on]
                self._replica, self._messages = self._spread.begin(jobs, self._who)
                return
            except UserError as error:
                log.info("A run waits for another engine: %s", error)
                time.sleep(AGAIN)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._spread.left(self._who)
            self._messages.close()

    __del__ = close
