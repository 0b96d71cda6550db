"""Trainings that people watch: one at a time, each in a thread of its own, told to whoever comes.

`Classroom.ask` gives the training for a plan: the one that others watch already, where the plan may be shared and is
the same. Whoever comes to it gets all that has been told so far, then what is new. What nobody watches stops at its
next step.
"""

from __future__ import annotations

import atexit
import base64
import io
import logging
import math
import os
import secrets
import shutil
import sys
import tempfile
import threading
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from playground.errors import UserError
from playground.images import to_pixels
from playground.models.conditioning import Condition
from playground.models.denoiser import UNetDenoiser, clipped, guided
from playground.models.devices import threads
from playground.predictions import Prediction, q_sample
from playground.samplers import ddim, run
from playground.schedules import spaced
from playground.training.cards import write_card
from playground.training.trainer import Trainer

log = logging.getLogger(__name__)

MARKS = 21  # looks at the net in a training, the first before it has seen anything
STEPS = 10  # of the sampler, in a look
EVERY = 0.25  # seconds between two tellings of the loss
CURVE = 400  # points of the loss curve that a newcomer gets
KEPT = 8  # trainings that may be shared, kept after their end
WAITING = 12  # trainings in line
FULL = "{count} trainings are waiting already. Try again in some minutes."


@dataclass(frozen=True)
class Shown:
    """What is looked at while a net learns: pictures noised to a level for it to denoise, and prompts to draw."""

    x0: Tensor  # (R, 3, S, S)
    conditions: Sequence[Condition]  # one a row
    labels: Sequence[str]
    guidance_scale: float = 1.0
    sampler: Callable = ddim
    steps: int = STEPS
    share: float = 0.5  # of T: where the pictures are noised to


@dataclass(frozen=True)
class Plan:
    """A training to be made: `key` says which others are the same one, None that there are none."""

    make: Callable[[], tuple[Trainer, Shown]]
    images: int
    minutes: float
    name: str  # of the model that comes of it
    data: str  # a sentence for its card
    key: Hashable | None = None


class Training:
    """One training, from its place in the line to the model that came of it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.people: set[Hashable] = set()  # who watches it, or uses what came of it
        self.folder: Path | None = None  # the checkpoint, once there is one
        self.trainer: Trainer | None = None
        self.images, self.rate = 0, 0.0
        self.ended = self.started = self._stop = False
        self.busy = threading.Lock()  # held while the net changes
        self._asking = 0  # who waits for `busy`: a lock goes to whoever is quickest, and that is the training
        self._news: list[dict] = []
        self._change = threading.Condition()

    # ------------------------------------------------------------------------------------------ for the people

    def follow(self, who: Hashable, place: Callable[[], tuple[int, float]]) -> Iterator[dict]:
        """All that has been told, as one message, then what is new as it comes, with {"seq"} from 0. While it waits in
        the line, {"place", "wait"} once a second: how many are before it and for how long, in seconds."""
        self.people.add(who)
        told = seq = 0
        try:
            while True:
                with self._change:
                    if len(self._news) == told and not self.ended:
                        self._change.wait(1.0)
                    news, ended = self._news[told:], self.ended
                told += len(news)
                if news:
                    message = merged(news)
                elif ended:
                    return
                elif not self.started:
                    before, seconds = place()
                    message = {"place": before, "wait": round(seconds)}
                else:
                    message = {"rate": round(self.rate)}  # nothing new: is anybody still there?
                yield message | {"seq": seq}
                seq += 1
        finally:
            if not self.ended:
                self.leave(who)

    def leave(self, who: Hashable) -> None:
        """Somebody goes; with the last one the training stops."""
        self.people.discard(who)
        if not self.people:
            self.stop()

    def stop(self) -> None:
        """Ends it at its next step; what it has learnt by then stays."""
        self._stop = True

    @property
    def seconds_left(self) -> float:
        """Until it has seen all its pictures, as fast as it is now; a guess before it has begun."""
        left = max(0, self.plan.images - self.images) / (self.rate or 800)
        return min(left, 60 * self.plan.minutes)

    def archive(self) -> bytes:
        """The checkpoint's folder as a zip."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(self.folder.iterdir()):
                archive.write(path, f"{self.folder.name}/{path.name}")
        return file.getvalue()

    @torch.no_grad()
    def example(self) -> dict:
        """Algorithm 1 of Ho et al. 2020 by the first picture of the next batch: what each line of it makes."""
        trainer = self.trainer
        if trainer is None:
            raise UserError("The training has not begun yet.")
        self._asking += 1
        with self.busy:
            self._asking -= 1
            x0, eps, t, told = (part[:1] for part in trainer.batch())
            x, target = trainer.question(x0, eps, t)
            inputs = trainer.net.embed(told.words, told.styles, told.lines) if trainer.net.conditional else ()
            output = trainer.forwards[0](x, t.float(), *inputs).float()
        level = trainer.net.schedule.level(int(t))
        belief = Prediction.from_output(trainer.recipe.prediction, output, x, level)
        pictures = {"x0": x0, "eps": eps, "x": x, "eps_hat": belief.eps, "x0_hat": belief.x0}
        loss = (output - target).square().mean().item()
        return {"t": int(t), "alpha_bar": level.alpha_bar, "loss": round(loss, 4), "step": trainer.step,
                "pictures": {name: encoded(value) for name, value in pictures.items()}}  # fmt: skip

    # ------------------------------------------------------------------------------------------ for its thread

    def run(self) -> None:
        """Trains to the end, or until it is stopped or fails."""
        self.started = True
        try:
            status = "stopped" if self._stop else self._train()
        except UserError as error:
            self._tell({"end": {"status": "failed", "message": str(error)}})
        except Exception as error:
            log.error("A training failed.", exc_info=error)
            self._tell({"end": {"status": "failed"}})
        else:
            model = self.folder.name if self.folder else None
            seconds = round(self.trainer.seconds, 1) if self.trainer else 0
            self._tell({"images": self.images, "seconds": seconds, "end": {"status": status, "model": model}})
        with self._change:
            self.ended = True
            self._change.notify_all()

    def _train(self) -> str:
        plan = self.plan
        trainer, shown = plan.make()
        self.trainer = trainer
        keep = max(1, threads() - 1)  # a core is left for those who draw
        trainer.twins, trainer.forwards = trainer.twins[:keep], trainer.forwards[:keep]
        total = math.ceil(plan.images / trainer.recipe.batch)
        marks = {round(total * (k / (MARKS - 1)) ** 2) for k in range(MARKS)}
        levels = trainer.mean.schedule
        level = levels.level(max(1, round(shown.share * levels.T)))
        eps = torch.randn(shown.x0.shape, generator=torch.Generator().manual_seed(1))
        x = q_sample(shown.x0, level, eps)
        self._tell({"start": {
            "images": plan.images, "size": trainer.recipe.size, "labels": list(shown.labels), "t": level.t,
            "x0": encoded(shown.x0), "x": encoded(x),
        }})  # fmt: skip
        began = told = time.monotonic()
        curve, mean, trained = [], math.nan, 0.0
        while True:
            if trainer.step in marks:
                self._tell({"look": look(trainer, shown, x, level) | {"images": trainer.images}})
            progress = max(trainer.step / total, (time.monotonic() - began) / 60 / plan.minutes)
            if progress >= 1 or self._stop:
                break
            while self._asking:
                time.sleep(0.005)
            start = time.monotonic()
            with self.busy:
                loss = float(trainer.train_step(progress))
            now = time.monotonic()
            trained += now - start
            if not math.isfinite(loss):
                raise UserError("The loss is no longer a number at step {step}.", step=trainer.step)
            mean = loss if math.isnan(mean) else mean + 0.1 * (loss - mean)
            self.images, self.rate = trainer.images, trainer.images / (now - began)
            curve.append([trainer.images, round(loss, 4), round(mean, 4)])
            if now - told > EVERY:
                self._tell({"losses": curve, "rate": round(self.rate), "left": round(self.seconds_left)})
                curve, told = [], now
        if curve:
            self._tell({"losses": curve, "rate": round(self.rate), "left": 0})
        if trainer.step not in marks:  # stopped in between
            self._tell({"look": look(trainer, shown, x, level) | {"images": trainer.images}})
        trainer.seconds = time.monotonic() - began
        if trainer.step:
            self._keep(trainer, mean)
        return "stopped" if progress < 1 else "done"

    def _keep(self, trainer: Trainer, loss: float) -> None:
        getattr(trainer, "finish", lambda: None)()
        folder = Path(tempfile.mkdtemp(prefix="training-")) / f"{self.plan.name}-{secrets.token_hex(8)}"
        trainer.mean.save(folder, write_card(trainer, folder.name, self.plan.data, loss, {}, True))
        self.folder = folder

    def _tell(self, message: dict) -> None:
        with self._change:
            self._news.append(message)
            self._change.notify_all()

    def discard(self) -> None:
        """Deletes what came of it."""
        if self.folder:
            shutil.rmtree(self.folder.parent, ignore_errors=True)
        self.folder = self.trainer = None


def merged(messages: Sequence[dict]) -> dict:
    """What some messages say together: the losses in a row, thinned; the looks in a row; of the rest the last word."""
    together: dict = {}
    losses = [point for message in messages for point in message.get("losses", [])]
    looks = [message["look"] for message in messages if "look" in message]
    looks = [look for message in messages for look in message.get("looks", ())] + looks
    for message in messages:
        together |= {key: value for key, value in message.items() if key not in ("losses", "look", "looks")}
    if losses:
        together["losses"] = losses[:: math.ceil(len(losses) / CURVE)]
    return together | ({"looks": looks} if looks else {})


@torch.inference_mode()
def look(trainer: Trainer, shown: Shown, x: Tensor, level) -> dict:
    """What the running mean of the net makes of the noised pictures, and pictures it draws from noises of its own."""
    net = trainer.mean
    denoise = UNetDenoiser(net)
    hats = denoise(x.double(), level, shown.conditions).x0
    draw = torch.Generator().manual_seed(2)

    def noise(shape: Sequence[int]) -> Tensor:
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    ask = clipped(guided(denoise, shown.guidance_scale))
    levels = spaced(net.schedule, min(shown.steps, net.schedule.T))
    start = noise((len(shown.x0), net.channels, net.size, net.size))
    drawn = run(shown.sampler(start, levels, noise), lambda x, level: ask(x, level, shown.conditions))
    hats, drawn = net.space.decode(hats), net.space.decode(drawn)
    return {"hats": encoded(hats), "pictures": encoded(drawn)}


def encoded(pictures: Tensor) -> str:
    """Pictures (N, 3, S, S) in [−1, 1] as base64 of N·S·S·3 bytes."""
    return base64.b64encode(to_pixels(pictures).tobytes()).decode()


class Classroom:
    """The line of trainings, and those that are kept. One at a time is in work, whoever asked for it."""

    def __init__(self) -> None:
        self._line: list[Training] = []  # the first one is in work
        self._shared: OrderedDict[Hashable, Training] = OrderedDict()
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
        torch.set_num_threads(1)
        _make_way()
        while True:
            with self._change:
                while not self._line and not self._closed:
                    self._change.wait()
                if not self._line:
                    return
                training = self._line[0]
            training.run()
            with self._change:
                self._line.pop(0)
                if training.plan.key is not None and training._stop:  # half a training is nobody else's
                    if self._shared.get(training.plan.key) is training:
                        del self._shared[training.plan.key]
                while len(self._shared) > KEPT:
                    _key, oldest = self._shared.popitem(last=False)
                    if oldest.ended and not oldest.people:
                        oldest.discard()
            if not training.people and training not in self._shared.values():
                training.discard()


def _make_way() -> None:
    """From now on this thread takes what others leave of a busy processor, where the system can tell threads apart."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        except OSError:
            pass
