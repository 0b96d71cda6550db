"""Two engines held by a Ray on this machine: one is killed while a class is at work, and no picture is lost."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from playground.checkpoints import load
from playground.engine import Engine, Job, close_engines, get_engine, job_for, spread_over
from playground.engine.cluster import open_replicas
from playground.errors import UserError
from tests.conftest import until


def test_where_engines_can_be_is_said():
    for wrong in ("local", "local:0", "ray://", "ray://host", "http://host:1"):
        with pytest.raises(UserError, match="local:N"):
            open_replicas(wrong)


@pytest.fixture(scope="module")
def spread(tiny_checkpoint):
    ray = pytest.importorskip("ray")
    spread_over(open_replicas("local:2"))
    yield get_engine(str(tiny_checkpoint))
    close_engines()
    spread_over(None)
    ray.shutdown()


def jobs_of(model, who: int) -> list[Job]:
    """Two pictures of a student's, of 40 steps."""
    return [job_for(model, "ddpm", 40, seed=10 * who + k) for k in range(2)]


def pictures(run, who: int = 0, started=None) -> list[torch.Tensor]:
    """The finished ones of a run, in order."""
    made = {}
    for step in run:
        if started is not None:
            started.add(who)
        if step.final is not None:
            made[step.job] = step.final
    return [made[job] for job in sorted(made)]


def test_a_replica_that_is_killed_loses_no_picture(spread, tiny_checkpoint, monkeypatch):
    """Everybody's are those that one engine here makes of their seeds."""
    students, started = range(12), set()

    def served(who: int) -> list[torch.Tensor]:
        return pictures(spread.run(jobs_of(spread, who), who), who, started)

    with ThreadPoolExecutor(len(students)) as pool:
        class_ = [pool.submit(served, who) for who in students]
        assert until(lambda: len(started) >= 6, 60)
        _, name, _stats = next(spread.replicas.ask(spread.folder, "auto", [], "me"))
        os.kill(int(name.rpartition("/")[2]), signal.SIGKILL)
        made = [one.result(timeout=120) for one in class_]
    assert spread.people == 0
    assert spread.stats()["live"] == 0  # the one that was killed is not counted
    assert spread.stats()["device"] == "cpu × 2"

    monkeypatch.setenv("PLAYGROUND_TIMED", "0")
    alone = Engine(load(tiny_checkpoint), "cpu", warm=True)
    wanted = pictures(alone.run([job for who in students for job in jobs_of(alone, who)]))
    assert len(wanted) == 24 and all(map(torch.equal, [picture for pair in made for picture in pair], wanted))
    alone.close()
