"""The Score tab in a real browser: one clock, numbers that are Python's, drawing by hand and by key, no chatter."""

from __future__ import annotations

import re

import pytest
import torch
from playwright.sync_api import expect

from playground.schedules import SCHEDULES
from playground.theory.clouds import EXTENT, cloud
from tests.browser.barriers import no_barrier

READY = "document.querySelector('#score-field canvas.big')?.getAttribute('aria-label')?.includes('t {t}:')"


def opened(page, app_url, query="&t=300", t=300):
    page.emulate_media(reduced_motion="reduce")  # nothing plays by itself
    page.goto(f"{app_url}/?{query[1:]}")
    in_hand = "window.lab?.('lib/settings.js').then(settings => settings.state.values.t)"
    page.wait_for_function(f"{in_hand}.then(now => now === {t})")  # the address has been read
    page.get_by_role("tab", name="Score").click()
    page.wait_for_function(READY.replace("{t}", str(t)))
    return page.locator("#score-field")


@pytest.fixture(scope="module")
def standing(one_page, app_url):
    """A page for all tests that begin at t = 300 and leave nothing behind but another t."""
    opened(one_page, app_url)
    return one_page


@pytest.fixture
def field(standing):
    standing.evaluate("lab('lib/clock.js').then((clock) => clock.tell(300, 'a test'))")
    wait_for_label(standing, "t 300:")
    return standing.locator("#score-field")


def told(field) -> str:
    return field.locator("canvas.big").get_attribute("aria-label")


def wait_for_label(page, text):
    page.wait_for_function(
        "text => document.querySelector('#score-field canvas.big').getAttribute('aria-label').includes(text)", arg=text
    )


def test_numbers_at_the_pointer_are_those_of_python(field):
    page = field.page
    box = field.locator("canvas.big").bounding_box()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.25 * box["height"])
    x, y = 0.4 * EXTENT, 0.5 * EXTENT
    wait_for_label(page, f"At ({x:.2f}, {y:.2f})")
    level = SCHEDULES["cosine"].make(1000).level(300)
    belief = cloud("moons").denoise(torch.tensor([[x, y]], dtype=torch.float64), level)
    for term, want in (("score", belief.score), ("eps", belief.eps), ("x0", belief.x0)):
        shown = field.locator(f".numbers [data-term={term}] dd").inner_text().replace("−", "-")
        have = [float(part) for part in re.findall(r"-?[\d.]+", shown)]
        assert have == pytest.approx(want[0].tolist(), abs=0.06), term  # a pixel of the pointer is 0.014


def test_scrubbing_asks_nothing_of_the_server_and_tells_the_whole_page(field):
    page = field.page
    page.evaluate("window.heard = []; addEventListener('lab:t', (e) => heard.push(e.detail.t))")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    canvas, before = field.locator("canvas.big"), field.locator("canvas.big").screenshot()
    field.locator(".track input").focus()
    for key, t in (("ArrowRight", 301), ("Shift+ArrowRight", 311), ("End", 1000), ("Home", 0)):
        page.keyboard.press(key)
        wait_for_label(page, f"t {t}:")
    assert canvas.screenshot() != before
    canvas.hover()
    page.mouse.wheel(0, -100)  # a notch is a fiftieth
    wait_for_label(page, "t 20:")
    assert page.evaluate("heard") == [301, 311, 1000, 0, 20]
    page.evaluate("dispatchEvent(new CustomEvent('lab:t', {detail: {t: 640, source: 'another widget'}}))")
    wait_for_label(page, "t 640:")
    assert field.locator(".track input").input_value() == "640"
    assert not [url for url in asked if "queue" in url or "call" in url or "run" in url]


def test_a_run_plays_to_its_end_and_steps_back(page, app_url):
    field = opened(page, app_url, "&t=1000&steps=5", 1000)
    wait_for_label(page, "step 0 of 5")
    field.locator(".speed").select_option("4")
    field.locator("canvas.big").focus()
    page.keyboard.press("Space")
    assert field.locator(".play").get_attribute("aria-label") == "Pause"
    wait_for_label(page, "t 0:")
    wait_for_label(page, "step 5 of 5")
    assert field.locator(".play").get_attribute("aria-label") == "Play"
    page.keyboard.press(",")
    wait_for_label(page, "step 4 of 5")
    wait_for_label(page, "t 200:")


def test_points_are_drawn_by_key_and_by_hand_and_particles_go_to_them(page, app_url):
    field = opened(page, app_url, "&t=0", 0)
    page.locator("#score-dataset").get_by_text("Draw your own").click()
    field.locator(".hint").wait_for()
    canvas = field.locator("canvas.big")
    canvas.focus()
    for key in ("Enter", "Shift+ArrowLeft", "Enter"):
        page.keyboard.press(key)
    wait_for_label(page, "step 20 of 20")  # the server's answer
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    for k in range(10):
        page.mouse.move(box["x"] + 60 + 12 * k, box["y"] + 60)
    page.mouse.up()
    wait_for_label(page, "step 20 of 20")
    assert field.locator(".hint").is_hidden()
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    here = "Number(document.querySelector('#score-field .numbers [data-term=density] dd').textContent)"
    page.wait_for_function(f"{here} > 0.2")  # the stroke's own density, at t = 0
    field.locator(".clear").click()
    field.locator(".hint").wait_for()


def test_langevin_keeps_the_spread_of_q_t_and_its_step_is_the_pages(page, app_url):
    field = opened(page, app_url)
    field.get_by_role("radio", name="Langevin").check()
    step = field.locator(".step input")
    step.focus()
    page.keyboard.press("End")
    wait_for_address = "new URLSearchParams(location.search).get('step_size') === '0.5'"
    page.wait_for_function(wait_for_address)
    for _ in range(25):
        page.keyboard.press(".")
    wait_for_label(page, "25 Langevin steps")
    have, want = map(float, re.search(r"particles ([\d.]+), of q_t ([\d.]+)", told(field)).groups())
    assert want == 1.0 and 0.8 < have < 1.3


def test_uphill_without_noise_gathers_the_particles_on_the_peaks(page, app_url):
    field = opened(page, app_url, "&motion=ascent&t=300&dataset=grid&step_size=0.5")
    expect(field.locator(".stride")).to_contain_text("No noise.")
    field.locator("canvas.big").focus()
    for _ in range(300):  # those before the last of the link's settings is there don't count
        page.keyboard.press(".")
        steps = re.search(r"(\d+) steps uphill", told(field))
        if steps and int(steps[1]) >= 60:
            break
    assert steps and int(steps[1]) >= 60
    have, want = map(float, re.search(r"particles ([\d.]+), of q_t ([\d.]+)", told(field)).groups())
    assert have < 0.9 * want


def test_what_moves_the_particles_is_in_the_link(page, app_url):
    page.goto(f"{app_url}/?tab=score&motion=langevin&t=300")
    field = page.locator("#score-field .field")
    expect(field.get_by_role("radio", name="Langevin")).to_be_checked()
    expect(field).to_have_attribute("data-mode", "langevin")
    field.get_by_role("radio", name="Noising").check()
    page.wait_for_function("new URLSearchParams(location.search).get('motion') === 'forward'")
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(field.get_by_role("radio", name="Sampler")).to_be_checked()


def test_the_terms_of_the_formula_light_up_their_numbers(field):
    page = field.page
    term = field.locator(".formula [data-term=noise]")
    term.wait_for()
    assert field.locator(".formula .katex").count() == 1  # typeset, not the plain letters
    before = field.locator("canvas.big").screenshot()
    term.focus()
    row = field.locator(".numbers [data-term=noise]")
    assert "lit" in row.get_attribute("class") and row.locator("dd").inner_text() == "0.462"
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")
    assert field.locator("canvas.big").screenshot() != before  # the ring of that size


def test_nothing_for_axe_to_find(field):
    field.locator(".formula .katex").wait_for()
    no_barrier(field.page, "#score-field")


def test_a_narrow_page_does_not_scroll_sideways(field):
    page = field.page
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_function("document.querySelector('#score-field canvas.big').width <= 360")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = field.locator("canvas.big").bounding_box()
    assert box["width"] > 280 and box["y"] + box["height"] < 740
    page.set_viewport_size({"width": 1366, "height": 768})
