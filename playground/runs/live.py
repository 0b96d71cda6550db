"""Runs: pictures made side by side, from plain settings to what the player shows and the endpoints return.

Denoise, Generate, Duel and editing all are a few `Lane`s through one `Live`; the tabs differ in which lanes they ask
for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch

from playground.engine import Runner, Step, together
from playground.images import encoded, to_pixels
from playground.runs import opened
from playground.runs.frames import Frame, error_map, news, opening
from playground.runs.lanes import Lane

MAX_FRAME_BYTES = 96_000_000  # of one run; a longer one is kept, and shown, in every second step, every third, …

FAR = 0.1  # `outside` beyond which a finished picture is no picture; a sampler's overshoot is a tenth of that

MESSAGES = 15  # a second, as an event's own messages
LINES = 30  # a second, down a channel


class Line(Protocol):
    """A run's own way to the one page that watches it."""

    token: str  # what the page asks for it by
    followed: bool  # somebody has asked

    def taken(self) -> bool:
        """Waits, for a while, until somebody has asked."""

    def send(self, message: dict) -> bool:
        """False where nobody is there to take it."""

    def close(self) -> None: ...


def outside(x: torch.Tensor) -> float:
    """How far outside [−1, 1], where all data is, x lies: root mean square of what is beyond."""
    return float((x - x.clamp(-1, 1)).square().mean().sqrt())


class Live:
    """A run of some lanes: iterate `messages()` for the player, or `finish()` for the pictures alone."""

    def __init__(self, engine: Runner, lanes: Sequence[Lane], curve: str = "change", who: object = None) -> None:
        self.engine, self.lanes, self.curve, self.who = engine, list(lanes), curve, who
        self.more: dict = {}  # what else the player is told: the page's `settings`, whether they are `other` than asked
        self.steps = 0
        self.seconds = 0.0
        self.questions = sum(lane.job.steps_hint or 1 for lane in lanes)
        frame_bytes = 3 * 3 * engine.picture_size**2
        self.every = max(1, -(-self.questions * frame_bytes // MAX_FRAME_BYTES))

    @property
    def rate(self) -> float:
        """Steps per second, of all lanes together."""
        return self.steps / self.seconds if self.seconds else 0.0

    def frames(self, rest: Callable[[], float] | None = None) -> Iterator[list[Frame]]:
        """The frames of the run as they come: of one step usually, two with a lane's last one. With `rest`, those of
        all steps that have come, when its seconds are over."""
        began = time.perf_counter()
        run = self.engine.run([lane.job for lane in self.lanes], who=self.who)
        try:
            for steps in ([step] for step in run) if rest is None else together(run, len(self.lanes), rest):
                self.steps += sum(step.steps_hint != 0 for step in steps)  # a picture at strength 0 asks nothing
                self.seconds = steps[-1].at - began
                for step in steps:
                    if step.final is not None:
                        self.lanes[step.job].seconds = step.at - began
                new = [frame for step in steps for frame in self._frames(step)]
                for frame in new:
                    self.lanes[frame.lane].frames.append(frame)
                if new:
                    yield new
        finally:
            run.close()

    def _frames(self, step: Step) -> list[Frame]:
        lane, space = self.lanes[step.job], self.engine.space
        step, decode = (lane.retold(step) if lane.retold else step), lane.decoded or space.decode
        eps_hat = to_pixels(space.enlarged(step.prediction.eps))
        asked = (step.index + 1) * lane.rows if step.steps_hint != 0 else 0
        known = lane.truth if asked else None  # at strength 0 nothing is asked, so nothing is missed
        new = []
        of = {"lane": step.job, "nfe": asked, "eps_hat": eps_hat}
        if step.index % self.every == 0:
            x0_hat = decode(step.prediction.x0[None])[0]
            error, gap = (None, None) if known is None else error_map(x0_hat, known)
            shown = {"x": to_pixels(space.enlarged(step.x)), "x0_hat": to_pixels(x0_hat)}
            level = {"t": step.level.t, "alpha_bar": step.level.alpha_bar}
            new.append(Frame(step=step.index, error=error, gap=gap, **shown, **level, **of))
        if step.final is not None:
            lane.final = lane.pasted(decode(step.final[None])[0])
            lane.strayed = outside(step.final) > FAR
            done = to_pixels(lane.final)
            error, gap = (None, None) if known is None else error_map(lane.final, known)
            end = {"step": step.index + 1, "t": 0.0, "alpha_bar": 1.0, "last": True}
            new.append(Frame(x=done, x0_hat=done, error=error, gap=gap, **end, **of))
        return new

    def messages(self, example: bool = False, channel: Line | None = None) -> Iterator[dict]:
        """The player's messages, but for those that went down the channel. What came before a failure stays on the
        page; the failure is raised on."""
        lanes = [self._told(lane) for lane in self.lanes]
        space, lane = self.engine.space, self.lanes[0]
        first = opening(
            self.engine.picture_size,
            lanes,
            device=str(self.engine.device),
            curve=self.curve,
            truth=None if lane.truth is None else (lane.truth, space.enlarged(lane.eps)),
            latent=self.engine.size if space.factor > 1 else None,
            example=example,
        )
        opened.keep(first["run"], self.engine, self.lanes)
        try:
            first["start"] |= self.more
            yield first | ({"channel": channel.token} if channel else {})
            for message in self._news(first["run"], channel):  # the engine is at work before the page has come
                sent = channel is not None and channel.taken() and channel.send(message)
                if not sent or "end" in message:  # a line that breaks off takes what was in it along, but not the end
                    yield message
        finally:
            if channel:
                channel.close()

    @staticmethod
    def _told(lane: Lane) -> dict:
        """What the player is told of a lane; `calls` where the sampler does not ask once a step."""
        asked, recipe = lane.job.steps_hint or 0, lane.job.recipe
        told = {"label": lane.label, "note": lane.note, "steps": asked}
        return told | ({"calls": True} if recipe and asked != len(recipe[2]) - 1 else {})

    def _news(self, run: str, channel: Line | None) -> Iterator[dict]:
        seq = 0
        try:
            for frames in self._handfuls(channel):
                seq += 1
                yield news(run, seq, frames, self.rate)
        except Exception:
            yield {"run": run, "seq": seq + 1, "end": {"status": "failed"}}
            raise
        yield {"run": run, "seq": seq + 1, "rate": round(self.rate, 1), "end": self._ending()}

    def _handfuls(self, channel: Line | None) -> Iterator[list[Frame]]:
        """Frames as they are sent: at most `MESSAGES` or `LINES` handfuls a second, and fewer in a crowd, for each
        message of an event costs the page some 20 ms, however small."""

        def pause() -> float:
            most = LINES if channel is not None and channel.followed else MESSAGES
            return max(1, self.engine.people / 2) / most

        return self.frames(pause)

    def _ending(self) -> dict:
        lanes = [{"file": k.file, "png": encoded(k.png())} for k in self.lanes]
        strayed = [number for number, k in enumerate(self.lanes) if k.strayed]
        took = {"seconds": round(self.seconds, 4), "steps": self.steps}
        return {"status": "done", "lanes": lanes} | took | ({"strayed": strayed} if strayed else {})

    def whole(self, example: bool = False) -> dict:
        """The finished run as one message, for a page that has not been watching."""
        opened, *rest = self.messages(example)
        frames = [frame for message in rest for frame in message.get("frames", [])]
        return opened | {"frames": frames, "rate": rest[-1]["rate"], "end": rest[-1]["end"]}

    def finish(self) -> None:
        """Runs to the end."""
        for _ in self.frames(lambda: math.inf):
            pass

    def report(self) -> dict:
        """Numbers of a finished run, as plain JSON."""
        return {
            "pictures": [lane.report() for lane in self.lanes],
            "nfe": sum(lane.nfe for lane in self.lanes),
            "unknown_words": list(dict.fromkeys(word for lane in self.lanes for word in lane.unknown)),
            "device": str(self.engine.device),
            "runtime": self.engine.stats()["runtime"],
            "seconds": round(self.seconds, 3),
            "steps_per_second": round(self.rate, 1),
        }
