"""First looks: thirty students with thirty links are served at once, and one run serves all who ask for the same."""

import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import gradio as gr
import pytest

from playground.errors import UserError
from playground.page.parts.first_look import MOST, first_look

STUDENTS = 30


class Looking:
    """A player whose first look is asked for by hand, and the runs that were made for it."""

    def __init__(self, whole, size=32, questions=10, **more):
        self.prepared, self.whole, self.size, self.questions = [], whole, size, questions
        self.kept = []
        corner = SimpleNamespace(keep=lambda who, records, only_if_none: self.kept.append((who, records)))
        inputs = {name: SimpleNamespace(value=value) for name, value in ({"seed": 7, "steps": 20} | more).items()}
        first_look(self, self.prepare, inputs, corner)

    def ready(self, fn, inputs, outputs, **_options):
        self.look = fn

    def prepare(self, values, who):
        if values["steps"] == 13:
            raise UserError("Not thirteen.")
        self.prepared.append(values)
        engine = SimpleNamespace(size=self.size, checkpoint=SimpleNamespace(name="some"))
        questions = self.questions * values["steps"]
        lane = SimpleNamespace(record=lambda: f"record of {values['seed']}")
        whole = functools.partial(self.whole, values)
        return SimpleNamespace(engine=engine, questions=questions, lanes=[lane], more={}, whole=whole)

    def ask(self, **query):
        return self.look(SimpleNamespace(query_params={k: str(v) for k, v in query.items()}, session_hash="me"))


def test_thirty_links_are_made_at_the_same_time():
    together = threading.Barrier(STUDENTS, timeout=20)  # breaks where one waits for another

    def whole(values, example):
        together.wait()
        return {"seed": values["seed"], "example": example}

    looking = Looking(whole)
    with ThreadPoolExecutor(STUDENTS) as class_:
        got = list(class_.map(lambda seed: looking.ask(seed=seed), range(STUDENTS)))
    assert got == [{"seed": seed, "example": True} for seed in range(STUDENTS)]


def test_one_link_is_made_once_for_all_who_wait_for_it():
    made, go = [], threading.Event()

    def whole(values, example):
        made.append(values)
        go.wait(20)
        return {"seed": values["seed"]}

    looking = Looking(whole)
    with ThreadPoolExecutor(5) as class_:
        waiting = [class_.submit(looking.ask, seed=3) for _ in range(5)]
        go.set()
        assert [each.result() for each in waiting] == [{"seed": 3}] * 5
    assert looking.ask(seed=3) == {"seed": 3} and len(made) == 1
    assert looking.kept == [("me", ["record of 3"])] * 6


def test_one_that_failed_is_tried_again():
    outcomes = [UserError("The engine was full."), {"fine": True}]

    def whole(values, example):
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    looking = Looking(whole)
    with pytest.raises(gr.Error, match="full"):
        looking.ask()
    assert looking.ask() == {"fine": True}


@pytest.mark.parametrize("query", [{"steps": 13}, {"steps": 1 + MOST // 10}, {"steps": "many"}, {"prompt": "x"}])
def test_what_cannot_be_or_takes_too_long_is_what_the_page_starts_with(query):
    looking = Looking(lambda values, example: values, questions=10)
    assert looking.ask(**query) == {"device": "auto", "seed": 7, "steps": 20}


def test_a_model_of_large_pictures_shows_nothing():
    looking = Looking(lambda values, example: pytest.fail("made"), size=256)
    assert looking.ask() == gr.skip()


def test_a_link_to_a_distilled_model_shows_it_in_the_steps_it_was_made_for():
    looking = Looking(lambda values, example: {}, checkpoint="avatars-64", sampler="ddpm")
    for query in ({}, {"steps": 9}):
        looking.ask(checkpoint="avatars-64-turbo", **query)
    looking.ask()
    made = [(values["sampler"], values["steps"]) for values in looking.prepared]
    assert made == [("ddim", 4), ("ddim", 9), ("ddpm", 20)]
