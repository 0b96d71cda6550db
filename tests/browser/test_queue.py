"""No event is lost that joins while the stream of the ones before it is closing."""

import asyncio
import contextlib
import time

import gradio as gr
import pytest
from playwright.sync_api import expect

from playground.page.widgets import head
from playground.page.widgets import served as scripts
from tests.conftest import launched

SLOW = 1.5  # seconds that the word of the stream's end takes to the page


class SlowEnd:
    """As if the network were slow just there: the end of a stream of events stays on its way for a while."""

    def __init__(self, app) -> None:
        self.app = app

    async def __call__(self, scope, receive, send):
        async def late(message):
            if b"close_stream" in message.get("body", b""):
                await asyncio.sleep(SLOW)
            await send(message)

        await self.app(scope, receive, late if scope.get("path", "").endswith("/queue/data") else send)


@pytest.fixture(scope="module", params=[True, False], ids=["with", "without"])
def served(request):
    """(whether the page has our scripts, its address)."""
    with gr.Blocks(analytics_enabled=False) as demo:
        first, second, said = gr.Button("First"), gr.Button("Second"), gr.Textbox(label="Said")
        first.click(lambda: "one", None, said)
        second.click(lambda: "two", None, said)
    with launched(demo, head=head() if request.param else None, app_kwargs={"routes": [scripts.ROUTE]}) as url:
        demo.app.middleware_stack = SlowEnd(demo.app.middleware_stack or demo.app.build_middleware_stack())
        yield request.param, url


@contextlib.contextmanager
def ended(page):
    """Waits, after what is done inside, until a stream of events has come to its end, whoever ends it."""
    streams, last = [], time.monotonic() + 30

    def take(request):
        if "/queue/data" in request.url:
            streams.append(request)

    for event in ("requestfinished", "requestfailed"):
        page.on(event, take)
    yield
    while not streams and time.monotonic() < last:
        page.evaluate("new Promise(requestAnimationFrame)")
    assert streams, "no stream has ended"
    for event in ("requestfinished", "requestfailed"):
        page.remove_listener(event, take)


def test_an_event_that_joins_while_the_stream_is_closing(page, served):
    ours, url = served
    page.goto(url)
    said = page.get_by_label("Said")
    for _ in range(2):  # the second time, the stream that was opened anew is the one that ends
        with ended(page):
            page.get_by_role("button", name="First").click()
            expect(said).to_have_value("one")
            page.get_by_role("button", name="Second").click()
        if not ours:  # what our script is for: when Gradio mends this, it can go
            page.evaluate("new Promise(requestAnimationFrame)")
            expect(said).to_have_value("one")
            return
        with ended(page):
            expect(said).to_have_value("two", timeout=10_000)


def test_without_a_closing_stream_nothing_waits(page, served):
    _ours, url = served
    page.goto(url)
    said = page.get_by_label("Said")
    with ended(page):
        page.get_by_role("button", name="First").click()
        expect(said).to_have_value("one", timeout=5_000)
    page.get_by_role("button", name="Second").click()
    expect(said).to_have_value("two", timeout=1000 * SLOW)
