"""The trainings that pages watch, and whose models they then have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from weakref import WeakValueDictionary

import gradio as gr

from playground import checkpoints
from playground.engine import forget
from playground.errors import UserError
from playground.page.channels import Channel
from playground.page.translations import _, say
from playground.training.classroom import Classroom
from playground.training.watched import Plan, Training

CALLED = {"my-digits": _("my digits"), "my-pictures": _("my pictures")}  # by the name of the plan

room = Classroom()
_held: dict[str, dict[str, Training]] = {}  # by session and plan: what it watches, and then has the model of
_runs: WeakValueDictionary[str, Training] = WeakValueDictionary()  # by the names that pages know them by


def watched(plan: Plan, who: str, channel: Channel) -> Iterator[dict]:
    """Where a training's messages come from, for one page; where nobody fetches them there, the messages."""
    own = _held.setdefault(who, {})
    before = own.pop(plan.name, None)
    there = room.ask(plan, who)
    if before is not None and before is not there:
        _given_back(before, who)
    own[plan.name] = there
    run = channel.token
    _runs[run] = there
    messages = _messages(there, there.follow(who, lambda: room.place(there)), run)
    yield {"run": run, "channel": channel.token, "seq": 0}
    if channel.taken():
        channel.carry(messages)
    else:
        yield from messages


def _messages(there: Training, told: Iterator[dict], run: str) -> Iterator[dict]:
    """What a training tells, as the widget takes it. When the model is there, it is lent to whoever knows of it."""
    with closing(told):
        for message in told:
            if "end" in message and there.folder is not None:
                checkpoints.lend(there.folder)
            yield message | {"run": run, "seq": message["seq"] + 1}


def held(who: str, model: str) -> Training | None:
    """The training that this model of a session came of."""
    there = (each for each in _held.get(who, {}).values() if each.folder is not None)
    return next((each for each in there if each.folder.name == model), None)


def models_of(who: str) -> list[tuple[str, str]]:
    """What a session has trained, as a list of models has it: (what it is called, its name)."""
    own = _held.get(who, {}).items()
    return [(say(CALLED[name].key), there.folder.name) for name, there in own if there.folder is not None]


def stopped(name: str, who: str) -> None:
    """Stop: where nobody else watches, the training ends with what it has learnt; where others do, it goes on."""
    there = _held.get(who, {}).get(name)
    if there is None or there.ended:
        return
    if there.people <= {who}:
        there.stop()
    else:
        gr.Info(say("Others are watching this training, so it goes on."))


def gone(request: gr.Request) -> None:
    """A page was closed."""
    for there in _held.pop(request.session_hash, {}).values():
        _given_back(there, request.session_hash)


def _given_back(there: Training, who: str) -> None:
    """A session has no use for a training any more; the last one's goodbye deletes what came of it."""
    name = there.folder.name if there.folder else None
    room.leave(there, who)
    if name and there.folder is None:
        checkpoints.take_back(name)
        forget(name)


def example(run: object) -> dict:
    """One picture's way through Algorithm 1, in the training that a page watches. (Nobody can guess the run's name; of
    the session Gradio says nothing here.)"""
    there = _runs.get(str(run))
    if there is None:
        raise UserError("The training has not begun yet.")
    return there.example()
