"""What the tests share: a tiny checkpoint, the page in this process, a client and a browser for it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable

os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1", DO_NOT_TRACK="1")

import pytest
import torch

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WORDS = ("blue", "cat", "circle", "face", "red", "square")
STYLES = ("flat", "round")
WAIT = 60_000  # ms: how long a test waits for a page on a machine that has other things to do


def pytest_collection_modifyitems(items):
    """Browser tests come last: Playwright keeps an event loop running in this thread, and asyncio.run refuses one."""
    items.sort(key=lambda item: "browser" in item.path.parts)


@pytest.fixture
def float32(monkeypatch):
    """Nets compute in float32 on every processor, for what is said of numbers to float32's last digits."""
    monkeypatch.setenv("PLAYGROUND_BF16", "0")


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """Folder of a checkpoint that takes a millisecond a step: 16 × 16, a few words, weights drawn at random."""
    from playground.checkpoints import Checkpoint

    torch.manual_seed(0)
    unet = {"dims": [16, 32], "attention": [False, True], "emb_dim": 32, "head_dim": 16}
    checkpoint = Checkpoint(size=16, words=WORDS, styles=STYLES, condition_dim=16, unet=unet)
    for parameter in checkpoint.parameters():  # the zeros that training starts from would hide what a test looks for
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    checkpoint.save(folder, "# tiny\n\nMade by a test.\n")
    return folder


@pytest.fixture(scope="module")
def engine(tiny_checkpoint):
    """An engine of a module's own for the tiny checkpoint."""
    from playground.checkpoints import load
    from playground.engine import Engine

    engine = Engine(load(tiny_checkpoint), "cpu")
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def app_url():
    """The whole page, served on a free port of this machine."""
    import app

    demo = app.build()
    _, url, _ = demo.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **app.LAUNCH)
    yield url.rstrip("/")
    demo.close()


@pytest.fixture(scope="session")
def client(app_url):
    """A gradio_client of the page."""
    from gradio_client import Client

    return Client(app_url, verbose=False)


def until(true: Callable[[], object], seconds: float = 20) -> bool:
    """Whether something becomes true within so many seconds; returns as soon as it is."""
    end = time.monotonic() + seconds
    while not (found := bool(true())) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def browser_path() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def browser_type_launch_args():
    from playwright.sync_api import expect

    expect.set_options(timeout=WAIT)
    path = browser_path()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs Chromium or Chrome, and none is on the PATH")
        pytest.skip("no Chromium or Chrome on the PATH: install one to run the browser tests")
    args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    return {"executable_path": path, "args": args}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    return {**browser_context_args, "viewport": {"width": 1366, "height": 768}, "locale": "en-GB"}


@pytest.fixture(scope="session")
def contexts(browser):
    made = {}
    yield made
    for context in made.values():
        context.close()


@pytest.fixture
def context(browser, contexts, browser_context_args):
    """One for all tests that ask for the same, so that the page's scripts are fetched and compiled once; what a test
    has opened and stored goes with it."""
    key = repr(sorted(browser_context_args.items()))
    if key not in contexts:
        contexts[key] = browser.new_context(**browser_context_args)
    context = contexts[key]
    yield context
    for left in context.pages:
        left.close()
    context.clear_cookies()
    context.clear_permissions()
    context.unroute_all()


@pytest.fixture
def page(page):
    """Playwright's page; a script error or a request to another machine fails the test."""
    wrong = []
    page.on("pageerror", lambda error: wrong.append(f"script error: {error}"))
    page.on(
        "request",
        lambda request: (
            wrong.append(f"request to {request.url}")
            if not request.url.startswith(("http://127.0.0.1", "data:", "blob:", "ws://127.0.0.1"))
            else None
        ),
    )
    page.set_default_timeout(WAIT)
    yield page
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear()")
    assert not wrong
