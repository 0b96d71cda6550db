"""The engines that are open: one for each checkpoint and device, made when they are first asked for."""

from __future__ import annotations

import atexit
import threading
import time

from playground.checkpoints import DEFAULT, load, locate, written
from playground.engine import zerogpu
from playground.engine.batching import SMALL_SIDE, Engine
from playground.engine.replicas import Replicas, Spread
from playground.engine.tasks import Runner
from playground.errors import UserError
from playground.models.devices import choose_device

_engines: dict[tuple[str, str], tuple[Runner, int]] = {}  # each with the time at which its weights were written
_loading = threading.Lock()
_replicas: Replicas | None = None
GRACE = 10  # seconds in which who has just been given an engine begins a run


def spread_over(replicas: Replicas | None) -> None:
    """From now on, engines of this process pass their runs on to these. Before the first is asked for."""
    global _replicas
    _replicas = replicas


def get_engine(name: str = DEFAULT, device: str = "auto") -> Runner:
    """The process's one engine for a checkpoint on a device. Weights that a training has written anew are read anew;
    runs that have begun end with those they began with.

    Raises:
        UserError: the checkpoint or the device is missing.
    """
    borrowed = zerogpu.present() and device != "cpu"
    there = str(device) if _replicas is not None else str(choose_device(device))
    key = (str(name), "zerogpu" if borrowed else there)
    with _loading:
        engine, since = _engines.get(key, (None, 0))
        if engine is not None and since == written(key[0]):
            return engine
        try:
            fresh = _open(*key)
        except UserError:
            if engine is None:
                raise
            return engine  # the new weights are not all there yet
        if engine is not None:
            threading.Thread(target=_retire, args=(engine,), daemon=True).start()
        return fresh


def _open(name: str, device: str) -> Runner:
    since = written(name)
    checkpoint = load(name)
    rows = max(2, min(32, 32 * SMALL_SIDE**2 // checkpoint.size**2))  # a guided picture takes two
    borrowed = device == "zerogpu"

    def at_home() -> Engine:
        here = "cpu" if borrowed else str(choose_device(device))
        return Engine(checkpoint, here, max_batch=rows, warm=checkpoint.size <= SMALL_SIDE)

    if borrowed:
        engine = zerogpu.Borrowing(at_home(), name)
    elif _replicas is not None:
        folder = str(locate(name).resolve())
        engine = Spread(_replicas, checkpoint.to(choose_device(device)), folder, device, at_home)
    else:
        engine = at_home()
    _engines[name, device] = engine, since
    return engine


def _retire(engine: Runner) -> None:
    time.sleep(GRACE)
    while engine.people:
        time.sleep(1)
    engine.close()


def forget(name: str) -> None:
    """Closes the engines of a checkpoint that is no more, when their runs have ended."""
    with _loading:
        gone = [_engines.pop(key)[0] for key in list(_engines) if key[0] == name]
    for engine in gone:
        threading.Thread(target=_retire, args=(engine,), daemon=True).start()


@atexit.register
def close_engines() -> None:
    """Ends every engine of the process, so that no thread is inside the network when the interpreter goes."""
    while _engines:
        _engines.popitem()[1][0].close()
