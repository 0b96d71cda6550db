"""What the tests share: a tiny checkpoint, the page in this process, a client and a browser for it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import contextmanager
from urllib.parse import urljoin

os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_OFFLINE="1", DO_NOT_TRACK="1")
# No clock says how a net is run: it takes a second or two a model, and other tests run at the same time.
os.environ.setdefault("PLAYGROUND_TIMED", "0")

import pytest
import torch

together = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
if together and "OMP_NUM_THREADS" not in os.environ:  # with threads for all cores, each would wait for the others'
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // together))
    os.environ["OMP_NUM_THREADS"] = str(torch.get_num_threads())  # for processes that a test starts

# The first is the whole engine without windows, menus and their own pages: half the work for each page.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Files that take longest begin first, so that at the end no process waits for another.
LONGEST = ("test_runtimes", "test_autoencoder", "test_variational", "test_cluster", "test_classroom", "test_train")
LONGEST_IN_BROWSER = ("test_lessons", "test_page", "test_models", "test_paint", "test_keeping", "test_train")
WORDS = ("blue", "cat", "circle", "face", "red", "square")
STYLES = ("flat", "round")
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"  # no other machine is found
WAIT = 60_000  # ms: how long a test waits for a page on a machine that has other things to do


def pytest_collection_modifyitems(items):
    """Browser tests come last: Playwright keeps an event loop running in this thread, and asyncio.run refuses one."""

    def turn(item) -> tuple[bool, int]:
        in_browser, name = "browser" in item.path.parts, item.path.stem
        longest = LONGEST_IN_BROWSER if in_browser else LONGEST
        return in_browser, longest.index(name) if name in longest else len(longest)

    items.sort(key=turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """`-n auto` gives each process whole files, in this order: what a file's tests share is made once."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


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


@contextmanager
def launched(demo, **options):
    """The address of a page that is served meanwhile, on a free port of this machine."""
    options = {"ssr_mode": False, "run_history": False} | options
    _, url, _ = demo.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **options)
    try:
        yield url.rstrip("/")
    finally:
        try:
            demo.close(verbose=False)
        except RuntimeError:  # Gradio wakes who waits in the server's thread from this one, while some of them leave
            demo.server.close()


@pytest.fixture(scope="session")
def app_url():
    """The whole page, served on a free port of this machine."""
    import app

    with launched(app.build(), **app.LAUNCH) as url:
        yield url


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


def type_until(field, value: str, kept: Callable[[], object]) -> None:
    """Types into a field until the page has kept it: Gradio gives a control that has just appeared its value once more,
    over what is typed that moment."""

    def typed() -> object:
        if field.input_value() != value:
            field.fill(value)
            field.blur()
        return kept()

    assert until(typed, WAIT / 1000)


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
    args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage", ALONE]
    return {"executable_path": path, "args": args}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    """Of somebody who asks for less motion: what plays by itself is for the tests that say so."""
    size = {"width": 1366, "height": 768}
    return {**browser_context_args, "viewport": size, "locale": "en-GB", "reduced_motion": "reduce"}


@pytest.fixture(scope="session")
def contexts(browser):
    """One browser context for all who ask for the same, so that the page's scripts are fetched and compiled once."""
    made = {}

    def context_for(options: dict):
        key = repr(sorted(options.items()))
        if key not in made:
            made[key] = browser.new_context(**options)
        return made[key]

    yield context_for
    for context in made.values():
        context.close()


@pytest.fixture
def context(contexts, browser_context_args):
    """One for all tests that ask for the same; what a test has opened and stored goes with it."""
    context = contexts(browser_context_args)
    before = set(context.pages)  # of the module
    yield context
    for page in set(context.pages) - before:
        page.close()
    context.clear_cookies()
    context.clear_permissions()
    context.unroute_all()


def watched(page) -> list[str]:
    """What goes wrong on a page from now on: script errors, and requests to another machine. Those fail here
    (`ALONE`); to be told of every request costs a tenth of what opening the page does."""
    wrong = []
    page.on("pageerror", lambda error: wrong.append(f"script error: {error}"))

    def failed(request) -> None:
        if not request.url.startswith(("http://127.0.0.1", "data:", "blob:")):
            wrong.append(f"request to {request.url}")

    page.on("requestfailed", failed)
    page.set_default_timeout(WAIT)
    return wrong


@pytest.fixture(scope="session")
def lent(contexts, browser_context_args):
    """The page that tests get one after the other, and what went wrong on it: another page would be another process of
    the browser, which reads and compiles all of Gradio's scripts anew."""
    page = contexts(browser_context_args).new_page()
    return page, watched(page)


@pytest.fixture
def page(lent, context, browser_context_args):
    """A page as it was never used; a script error or a request to another machine fails the test."""
    page, wrong = lent
    page.set_viewport_size(browser_context_args["viewport"])
    page.emulate_media(reduced_motion=browser_context_args["reduced_motion"])
    wrong.clear()
    yield page
    page.unroute_all()
    if page.url.startswith("http"):
        page.evaluate("localStorage.clear(), sessionStorage.clear()")
        page.goto(urljoin(page.url, "/lab/nothing"))  # what the test has opened ends, and the process stays
    assert not wrong


@pytest.fixture(scope="module")
def one_page(contexts, browser_context_args):
    """A page for several tests of a module, for opening one is what takes the time."""
    page = contexts(browser_context_args).new_page()
    wrong = watched(page)
    yield page
    page.close()
    assert not wrong
