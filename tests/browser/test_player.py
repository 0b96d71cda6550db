"""The player in a real browser: every step painted, with latency too; stop; scrub without the server; by keyboard."""

from __future__ import annotations

import time

import gradio as gr
import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from playground.images import to_pixels
from playground.page.channels import ROUTE, Channel
from playground.page.controls import errors_shown
from playground.page.parts.run import stop_on
from playground.page.widgets import head, served
from playground.page.widgets.player import player
from playground.runs.frames import (
    Frame,
    error_map,
    news,
    opening,
)
from tests.conftest import WAIT, launched

STEPS = 50
LONG = 400  # of a run that is to be stopped
SIZE = 32


def picture(seed: int) -> torch.Tensor:
    return torch.randn((3, SIZE, SIZE), generator=torch.Generator().manual_seed(seed))


def frames(lane: int, steps: int, eps: torch.Tensor | None = None) -> list[Frame]:
    """A run that nobody computed: noise that fades, with a t and an ᾱ of its own at each step."""
    made = []
    for k in range(steps + 1):
        x, t = picture(1000 * lane + k), 1000 * (1 - k / steps)
        gap = error_map(x, eps) if eps is not None else (None, None)
        alpha_bar = min(1.0, np.cos(np.pi / 2 * t / 1000) ** 2)
        made.append(
            Frame(lane, k, t, alpha_bar, 2 * k, to_pixels(x), to_pixels(x / 2), to_pixels(-x), *gap, last=k == steps)
        )
    return made


def stream(steps: int, lanes: int = 1, pause: float = 0.0, truth: bool = False, latent: int | None = None):
    known = (picture(1).clamp(-1, 1), picture(2)) if truth else None
    told = [{"label": f"lane {k}", "note": "", "steps": steps} for k in range(lanes)]
    first = opening(SIZE, told, device="cpu", curve="error" if truth else "apart", truth=known, latent=latent)
    channel, end = Channel(), {"run": first["run"], "seq": steps + 2, "end": {"status": "done", "lanes": []}}
    yield first | {"channel": channel.token}
    assert channel.taken()
    try:
        runs = [frames(k, steps, known and known[1]) for k in range(lanes)]
        for k in range(steps + 1):
            time.sleep(pause)
            if not channel.send(news(first["run"], k + 1, [run[k] for run in runs], 30.0)):
                return
        channel.send(end)
        yield end
    finally:
        channel.close()


@pytest.fixture(scope="module")
def url():
    with gr.Blocks() as demo:
        with gr.Tabs():
            with gr.Tab("Run"):
                view = player("test-player")
                quick, slow, duel, latent = (gr.Button(name) for name in ("Quick", "Slow", "Duel", "Latent"))
                stop = gr.Button("Stop")
            with gr.Tab("Elsewhere"):
                gr.Markdown("Nothing")
        quiet = {"show_progress": "hidden"}
        quick.click(errors_shown(lambda: (yield from stream(STEPS, truth=True))), None, view, **quiet)
        running = slow.click(errors_shown(lambda: (yield from stream(LONG, pause=0.1))), None, view, **quiet)
        latent.click(errors_shown(lambda: (yield from stream(STEPS, latent=8))), None, view, **quiet)
        duel.click(errors_shown(lambda: (yield from stream(STEPS, lanes=2))), None, view, **quiet)
        stop_on(stop, [running], "test-player")
    with launched(demo, head=head(), app_kwargs={"routes": [ROUTE, served.ROUTE]}) as address:
        yield address


@pytest.fixture(scope="module")
def opened(browser, url):
    """One page for all: opening one is what takes the time."""
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.set_default_timeout(WAIT)
    page.wrong, page.asked = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.goto(url)
    page.wait_for_selector("#test-player .player")
    yield page
    page.close()


@pytest.fixture
def lab(opened):
    yield opened
    assert not opened.wrong


def told(page) -> dict:
    return page.eval_on_selector("#test-player .player", "node => ({...node.dataset})")


def press(page, name: str) -> None:
    """Press a button that makes a run, and wait for that run to open."""
    before = told(page).get("run")
    page.get_by_role("button", name=name).click()
    script = "run => document.querySelector('#test-player .player').dataset.run !== run"
    page.wait_for_function(script, arg=before)


def until(page, state: str) -> dict:
    page.wait_for_function(
        "state => { const d = document.querySelector('#test-player .player').dataset;"
        " return d.state === state && +d.painted + +d.skipped === +d.places }",
        arg=state,
    )
    return told(page)


def pixels(page, view: str) -> np.ndarray:
    """(SIZE, SIZE, 3) as they are on the canvas."""
    raw = page.eval_on_selector(
        f"#test-player canvas[data-view={view}]",
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)",
    )
    return np.array(raw, np.uint8).reshape(SIZE, SIZE, 4)[..., :3]


def level(page):
    return page.locator("#test-player input[type=range]")


def test_a_latent_is_called_one(lab):
    words, numbers = lab.locator("#test-player .main .words"), lab.locator("#test-player .numbers")
    press(lab, "Quick")
    until(lab, "done")
    assert words.inner_text() == "finished picture"
    lab.locator("#test-player .first").click()
    assert words.inner_text() == "noisy picture" and "latent" not in numbers.inner_text()
    press(lab, "Latent")
    until(lab, "done")
    lab.locator("#test-player .first").click()
    assert words.inner_text().startswith("noisy latent")
    assert "8 × 8" in numbers.inner_text()
    assert lab.locator("#test-player .main canvas").get_attribute("aria-label").startswith("x_t, noisy latent")


@pytest.mark.parametrize("latency", [0, 200])
def test_every_step_is_painted_and_the_pixels_are_exact(lab, latency):
    if latency:
        session = lab.context.new_cdp_session(lab)
        session.send("Network.enable")
        conditions = {"offline": False, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1}
        session.send("Network.emulateNetworkConditions", conditions)
    lab.asked.clear()
    press(lab, "Quick")
    data = until(lab, "done")
    assert data["received"] == data["painted"] == str(STEPS + 1)
    assert data["skipped"] == "0"
    assert not [address for address in lab.asked if "/file=" in address]
    if latency:
        session.detach()
    last = frames(0, STEPS, picture(2))[-1]
    assert (pixels(lab, "x_t") == last.x).all()
    assert (pixels(lab, "eps_hat") == last.eps_hat).all()
    assert (pixels(lab, "eps") == to_pixels(picture(2))).all()


def test_scrubbing_is_exact_and_asks_nothing_of_the_server(lab):
    press(lab, "Quick")
    until(lab, "done")
    lab.asked.clear()
    run = frames(0, STEPS, picture(2))
    for k in (0, 17, 33):
        level(lab).evaluate(
            "(node, k) => { node.value = k; node.dispatchEvent(new Event('input', {bubbles: true})) }", k
        )
        expect(lab.locator("#test-player .count")).to_have_text(f"{k} / 50")
        assert (pixels(lab, "x_t") == run[k].x).all()
        assert (pixels(lab, "x0_hat") == run[k].x0_hat).all()
        label = lab.locator("#test-player canvas[data-view=x_t]").get_attribute("aria-label")
        assert f"t {round(run[k].t)}," in label and f"{run[k].error:.2f}" in label
    assert not lab.asked


def test_a_finished_run_follows_the_hand(lab, record_property):
    """Ready in the frame in which it ended; then a redraw of all six views for each move of the slider."""
    press(lab, "Quick")
    until(lab, "done")
    measured = lab.evaluate("""async () => {
        const range = document.querySelector('#test-player input[type=range]');
        const view = document.querySelector('#test-player canvas[data-view=x_t]');
        const frame = () => new Promise(requestAnimationFrame);
        const before = view.getAttribute('aria-label');
        let began = performance.now();
        range.value = 3; range.dispatchEvent(new Event('input', {bubbles: true}));
        while (view.getAttribute('aria-label') === before) await frame();
        const ready = performance.now() - began;
        began = performance.now();
        let moves = 0;
        while (performance.now() - began < 1000) {
            range.value = moves++ % 51; range.dispatchEvent(new Event('input', {bubbles: true}));
            await frame();
        }
        return {ready, rate: 1000 * moves / (performance.now() - began)};
    }""")
    record_property("ready_to_scrub_ms", round(measured["ready"], 1))
    record_property("scrub_moves_per_second", round(measured["rate"], 1))
    print("ready to scrub: {ready:.0f} ms; moves a second: {rate:.0f}".format(**measured))
    assert measured["ready"] < 2000


def test_keyboard_walk(lab):
    press(lab, "Quick")
    until(lab, "done")
    level(lab).focus()
    lab.keyboard.press("Home")
    lab.wait_for_function("document.querySelector('#test-player input[type=range]').value === '0'")
    lab.keyboard.press("ArrowRight")
    lab.keyboard.press("ArrowRight")
    lab.wait_for_function("document.querySelector('#test-player .count').textContent.startsWith('2 /')")
    lab.keyboard.press(" ")
    assert lab.get_by_role("button", name="Pause").is_visible()
    lab.wait_for_function("+document.querySelector('#test-player input[type=range]').value > 4")
    lab.keyboard.press(" ")
    assert lab.get_by_role("button", name="Play", exact=True).is_visible()
    lab.keyboard.press("End")
    lab.wait_for_function("document.querySelector('#test-player input[type=range]').value === '50'")


def painted(page, count: int) -> None:
    """Wait for a run in work to have been painted so often."""
    script = """count => { const d = document.querySelector('#test-player .player').dataset;
        return d.state === 'live' && +d.painted >= count }"""
    page.wait_for_function(script, arg=count)


def test_stop_keeps_what_has_come_also_from_another_tab(lab):
    press(lab, "Slow")
    painted(lab, 5)
    lab.get_by_role("tab", name="Elsewhere").click()
    painted(lab, 10)  # nobody looks, and the run goes on
    lab.get_by_role("tab", name="Run").click()
    lab.get_by_role("button", name="Stop").click()
    stopped = until(lab, "stopped")
    data = "document.querySelector('#test-player .player').dataset"
    lab.wait_for_function(f"+{data}.painted + +{data}.skipped === +{data}.received")
    later = told(lab)
    assert 10 <= int(later["received"]) < LONG
    assert later["received"] == stopped["received"]  # what was on its way is not wanted any more
    assert level(lab).input_value() == str(int(later["received"]) - 1)  # the newest of it is on show
    assert (pixels(lab, "x_t") == frames(0, LONG)[int(level(lab).input_value())].x).all()
    press(lab, "Quick")
    data = until(lab, "done")
    assert data["run"] != stopped["run"] and data["received"] == str(STEPS + 1)


def test_a_run_asked_for_further_down_comes_into_sight(lab):
    lab.set_viewport_size({"width": 390, "height": 300})
    lab.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    picture = lab.locator("#test-player .main canvas")
    expect(picture).not_to_be_in_viewport()
    press(lab, "Quick")
    expect(picture).to_be_in_viewport()
    lab.set_viewport_size({"width": 1366, "height": 768})


def test_lanes_move_in_lock_step(lab):
    press(lab, "Duel")
    until(lab, "done")
    assert lab.locator("#test-player canvas[data-view=x_t]").count() == 2
    level(lab).focus()
    lab.keyboard.press("Home")
    lab.wait_for_function("document.querySelector('#test-player .count').textContent.startsWith('0 /')")
    labels = [node.get_attribute("aria-label") for node in lab.locator("#test-player canvas[data-view=x_t]").all()]
    assert all("t 1000," in label for label in labels)


def test_a_stale_run_does_not_paint_over_a_newer_one(lab):
    press(lab, "Quick")
    run = until(lab, "done")["run"]
    lab.evaluate(
        """([run]) => { const host = document.querySelector('#test-player .player').parentElement;
        const {player} = host.player ? host : [...document.querySelectorAll('#test-player *')].find((n) => n.player);
        player.take({run: 'older', seq: 0, start: {...player.film.start, born: player.film.born - 1}});
        player.take({run: 'older', seq: 1, frames: [], end: {status: 'failed'}}); }""",
        [run],
    )
    assert told(lab)["run"] == run and told(lab)["state"] == "done"
