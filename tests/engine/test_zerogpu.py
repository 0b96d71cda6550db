"""ZeroGPU, against a stand-in for `spaces.GPU` with the same rules: another process, and everything pickled."""

from __future__ import annotations

import importlib
import inspect
import multiprocessing
import sys
import threading
import types
from types import SimpleNamespace

import pytest
import torch

from playground.engine import Engine, Job, job_for, zerogpu
from playground.engine import registry as engines
from playground.errors import UserError
from playground.models.conditioning import Condition
from playground.models.denoiser import UNetDenoiser
from playground.samplers.noise import noise_between

FORK = multiprocessing.get_context("fork") if "fork" in multiprocessing.get_all_start_methods() else None
pytestmark = pytest.mark.skipif(FORK is None, reason="ZeroGPU forks, and this system can't")
CAT = Condition(("cat",), "flat")


class Lender:
    """The rules of `spaces.GPU`, as its source has them: sync generators only; arguments and yields are pickled; the
    task runs in a forked process; closing the generator stops it after its next yield; errors lose their words."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.refuse: Exception | None = None
        self.yields = 0
        self.stopped = FORK.Event()

    def GPU(self, task=None, *, duration=None):
        if task is None:
            return lambda task: self.GPU(task, duration=duration)
        assert inspect.isgeneratorfunction(task)

        def work(pipe, args) -> None:
            try:
                for item in task(*args):
                    pipe.send((item, None))
                    if self.stopped.is_set():
                        return
                pipe.send(None)
            except Exception as error:
                pipe.send((None, type(error).__name__))

        def handler(*args):
            self.asked.append(duration(*args))
            if self.refuse:
                raise self.refuse
            here, there = FORK.Pipe()
            # The worker may be one that is still warm: arguments are sent to it, and not inherited by the fork.
            pickler = multiprocessing.reduction.ForkingPickler
            args = pickler.loads(pickler.dumps(args))
            process = FORK.Process(target=work, args=(there, args), daemon=True)
            process.start()
            there.close()
            try:
                while (got := here.recv()) is not None:
                    if got[1]:
                        raise GradioError("ZeroGPU worker error", got[1])
                    self.yields += 1
                    yield got[0]
            except GeneratorExit:
                self.stopped.set()
                raise
            finally:
                process.join(20)
                assert not process.is_alive()

        return handler


class GradioError(Exception):
    def __init__(self, title: str, message: str) -> None:
        super().__init__(message)
        self.title = title


@pytest.fixture
def lender(monkeypatch):
    """A ZeroGPU Space: the variable is set, the package is there, and the module was imported on it."""
    lender = Lender()
    spaces = types.ModuleType("spaces", "stand-in")
    spaces.__spec__ = importlib.machinery.ModuleSpec("spaces", None)
    spaces.GPU = lender.GPU
    monkeypatch.setitem(sys.modules, "spaces", spaces)
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(zerogpu, "lent", zerogpu._lend(zerogpu._steps))
    return lender


@pytest.fixture
def engine(lender, tiny_checkpoint, monkeypatch):
    monkeypatch.setattr(engines, "_engines", {})
    monkeypatch.setattr(UNetDenoiser, "speed_up", lambda self: None)
    engine = engines.get_engine(str(tiny_checkpoint))
    assert isinstance(engine, zerogpu.Borrowing)
    yield engine
    engines.close_engines()


def pictures(steps) -> dict[int, torch.Tensor]:
    return {step.job: step.final for step in steps if step.final is not None}


def test_elsewhere_nothing_is_decorated_and_spaces_is_not_imported(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert not zerogpu.present()
    assert zerogpu.lent is zerogpu._steps and "spaces" not in sys.modules


def test_a_run_in_the_other_process_is_the_run_at_home(engine):
    def jobs():
        return [
            job_for(engine, name, steps=5, seed=3, condition=CAT, guidance_scale=2.0)
            for name in ("ddim", "ddpm", "dpmpp_2m")
        ]

    borrowed, home = list(engine.run(jobs())), list(engine.home.run(jobs()))
    assert len(borrowed) == len(home) == 15
    home = {(step.job, step.index): step for step in home}
    for step in borrowed:
        twin = home[step.job, step.index]
        assert (step.level, step.steps_hint) == (twin.level, twin.steps_hint)
        told = [torch.stack([each.x, each.prediction.x0, each.prediction.eps]) for each in (step, twin)]
        torch.testing.assert_close(*told, rtol=0, atol=1e-4)
        assert (step.final is None) == (twin.final is None)
    for job, picture in pictures(borrowed).items():
        torch.testing.assert_close(picture, home[job, 4].final, rtol=0, atol=1e-4)


def test_a_model_of_the_diffusers_library_borrows_too(lender, tmp_path, monkeypatch):
    pytest.importorskip("diffusers")
    from tests.models.test_diffusers import saved

    monkeypatch.setattr(engines, "_engines", {})
    monkeypatch.setattr(UNetDenoiser, "speed_up", lambda self: None)
    engine = engines.get_engine(str(saved(tmp_path / "tiny-ddpm", beta_schedule="squaredcos_cap_v2")))

    def jobs():
        return [job_for(engine, name, steps=4, seed=3) for name in ("ddim", "ddpm")]

    borrowed, home = pictures(engine.run(jobs())), pictures(engine.home.run(jobs()))
    assert len(lender.asked) == 1 and lender.yields == 4
    for job, picture in borrowed.items():
        torch.testing.assert_close(picture, home[job], rtol=0, atol=1e-4)
    engines.close_engines()


def test_the_time_asked_for_follows_the_work(engine, lender):
    list(engine.run([job_for(engine, steps=2)]))
    seconds = [
        zerogpu.seconds_for([Job(None, steps_hint=steps)] * count)
        for steps, count in ((2, 1), (500, 1), (500, 16), (500, 32), (1000, 512))
    ]
    assert lender.asked == seconds[:1]
    assert seconds == sorted(seconds) and seconds[1] == seconds[2] < seconds[3] and seconds[-1] == 120


def test_closing_stops_the_other_process_after_its_next_yield(engine, lender):
    run = engine.run([job_for(engine, steps=1000)])
    for _ in range(3):
        next(run)
    run.close()
    assert lender.stopped.is_set() and lender.yields <= 4


@pytest.mark.parametrize(
    ("title", "sentence"),
    [
        ("ZeroGPU quota exceeded", "used up for now; choose the device “cpu”"),
        ("ZeroGPU pending credits exceeded", "used up for now"),
        ("ZeroGPU queue timeout", "No GPU is free at the moment"),
        ("ZeroGPU client error", "No GPU is free at the moment"),
        ("ZeroGPU illegal duration", "take fewer steps"),
        ("ZeroGPU worker error", "gave up on this run"),
    ],
)
def test_refusals_are_told_in_a_sentence(engine, lender, title, sentence):
    lender.refuse = GradioError(title, "<a href='x'>internals</a>")
    with pytest.raises(UserError, match=sentence) as caught:
        list(engine.run([job_for(engine, steps=2)]))
    assert "internals" not in str(caught.value)


def test_a_sentence_from_the_other_process_keeps_its_words(engine, monkeypatch):
    def broken(denoise, jobs):
        yield []
        raise UserError("Take {count} of these.", count=3)

    monkeypatch.setattr(zerogpu, "run_direct", broken)
    with pytest.raises(UserError, match=r"^Take 3 of these\.$"):
        list(engine.run([job_for(engine, steps=2)]))


def test_what_cannot_travel_runs_at_home(engine, lender):
    def look():
        yield torch.zeros(1, 3, 16, 16, dtype=torch.float64), engine.schedule.level(500)

    with pytest.raises(UserError, match="This run failed"):  # it returns no picture, which home notices
        list(engine.run([Job(look())]))
    between = job_for(engine, steps=3, seed=1, noise=noise_between(1, 2, 0.5))
    assert len(pictures(engine.run([between]))) == 1
    assert len(lender.asked) <= 1


def test_the_cpu_can_still_be_chosen(engine, lender, tiny_checkpoint):
    assert isinstance(engines.get_engine(str(tiny_checkpoint), "cpu"), Engine)
    assert str(engine.device).startswith("cuda") and engine.stats()["device"] == engine.device
    assert engine.size == 16 and engine.schedule.T == 1000


def test_two_people_at_once(engine):
    got = {}

    def person(seed: int) -> None:
        got[seed] = pictures(engine.run([job_for(engine, steps=3, seed=seed)]))[0]

    people = [threading.Thread(target=person, args=(seed,)) for seed in (1, 2)]
    for each in people:
        each.start()
    for each in people:
        each.join(60)
    assert len(got) == 2 and not torch.equal(got[1], got[2])


def test_what_a_run_asks_of_its_engine_is_that_of_the_engine_at_home():
    closed = []
    told = {"checkpoint": object(), "schedule": object(), "space": object()}
    told |= {"channels": 3, "size": 32, "guidance": None}
    home = SimpleNamespace(
        **told, picture_size=64, people=5, stats=lambda: {"live": 2, "device": "cpu"}, close=lambda: closed.append(True)
    )
    lent = zerogpu.Borrowing(home, "some")
    assert {name: getattr(lent, name) for name in told} == told and lent.picture_size == 64 and lent.people == 5
    assert lent.stats() == {"live": 2, "device": "cuda (ZeroGPU)"} == {"live": 2, "device": lent.device}
    lent.close()
    assert closed
