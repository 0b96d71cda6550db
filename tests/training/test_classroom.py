"""Trainings that people watch: made once, joined at any moment, freed when nobody is there, and never mixed up."""

import io
import zipfile
from dataclasses import replace

import pytest
import torch

from playground.checkpoints import load
from playground.errors import UserError
from playground.models.denoiser import UNetDenoiser, clipped, guided
from playground.samplers import ddim, run
from playground.schedules import spaced
from playground.training import classroom, plans, watched
from playground.training.classroom import Classroom
from playground.training.digits import digits
from playground.training.plans import digits_plan, digits_recipe
from playground.training.watched import merged
from tests.digit_reader import read

RECIPE = replace(  # the page's, of a net that takes milliseconds a step
    digits_recipe("v", "mse", "cosine", 1000, False, 0.1, 0),
    dims=(32,), attention=(0,), emb_dim=16, condition_dim=16, batch=16,
)  # fmt: skip
SHORT = 160  # pictures: ten steps


@pytest.fixture(autouse=True)
def few_digits(monkeypatch):
    few = digits(200)
    monkeypatch.setattr(plans, "drawn", lambda: few)
    monkeypatch.setattr(watched, "MARKS", 5)


@pytest.fixture
def room():
    room = Classroom()
    yield room
    room.close()


def follow(room, training, who):
    return training.follow(who, lambda: room.place(training))


def finished(room, plan, who="me"):
    training = room.ask(plan, who)
    return training, merged(list(follow(room, training, who)))


def test_a_training_tells_what_it_does_from_start_to_checkpoint(room):
    training, told = finished(room, digits_plan(RECIPE, SHORT))
    assert told["end"]["status"] == "done" and told["images"] == SHORT
    assert told["start"]["labels"] == list("0123456789")
    assert told["losses"][-1][0] == SHORT and told["losses"][0][1] > told["losses"][-1][1]
    assert told["looks"][0]["images"] == 0 and told["looks"][-1]["images"] == SHORT
    assert len({look["pictures"] for look in told["looks"]}) == len(told["looks"])  # each look sees another net
    checkpoint = load(training.folder)
    assert checkpoint.name == training.folder.name == told["end"]["model"]
    assert checkpoint.size == 16 and set(checkpoint.vocabulary.words) == set("0123456789")
    names = zipfile.ZipFile(io.BytesIO(training.archive())).namelist()
    assert {name.rpartition("/")[2] for name in names} == {"config.json", "model.safetensors", "README.md"}
    room.leave(training, "me")
    assert training.folder is not None  # who asks for the same gets it


def test_the_same_settings_are_one_training_and_a_newcomer_gets_all_of_it(room):
    plan = digits_plan(RECIPE, SHORT)
    first = room.ask(plan, "a")
    stream = follow(room, first, "a")
    next(stream)
    assert room.ask(digits_plan(RECIPE, SHORT), "b") is first
    one, other = merged(list(stream)), merged(list(follow(room, first, "b")))
    assert one["end"] == other["end"] and other["looks"][0]["images"] == 0 and other["losses"][-1] == one["losses"][-1]
    assert room.ask(digits_plan(RECIPE, SHORT), "c") is first  # after its end too
    assert room.ask(digits_plan(replace(RECIPE, seed=1), SHORT), "c") is not first


def test_trainings_of_ones_own_are_ones_own_and_the_same_settings_give_the_same(room):
    (one, told), (other, again) = (finished(room, digits_plan(RECIPE, SHORT, shared=False), who) for who in "ab")
    assert one is not other and one.folder != other.folder
    assert told["losses"][-1] == again["losses"][-1] and told["looks"][-1] == again["looks"][-1]
    folder = one.folder
    room.leave(one, "a")
    assert not folder.exists() and other.folder.exists()  # gone with its person, and nobody else's with it
    room.close()
    assert not other.folder.parent.exists()  # and all of them with the page


def test_what_nobody_watches_stops_at_its_next_step(room):
    training = room.ask(digits_plan(RECIPE, 60_000), "a")
    stream = follow(room, training, "a")
    while not training.images:
        next(stream)
    stream.close()  # the page was closed
    room.leave(training, "a")
    after, told = finished(room, digits_plan(RECIPE, SHORT), "b")  # the next one's turn comes
    assert told["end"]["status"] == "done"
    assert training.ended and training.images < 60_000 and training.folder is None


def test_it_goes_on_while_others_watch_and_stopping_keeps_what_it_has(room):
    training = room.ask(digits_plan(RECIPE, 60_000), "a")
    room.ask(digits_plan(RECIPE, 60_000), "b")
    stream = follow(room, training, "b")
    while not training.images:
        next(stream)
    training.leave("a")
    assert not training._stop
    training.stop()
    told = merged(list(stream))
    assert told["end"]["status"] == "stopped" and load(training.folder).size == 16
    assert room.ask(digits_plan(RECIPE, 60_000), "c") is not training  # half a training is nobody else's
    room.leave(training, "b")


def test_who_asks_again_goes_on_when_the_old_line_is_cut(room):
    training = room.ask(digits_plan(RECIPE, 60_000), "a")
    old = follow(room, training, "a")
    next(old)
    assert room.ask(digits_plan(RECIPE, 60_000), "a") is training
    new = follow(room, training, "a")
    old.close()
    assert training.people == {"a"} and not training._stop
    next(new)
    new.close()
    assert not training.people and training._stop


def test_who_waits_is_told_the_place_and_the_line_has_an_end(room, monkeypatch):
    monkeypatch.setattr(classroom, "WAITING", 1)
    first = room.ask(digits_plan(RECIPE, 60_000), "a")
    second = room.ask(digits_plan(replace(RECIPE, seed=1), SHORT), "b")
    with pytest.raises(UserError):
        room.ask(digits_plan(replace(RECIPE, seed=2), SHORT), "c")
    stream = follow(room, second, "b")
    waiting = next(stream)
    assert waiting["place"] == 1 and waiting["wait"] > 0
    first.leave("a")
    assert merged(list(stream))["end"]["status"] == "done"


def test_one_picture_goes_through_algorithm_1(room):
    training, _ = finished(room, digits_plan(RECIPE, SHORT))
    shown = training.example()
    assert 1 <= shown["t"] <= 1000 and shown["loss"] > 0
    assert set(shown["pictures"]) == {"x0", "eps", "x", "eps_hat", "x0_hat"}
    assert shown == training.example()  # of the next step, whoever asks


def test_a_loss_that_is_no_number_ends_it_with_a_sentence(room):
    plan = digits_plan(replace(RECIPE, lr=1e30), 6400)
    _training, told = finished(room, plan)
    assert told["end"]["status"] == "failed" and "no longer a number" in told["end"]["message"]


def test_digits_become_recognisable(room, monkeypatch):
    """The page's net by its recipe, in smaller batches and longer steps: after a tenth of its 20,000 pictures far more
    are read right than the tenth by chance."""
    monkeypatch.undo()
    monkeypatch.setattr(watched, "MARKS", 2)
    monkeypatch.setattr(plans, "DRAWN", 2000)
    plans.drawn.cache_clear()
    recipe = replace(digits_recipe("v", "mse", "cosine", 1000, False, 0.1, 0), batch=16, lr=4e-3, warmup=5)
    training, _ = finished(room, digits_plan(recipe, 1920))
    plans.drawn.cache_clear()
    net = load(training.folder)
    conditions = [net.parse(str(k % 10))[0] for k in range(100)]
    x = torch.randn(100, 1, 16, 16, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    denoise = clipped(guided(UNetDenoiser(net), 4.0))
    drawn = run(ddim(x, spaced(net.schedule, 6), torch.randn), lambda x, level: denoise(x, level, conditions))
    right = sum(digit == str(k % 10) for k, digit in enumerate(read(drawn)))
    assert right >= 25
