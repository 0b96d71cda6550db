"""One training that people watch: told from its place in the line to the model that came of it."""

from __future__ import annotations

import io
import logging
import math
import secrets
import shutil
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from playground.errors import UserError
from playground.models.devices import threads
from playground.predictions import Prediction, q_sample
from playground.training.cards import write_card
from playground.training.looks import Shown, look, nearest, packed
from playground.training.trainer import Trainer

log = logging.getLogger(__name__)

MARKS = 21  # looks at the net in a training, the first before it has seen anything
FEWEST, LOOKING = 4, 0.15  # such looks where the time is given, and the share of it that more of them may take
EVERY = 0.25  # seconds between two tellings of the loss
TRIED = 3  # steps by which the speed is judged
CURVE = 400  # points of the loss curve that a newcomer gets


@dataclass(frozen=True)
class Plan:
    """A training to be made: `key` says which others are the same one, None that there are none."""

    make: Callable[[], tuple[Trainer, Shown]]
    images: int | None  # pictures to see; None: as many as the minutes allow
    minutes: float
    name: str  # of the model that comes of it
    data: str  # a sentence for its card
    key: Hashable | None = None


class Training:
    """One training, from its place in the line to the model that came of it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.people: set[Hashable] = set()  # who watches it, or uses what came of it
        self._watching: Counter[Hashable] = Counter()  # how often: a page may begin anew before its old line is cut
        self.folder: Path | None = None  # the checkpoint, once there is one
        self.trainer: Trainer | None = None
        self.aim, self.images, self.rate = plan.images or 0, 0, 0.0
        self.ended = self.started = self._stop = False
        self.busy = threading.Lock()  # held while the net changes
        self._asking = 0  # who waits for `busy`: a lock goes to whoever is quickest, and that is the training
        self._news: list[dict] = []
        self._change = threading.Condition()

    # ------------------------------------------------------------------------------------------ for the people

    def follow(self, who: Hashable, place: Callable[[], tuple[int, float]]) -> Iterator[dict]:
        """All that has been told, as one message, then what is new as it comes, with {"seq"} from 0. While it waits in
        the line, {"place", "wait"} once a second: how many are before it and for how long, in seconds. Who ends the
        last of these before the training's end leaves it."""
        self.people.add(who)
        self._watching[who] += 1
        return self._follow(who, place)

    def _follow(self, who: Hashable, place: Callable[[], tuple[int, float]]) -> Iterator[dict]:
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
            self._watching[who] -= 1
            if not self.ended and not self._watching[who]:
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
        left = max(0, self.aim - self.images) / (self.rate or 800) if self.aim else math.inf
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
            raise UserError("This training is over." if self.ended else "The training has not begun yet.")
        self._asking += 1
        with self.busy:
            self._asking -= 1
            x0, eps, t, told = (part[:1] for part in trainer.batch())
            x, target = trainer.question(x0, eps, t)
            inputs = trainer.net.embed(told.words, told.styles, told.lines) if trainer.net.conditional else ()
            output = trainer.forwards[0](x, t.float(), *inputs).float()
        level = trainer.net.schedule.level(int(t))
        belief = Prediction.from_output(trainer.recipe.prediction, output, x, level)
        space = trainer.mean.space
        pictures = {"x0": space.decode(x0), "eps": space.enlarged(eps), "x": space.enlarged(x)}
        pictures |= {"eps_hat": space.enlarged(belief.eps), "x0_hat": space.decode(belief.x0)}
        loss = (output - target).square().mean().item()
        return {"t": int(t), "alpha_bar": level.alpha_bar, "loss": round(loss, 4), "step": trainer.step,
                "pictures": {name: packed(value) for name, value in pictures.items()}}  # fmt: skip

    # ------------------------------------------------------------------------------------------ for its thread

    def run(self, drawer: Path) -> None:
        """Trains to the end, or until it is stopped or fails. The checkpoint that comes of it lies in `drawer`."""
        self.started = True
        try:
            status = "stopped" if self._stop else self._train(drawer)
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

    def _train(self, drawer: Path) -> str:
        plan = self.plan
        trainer, shown = plan.make()
        self.trainer = trainer
        keep = max(1, threads() - 1)  # a core is left for those who draw
        trainer.twins, trainer.forwards = trainer.twins[:keep], trainer.forwards[:keep]
        net = trainer.mean
        level = net.schedule.level(max(1, round(shown.share * net.T)))
        x0 = net.space.encode(shown.x0)
        x = q_sample(x0, level, torch.randn(x0.shape, generator=torch.Generator().manual_seed(1)))
        began = time.monotonic()
        first = look(trainer, shown, x, level)
        looks = MARKS if plan.images else round(LOOKING * 60 * plan.minutes / (time.monotonic() - began))
        looks = max(FEWEST, min(MARKS, looks))
        self.aim = plan.images or self._within(plan.minutes)
        total = math.ceil(self.aim / trainer.recipe.batch)
        marks = {round(total * (k / (looks - 1)) ** 2) for k in range(looks)}
        start = {"images": self.aim, "size": net.picture_size, "labels": list(shown.labels), "t": level.t}
        start |= {"x0": packed(shown.x0), "x": packed(net.space.enlarged(x))}
        if shown.known is not None:
            start["apart"] = round(nearest(shown.known, shown.known, leave_own=True)[0].median().item(), 4)
        self._tell({"start": start, "look": first | {"images": 0}})
        began = told = time.monotonic()
        curve, mean, seen = [], math.nan, 0
        while True:
            if trainer.step in marks and trainer.images > seen:
                seen = trainer.images
                self._tell({"look": look(trainer, shown, x, level) | {"images": trainer.images}})
            progress = max(trainer.step / total, (time.monotonic() - began) / 60 / plan.minutes)
            if progress >= 1 or self._stop:
                break
            while self._asking:
                time.sleep(0.005)
            with self.busy:
                loss = float(trainer.train_step(progress))
            now = time.monotonic()
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
            self._keep(trainer, mean, drawer)
        return "stopped" if progress < 1 else "done"

    def _within(self, minutes: float) -> int:
        """Pictures that it sees in so many minutes, by the time that its first steps take."""
        trainer = self.trainer
        trainer.train_step(0.0)  # slower than the others
        began = time.monotonic()
        for _ in range(TRIED):
            trainer.train_step(0.0)
        return math.ceil(minutes * 60 / (time.monotonic() - began) * TRIED) * trainer.recipe.batch

    def _keep(self, trainer: Trainer, loss: float, drawer: Path) -> None:
        getattr(trainer, "finish", lambda: None)()
        folder = drawer / f"{self.plan.name}-{secrets.token_hex(8)}"
        trainer.mean.save(folder, write_card(trainer, folder.name, self.plan.data, loss, {}, True))
        self.folder = folder

    def _tell(self, message: dict) -> None:
        with self._change:
            self._news.append(message)
            self._change.notify_all()

    def discard(self) -> None:
        """Deletes what came of it."""
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
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
