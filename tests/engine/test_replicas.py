"""Several engines behind one `run`, with stand-ins for what holds them: two engines of this process that can end."""

from __future__ import annotations

import pickle
from itertools import cycle

import pytest
import torch

from playground.checkpoints import load
from playground.engine import Engine, Job, job_for
from playground.engine.replicas import Gone, Spread
from playground.engine.tasks import packed
from playground.errors import UserError
from playground.models.conditioning import Condition
from tests.conftest import until

CAT = Condition(("cat",), "flat")


class Two:
    """Two engines by turns. The first can end after so many messages of a run, for good."""

    count = 2

    def __init__(self, checkpoint, **settings) -> None:
        self.engines = [Engine(load(checkpoint), "cpu", **settings) for _ in range(2)]
        self.turn, self.ends_after, self.asked = cycle((0, 1)), None, []

    def ask(self, folder, device, jobs, who):
        number = next(self.turn) if self.ends_after is None or self.ends_after > 0 else 1
        engine = self.engines[number]
        self.asked.append((number, len(jobs), who))
        yield "told", str(number), engine.stats()
        try:
            run = engine.run([pickle.loads(job) for job in jobs], who)
        except UserError as error:
            yield "failed", error.template, error.params
            return
        yield "begun", str(number), engine.stats()
        try:
            for step in run:
                if number == 0 and self.ends_after is not None:
                    self.ends_after -= 1
                    if self.ends_after <= 0:
                        raise Gone
                yield "steps", [packed(step)]
            yield "told", str(number), engine.stats()
        except UserError as error:
            yield "failed", error.template, error.params
        finally:
            run.close()


@pytest.fixture
def spread(tiny_checkpoint, request):
    two = Two(tiny_checkpoint, **getattr(request, "param", {}))
    spread = Spread(
        two, load(tiny_checkpoint), str(tiny_checkpoint), "cpu", lambda: Engine(load(tiny_checkpoint), "cpu")
    )
    yield spread
    spread.close()
    for engine in two.engines:
        engine.close()


def jobs(model, pictures: int = 3) -> list[Job]:
    """Of 8, 9, 10, … steps."""
    told = dict(condition=CAT, guidance_scale=2.0)
    return [job_for(model, "ddpm", 8 + k, seed=k, **told) for k in range(pictures)]


def numbers(steps) -> list[tuple]:
    return sorted((step.job, step.index) for step in steps)


def pictures(steps) -> list[torch.Tensor]:
    return [step.final for step in sorted(steps, key=lambda step: step.job) if step.final is not None]


def test_a_run_on_a_replica_is_the_run_at_home(spread, engine):
    there, here = list(spread.run(jobs(spread), "ann")), list(engine.run(jobs(engine)))
    assert numbers(there) == numbers(here)
    by_number = {(step.job, step.index): step for step in here}
    for step in there:
        same = by_number[step.job, step.index]
        assert step.level == same.level and step.steps_hint == same.steps_hint
        assert torch.equal(step.x, same.x) and torch.equal(step.prediction.eps, same.prediction.eps)
    assert all(map(torch.equal, pictures(there), pictures(here)))


@pytest.mark.parametrize("after", [1, 9, 26])
def test_where_a_replica_ends_its_run_begins_anew_on_another(spread, engine, after):
    """Nothing is told twice, the pictures are the same, and what was finished is not made again."""
    spread.replicas.ends_after = after
    steps, here = list(spread.run(jobs(spread), "ann")), list(engine.run(jobs(engine)))
    assert [(step.job, step.index) for step in steps if step.job == 0] == [(0, k) for k in range(8)]
    assert numbers(steps) == numbers(here)
    assert all(map(torch.equal, pictures(steps), pictures(here)))
    first, second = spread.replicas.asked
    assert (first[0], second[0], first[1]) == (0, 1, 3) and second[1] == (1 if after == 26 else 3)
    assert spread.people == 0


@pytest.mark.parametrize("spread", [{"max_live": 4}], indirect=True)
def test_a_run_whose_replica_ends_waits_where_the_others_are_full(spread, monkeypatch):
    monkeypatch.setattr("playground.engine.replicas.AGAIN", 0.01)
    spread.replicas.ends_after = 5
    mine = spread.run(jobs(spread), "ann")
    next(mine)
    other = spread.replicas.engines[1].run(jobs(spread), "bob")
    monkeypatch.setattr("playground.engine.replicas.log.info", lambda *told: other.close())
    assert len(pictures(list(mine))) == 3 and len(spread.replicas.asked) > 2


@pytest.mark.parametrize("spread", [{"max_live": 4}], indirect=True)
def test_when_all_are_full_the_sentence_counts_all(spread):
    held = [spread.run(jobs(spread), who) for who in ("ann", "bob")]
    assert spread.people == 2
    with pytest.raises(UserError, match=r"^6 pictures are being made already, for about \d+ s more"):
        spread.run(jobs(spread, 2), "cat")
    for run in held:
        run.close()
    assert spread.people == 0 and until(lambda: not any(e.stats()["live"] for e in spread.replicas.engines))
    assert len(pictures(list(spread.run(jobs(spread, 2), "cat")))) == 2


def test_stats_add_up(spread):
    for _ in range(2):
        list(spread.run(jobs(spread)))
    told, (one, two) = spread.stats(), (engine.stats() for engine in spread.replicas.engines)
    for key in ("live", "rows", "steps", "pictures", "rounds"):
        assert told[key] == one[key] + two[key]
    assert told["pictures"] == 6 and told["live"] == 0 and told["device"] == spread.device == "cpu × 2"
    assert told["runtime"] == one["runtime"]


def test_an_older_word_and_that_of_a_replica_that_has_ended_are_not_heard(spread, monkeypatch):
    list(spread.run(jobs(spread, 1)))
    asked, ask = spread.stats(), spread.replicas.ask
    name, older = "0", spread.replicas.engines[0].stats()
    newer = spread.replicas.engines[0].stats()
    spread.hear(name, newer)
    spread.hear(name, older | {"live": 5})
    assert spread.stats()["live"] == 0 and spread.stats()["pictures"] == asked["pictures"] == 1

    def ends_before_it_has_begun(*question):
        monkeypatch.setattr(spread.replicas, "ask", ask)
        yield "told", name, newer | {"live": 7}
        raise Gone

    monkeypatch.setattr(spread.replicas, "ask", ends_before_it_has_begun)
    spread.replicas.ends_after = 0  # from now on the other one is asked
    assert len(pictures(list(spread.run(jobs(spread, 2), "ann")))) == 2
    spread.hear(name, newer | {"live": 9})  # was on its way
    assert spread.stats()["live"] == 0 and spread.stats()["pictures"] == 2


def test_what_can_t_travel_runs_at_home_and_what_fails_says_why(spread):
    job = jobs(spread, 1)[0]
    job.recipe = None
    assert list(spread.run([job]))[-1].final is not None and not spread.replicas.asked
    bad = job_for(spread, steps=3, guidance_scale=1e300, condition=CAT)
    bad.clip = False
    with pytest.raises(UserError, match="guide it less"):
        list(spread.run([bad]))
    assert spread.people == 0
