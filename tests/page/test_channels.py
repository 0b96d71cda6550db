"""A run's own line to the page, through a real server."""

import json
import threading

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from playground.page.channels import AHEAD, PATIENCE, ROUTE, Channel
from playground.runs import Live, lane_for


@pytest.fixture(scope="module")
def url():
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=[ROUTE]), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/lab/run/"
    server.should_exit = True
    thread.join(10)


def until(condition) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come about")


def test_what_is_sent_comes_as_lines_to_the_one_who_knows_the_token(url):
    channel = Channel()
    assert httpx.get(url + "guess").status_code == 404
    assert not channel.send({"nobody": "there"})
    with httpx.stream("GET", url + channel.token) as answer:
        until(lambda: channel.followed)
        assert httpx.get(url + channel.token).status_code == 404  # one page only
        sent = [{"number": k, "text": "ᾱ\n"} for k in range(5)]
        assert all(channel.send(each) for each in sent)
        channel.close()
        assert [json.loads(line) for line in answer.iter_lines()] == sent
    until(lambda: not channel.followed)
    token = channel.token
    channel = None  # the run is over
    assert httpx.get(url + token).status_code == 404


def test_a_page_that_leaves_is_noticed_and_one_that_lags_is_waited_for(url):
    channel = Channel()
    with httpx.stream("GET", url + channel.token):
        until(lambda: channel.followed)
        done, sent = threading.Event(), []

        def much() -> None:
            while channel.send({"megabyte": "x" * 2**20}):
                sent.append(1)
            done.set()

        threading.Thread(target=much, daemon=True).start()
        until(lambda: len(sent) >= AHEAD)
        assert not done.wait(0.5)
        lag = len(sent)
        assert not done.wait(0.5) and len(sent) == lag < 40  # a bounded number, in the buffers of both ends
    assert done.wait(10)
    assert not channel.send({"nobody": "there"})


def test_a_page_that_comes_late_misses_nothing(url, engine):
    """What came as the event's own messages meanwhile might reach it as one, and then but the last of them counts."""
    channel, told = Channel(), []
    run = Live(engine, [lane_for(engine, {"seed": 3, "steps": 6, "guidance_scale": 1.0})])
    running = threading.Thread(target=lambda: told.extend(run.messages(channel=channel)))
    running.start()
    until(lambda: run.lanes[0].frames)
    with httpx.stream("GET", url + channel.token) as answer:
        came = [json.loads(line) for line in answer.iter_lines()]
    running.join()
    assert [message["seq"] for message in came] == list(range(1, 1 + len(came)))
    assert len([frame for message in came for frame in message.get("frames", [])]) == 7
    assert [message["seq"] for message in told] == [0, came[-1]["seq"]]


def test_a_page_that_comes_after_the_end_does_not_wait(url):
    channel = Channel()
    channel.close()
    assert httpx.get(url + channel.token).text == ""


def test_a_page_that_never_comes_is_waited_for_once(monkeypatch):
    waits = []
    channel = Channel()
    monkeypatch.setattr(channel._taken, "wait", waits.append)
    assert not channel.taken() and not channel.taken()
    assert waits == [PATIENCE, 0]


def test_a_followed_run_says_the_same_as_one_that_is_not(url, engine):
    values = {"seed": 3, "steps": 6, "guidance_scale": 1.0}
    plain = list(Live(engine, [lane_for(engine, values)]).messages())
    channel, came = Channel(), []
    with httpx.stream("GET", url + channel.token) as answer:
        until(lambda: channel.followed)
        told = list(Live(engine, [lane_for(engine, values)]).messages(channel=channel))
        came = [json.loads(line) for line in answer.iter_lines()]
    assert [message.get("channel") for message in told] == [channel.token, None]
    assert told[-1] == came[-1]  # the end comes both ways: a line may break off
    assert [message["seq"] for message in told[:1] + came] == list(range(1 + len(came)))
    frames = [[f for m in run for f in m.get("frames", [])] for run in (plain, came)]
    assert frames[0] == frames[1] and len(frames[0]) == 7
    ends = [{**run[-1]["end"], "seconds": None} for run in (plain, came)]  # but for how long it took
    assert ends[0] == ends[1]
