"""One model on one device, shared by everybody: continuous batching of denoising steps.

It holds the live samplers of all requests; each round a worker takes up to a batch of their open queries, whatever
their t, sampler, prompt or guidance, runs the U-Net once, and sends every answer back into its sampler. People take
turns, so that a long run never makes a short one wait.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext

import torch

from playground.engine.jobs import Job, job_for
from playground.engine.tasks import FULL, Request, Run, Task, answers, begin, run_direct
from playground.engine.turns import Turns
from playground.errors import UserError
from playground.models import Model
from playground.models.denoiser import UNetDenoiser, net_of
from playground.models.devices import at_most, choose_device, compute_with, threads
from playground.models.runtimes import plain
from playground.predictions import Prediction

log = logging.getLogger(__name__)

MAX_LIVE = 512  # pictures in work before newcomers are asked to come back
# sys.setswitchinterval for workers, in seconds. PyTorch releases the interpreter's lock in every operation; with the
# threads of thirty requests Python's default of 5 ms is then lost each time. With 0.5 ms a class of thirty got a
# quarter more pictures, and saw its first step in half the time.
SWITCH = 0.0005
SMALL_SIDE = 64  # pixels a side up to which 32 pictures fit into memory at once, and trying out runtimes takes seconds
STOPPED = "The engine has been stopped. Reload the page."


class Engine:
    """Answers the queries of all users with one checkpoint on one device.

    Args:
        checkpoint: as `checkpoints.load` gives it, on any device.
        device: "auto", "cpu", "cuda", "mps".
        max_batch: rows that are in the network at a time.
        max_live: pictures in work at a time; a request beyond that is refused at once.
        warm: look for the fastest way to run the net first, which takes a second or more in the background: one way for
            all of an engine's pictures, so that a seed gives the same picture at any time and in any company.
    """

    def __init__(
        self,
        checkpoint: Model,
        device: str | None = None,
        max_batch: int = 32,
        max_live: int = MAX_LIVE,
        warm: bool = False,
    ) -> None:
        self.device = choose_device(device or "auto")
        self.checkpoint = checkpoint.to(self.device).eval()
        self.schedule, self.size, self.channels = checkpoint.schedule, checkpoint.size, checkpoint.channels
        self.space, self.picture_size, self.guidance = checkpoint.space, checkpoint.picture_size, checkpoint.guidance
        self.max_batch, self.max_live = max_batch, max_live
        self._denoise = UNetDenoiser(self.checkpoint, plain(net_of(self.checkpoint)))
        self._ready = threading.Event()  # the way to run the net is found
        self._turns: Turns[Task] = Turns()
        self._change = threading.Condition()  # guards _turns; notified when there may be work
        self._asleep = 0  # workers
        self._crowded = False  # there is as much to do again as the last round took
        self._rounds_open = 0  # in the network at this moment
        self._stopped = False
        self._live = self._rounds = self._rows = self._steps = self._pictures = 0
        self._busy = self._counted = 0.0  # seconds spent working; when a round was last over
        self._rows_per_second = 0.0  # of late
        # On a CPU, two: while one has the samplers do their part, the other's round keeps the cores busy.
        workers = 2 if self.device.type == "cpu" and max_batch > 2 else 1
        self._room = max_batch // workers  # rows of a round
        self._share = max(1, threads() // workers)  # cores for a round where there is work for all workers
        self._threads = [
            threading.Thread(target=self._work, name=f"engine-{self.device}-{k}", daemon=True) for k in range(workers)
        ]
        if warm:
            self._threads.append(threading.Thread(target=self._warm_up, name="warm-up", daemon=True))
        else:
            self._ready.set()
        for thread in self._threads:
            thread.start()

    # ---------------------------------------------------------------- for everybody

    def run(self, jobs: Sequence[Job], who: object = None) -> Run:
        """Starts the jobs, and returns their steps as they come.

        who: requests of the same person share that person's turns.

        Raises:
            UserError: at once where the queue is full; while iterating where this request failed.
        """
        request = Request(live=len(jobs))
        try:
            tasks, steps = begin(jobs, request if who is None else who, request)
        except Exception as error:
            raise _sentence(error) from error
        for step in steps:
            request.tell(step)
        if not tasks:
            return Run(request, self._read, self._forget)
        with self._change:
            if self._stopped:
                raise UserError(STOPPED)
            if self._live + len(tasks) > self.max_live:
                raise UserError(FULL, pictures=self._live, seconds=max(1, round(self._wait())))
            self._live += len(tasks)
            for task in tasks:
                self._turns.add(task.who, task)
            self._change.notify()
        return Run(request, self._read, self._forget)

    @property
    def people(self) -> int:
        """How many people have runs in work: who streams to them may stream less often when there are many."""
        return self._turns.people

    @property
    def denoiser(self) -> UNetDenoiser:
        """The model as this engine runs it, for whoever asks it without company; found by the time this returns."""
        self._ready.wait()
        return self._denoise

    def stats(self) -> dict:
        """What the badge and the benchmarks show; a row is one evaluation of the net (guidance takes two). `at` tells
        what was said first from what was said later."""
        with self._change:
            return {
                "at": time.monotonic(),
                "device": str(self.device),
                "runtime": str(self._denoise.runtime),
                "live": self._live,
                "waiting_seconds": self._wait(),
                "rows_per_second": self._rows_per_second,
                "mean_batch": self._rows / self._rounds if self._rounds else 0.0,
                "rounds": self._rounds,
                "rows": self._rows,
                "steps": self._steps,
                "pictures": self._pictures,
                "busy_seconds": self._busy,
            }

    def close(self) -> None:
        """Ends the worker and every run that is still going."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join(timeout=10)

    def _wait(self) -> float:
        rows = sum(task.rows_left for task in self._turns)
        return rows / self._rows_per_second if self._rows_per_second else 0.0

    def _read(self) -> None:
        """Called by readers: a run that waited for its reader may go on."""
        if self._asleep:
            with self._change:
                self._change.notify()

    def _forget(self, request: Request) -> None:
        """Called when nobody reads a request any more."""
        request.end()
        with self._change:
            self._change.notify()

    # ---------------------------------------------------------------- the worker

    def _warm_up(self) -> None:
        try:
            self.space.speed_up()
            self._denoise.speed_up()
            list(run_direct(self._denoise, [job_for(self, steps=3)]))  # what is compiled at its first use is so now
        except Exception:
            log.exception("The plain net serves: no faster way to run it was found.")
        finally:
            self._ready.set()

    @torch.no_grad()
    def _work(self) -> None:
        sys.setswitchinterval(min(SWITCH, sys.getswitchinterval()))
        if self.device.type == "cpu":
            compute_with(threads())
        self._ready.wait()
        while True:
            with self._change:
                while not self._stopped and not (batch := self._take()):
                    self._asleep += 1
                    self._change.wait()
                    self._asleep -= 1
                if self._stopped:
                    return self._abandon()
                self._rounds_open += 1
                crowded = self._crowded
            started, rows = time.perf_counter(), sum(task.rows for task in batch)
            # A round among all cores is soonest done; one core on a whole round does more in all.
            with at_most(self._share) if crowded else nullcontext():
                answered = self._answers(batch)
            for task, answer in answered:
                self._advance(task, answer)
            with self._change:
                for task in batch:
                    task.asked = False
                self._rounds_open -= 1
                self._count(rows, len(batch), started)

    def _take(self) -> list[Task]:
        """The open queries of the next round. What nobody reads any more is let go of."""
        batch: list[Task] = []
        room, others = self._room, 0
        for task in self._turns:
            if task.asked:
                continue
            if task.request.closed:
                self._remove(task)
            elif task.request.full:
                continue
            elif task.rows <= room:
                batch.append(task)
                room -= task.rows
            else:
                others += task.rows
            if others >= self._room:
                break
        # Beside another round only a large one gains; a small one had better wait for more to come together.
        if self._rounds_open and room > self._room // 2:
            return []
        for task in batch:
            task.asked = True
            self._turns.serve(task.who, task)
        self._crowded = others >= self._room
        return batch

    def _remove(self, task: Task) -> None:
        self._turns.remove(task.who, task)
        self._live -= 1

    def _answers(self, batch: list[Task]) -> list[tuple[Task, Prediction]]:
        """Every task with the answer to its question. Where a batch fails (memory, a job that doesn't fit) it is
        halved, so that only a task that fails by itself is lost."""
        try:
            return list(zip(batch, answers(self._denoise, batch), strict=True))
        except Exception as error:
            if len(batch) == 1:
                self._fail(batch[0], error)
                return []
            half = len(batch) // 2
            return self._answers(batch[:half]) + self._answers(batch[half:])

    def _advance(self, task: Task, answer: Prediction) -> None:
        """Sends a sampler its answer, and the reader the step that this was."""
        try:
            step = task.advance(answer)
        except Exception as error:
            return self._fail(task, error)
        if step.final is not None:
            with self._change:
                self._remove(task)
                self._pictures += 1
        task.request.tell(step)

    def _fail(self, task: Task, error: Exception) -> None:
        """Ends a request, and nobody else's."""
        task.request.end(_sentence(error))

    def _count(self, rows: int, steps: int, started: float) -> None:
        now = time.perf_counter()
        seconds, self._counted = now - max(started, self._counted), now  # no time twice where rounds overlap
        self._rounds += 1
        self._rows += rows
        self._steps += steps
        self._busy += seconds
        lately = rows / seconds
        self._rows_per_second += (lately - self._rows_per_second) * (0.1 if self._rows_per_second else 1)

    def _abandon(self) -> None:
        for task in self._turns:
            if task.asked:  # its worker will come by here too
                continue
            self._remove(task)
            if not task.request.closed:
                self._fail(task, UserError(STOPPED))


def _sentence(error: Exception) -> UserError:
    """What the reader of a failed run is told; the rest goes to the log."""
    if isinstance(error, UserError):
        return error
    log.error("A run failed.", exc_info=error)
    return UserError("This run failed and was stopped. Others are not affected; please try other settings.")
