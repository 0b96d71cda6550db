"""A training from its start or its last state to its end: log, samples, checkpoint and card on the way."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from playground.errors import UserError
from playground.images import to_png
from playground.models.publishing import writable
from playground.training.cards import write_card
from playground.training.history import History
from playground.training.looks import sample_sheet
from playground.training.trainer import Trainer

LOOK = 25  # steps after which the loss is looked at on a GPU
SAVE = 120  # seconds after which the state is written


def runs_of(out: Path) -> Path:
    """Where the state of the training of `out` lies: by its whole path, for two folders may have one name."""
    path = out.resolve()
    return Path("runs") / f"{path.name}-{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


@contextlib.contextmanager
def stoppable() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM ask for an end, which is looked for between two steps: half a step would be saved as a whole
    one. A second Ctrl-C ends it at once."""
    asked, before = threading.Event(), {}

    def ask(number: int, _frame: object) -> None:
        asked.set()
        signal.signal(number, signal.default_int_handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def finite(loss: float, step: int) -> None:
    """Raises UserError if the loss is no longer a number."""
    if not math.isfinite(loss):
        raise UserError("The loss is no longer a number at step {step}; try a smaller --lr.", step=step)


def stopped(trainer: Trainer) -> NoReturn:
    """Ends a command whose training was asked to end before it was through, and is saved."""
    sys.exit(f"stopped at step {trainer.step}; the same command goes on from here")


def begin(trainer: Trainer, out: Path, runs: Path) -> Path:
    """The file in `runs` where a training's state is kept; if there is one, the training goes on from it.

    Raises:
        UserError: `runs` holds the state of another training, `out` a model and `runs` no state of its training, or
            nothing can be written there.
    """
    state = writable(runs) / "state.safetensors"
    if not state.exists() and (out / "model.safetensors").exists():
        raise UserError(
            "{out} holds a model already, and {state} is not there to go on from. Start where it was trained, move it "
            "away, or give another --out.",
            out=out,
            state=state,
        )
    writable(out)
    team = trainer.team
    if state.exists():
        trainer.resume(state)
        if team.leads:
            print(f"going on from step {trainer.step}, {trainer.images} images")
    if not team.same(trainer.step):
        raise UserError("Not all processes of this training see {state}; they must share a folder.", state=state)
    return state


def train(trainer: Trainer, out: Path, runs: Path, images: int, minutes: float, data: str) -> None:
    """Trains until `images` were seen or `minutes` are up, whichever comes first; writes to `out` and `runs`,
    where several processes train the one that leads.

    Raises:
        UserError: see `begin`; or the loss is no longer a number.
    """
    state, team = begin(trainer, out, runs), trainer.team
    history = History(runs)
    saved, looked = time.monotonic(), time.monotonic()
    bar = tqdm(total=images, initial=trainer.images, unit="img", unit_scale=True, smoothing=0.05)
    bar.disable = not team.leads

    def look(final: bool) -> None:
        """Held-out errors to the log, a grid of samples, and the checkpoint with its card as of now."""
        errors = trainer.errors()
        line = {"step": trainer.step, "images": trainer.images, "minutes": round(trainer.seconds / 60, 1)}
        line |= {"loss": round(trainer.loss, 5), "error": {f"{k:g}": round(v, 5) for k, v in errors.items()}}
        with open(runs / "log.jsonl", "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        (runs / f"samples-{trainer.step:07d}.png").write_bytes(to_png(sample_sheet(trainer)))
        trainer.mean.save(out, write_card(trainer, out.name, data, trainer.loss, errors, final))
        history.write(out, trainer)
        bar.write(json.dumps(line))

    with stoppable() as asked:
        while True:
            done = max(trainer.images / images, trainer.seconds / 60 / minutes)
            if team.leads and done < 1 and history.due(done):
                history.add(trainer, done)
            progress, stop = team.agree(done, asked.is_set())
            if stop or progress >= 1:
                break
            start = time.monotonic()
            trainer.train_step(progress)
            look_at_loss = trainer.step % LOOK == 0 or trainer.device.type == "cpu"
            loss = trainer.loss if look_at_loss else 0.0  # a GPU has to be waited for
            trainer.seconds += time.monotonic() - start
            bar.update(trainer.recipe.batch)
            if look_at_loss:
                bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            finite(loss, trainer.step)
            if team.leads and time.monotonic() - saved > SAVE:
                trainer.save(state)
                saved = time.monotonic()
            if team.leads and time.monotonic() - looked > 900:
                look(final=False)
                looked = time.monotonic()
    if not team.leads:
        return
    trainer.save(state)
    if progress < 1:
        bar.close()
        stopped(trainer)
    if history.due(1.0):
        history.add(trainer, 1.0)
    look(final=True)
    bar.close()
    print(f"{out}: {trainer.images} images in {trainer.seconds / 60:.0f} minutes")
