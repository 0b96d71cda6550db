"""What the server keeps for each session for a while, and for nobody else."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

KEPT = 3600  # seconds that it stays
SESSIONS = 64  # of which something stays


class Kept:
    """One thing for each session: the last that was kept."""

    def __init__(self) -> None:
        self.start_keeping()

    def start_keeping(self) -> None:
        """Nobody's is kept yet."""
        self._kept: OrderedDict[object, tuple[float, object, bool]] = OrderedDict()  # by session, oldest first
        self._lock = threading.Lock()

    def keep(self, who: object, what: object, only_if_none: bool = False) -> None:
        """Keeps it for one session; it takes the place of what that one had before.

        only_if_none: it is the page's own, an example, and nothing that the person has made.
        """
        with self._lock:
            if only_if_none and who in self._kept:
                return
            self._kept.pop(who, None)
            self._kept[who] = time.monotonic(), what, not only_if_none
            while len(self._kept) > SESSIONS or time.monotonic() - next(iter(self._kept.values()))[0] > KEPT:
                self._kept.popitem(last=False)

    def forget(self, who: object) -> None:
        """Another begins."""
        with self._lock:
            self._kept.pop(who, None)

    def of(self, who: object, own: bool = False):
        """What is kept for that session, an empty tuple where nothing is; `own`: no example."""
        with self._lock:
            _since, what, made = self._kept.get(who, (0.0, (), False))
            return what if made or not own else ()
