"""The whole page in a browser: no tab with a barrier or sideways scrolling, and the main job by keyboard."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from app import TABS as MODULES
from playground.engine import get_engine
from playground.page.undocumented import english
from playground.runs.rows import TABS
from playground.runs.settings import DEFAULTS
from tests.browser.barriers import GRADIOS, no_barrier
from tests.conftest import until

# What each tab shows when it has drawn itself.
DRAWN = {
    "noise": "#noise-scrubber .snr:not(:empty)",
    "schedules": "#schedules-curves [data-drawn]",
    "train": "#train-points [data-learnt]",
    "denoise": "#denoise-player .player[data-state=done]",
    "generate": "#generate-player .player[data-state=done]",
    "paint": "#paint [data-state=answered]",
    "duel": "#duel-player .player[data-state=done]",
    "score": "#score-field [data-mode]",
    "objective": "#objective-curves [data-drawn]",
    "latent": "#latent-stage .drawn[data-shown]",
    "museum": "#museum-player .player[data-state=done]",
}

TITLES = {module.__name__.rpartition(".")[2]: english(module.TITLE) for module in MODULES}


IN_FRONT = """heading => [0.1, 0.5, 0.9].every((share) => {
  const text = document.createRange();
  text.selectNodeContents(heading);
  const { left, top, width, height } = text.getBoundingClientRect();
  return document.elementFromPoint(left + share * width, top + height / 2) === heading;
})"""


def opened(page, app_url, query):
    page.goto(f"{app_url}/?{query}")
    page.get_by_role("tab", selected=True).first.wait_for()
    return page


def test_no_tab_has_a_barrier_or_scrolls_sideways_on_a_small_phone(page, app_url):
    page.emulate_media(reduced_motion="reduce")
    short = "steps=2&count=2&steps_1=2&steps_2=2&paint_steps=2"  # runs that are there at once
    opened(page, app_url, f"tab={TABS[0]}&__theme=light&{short}")
    for tab in TABS:
        page.get_by_role("tab", name=TITLES[tab], exact=True).first.click()
        page.locator(DRAWN[tab]).first.wait_for()
        page.evaluate("document.fonts.ready.then(() => true)")
        whole = tab in (TABS[0], TABS[-1])  # what is around the tabs is the same for all; at last, all are there
        no_barrier(page, None if whole else "[role=tabpanel]:not([style*=none])", GRADIOS)
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, tab
        for button in page.locator(".lab-run button.primary:visible").all():
            expect(button).to_be_in_viewport(ratio=1)  # it stays under the thumb
        expect(page.locator("h1")).to_be_in_viewport(ratio=1)
        assert page.locator("h1").evaluate(IN_FRONT), "something lies over the heading"
        page.set_viewport_size({"width": 1366, "height": 768})


def test_the_main_job_by_keyboard(page, app_url):
    """A prompt is typed, pictures are made and the run is scrubbed, and no key is a mouse."""
    opened(page, app_url, "tab=generate&count=2&steps=6&seed=3")
    player = page.locator("#generate-player")
    expect(player.locator("canvas[data-view=x_t]").first).to_be_visible(timeout=60_000)
    page.get_by_label("Prompt", exact=True).focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("red hair")
    generate = page.get_by_role("button", name="Generate", exact=True)
    for _ in range(60):
        page.keyboard.press("Tab")
        if generate.evaluate("button => button === document.activeElement"):
            break
    shown = player.locator(".player").get_attribute("data-run")
    page.keyboard.press("Enter")
    expect(player.locator(".player")).not_to_have_attribute("data-run", shown)
    expect(player.get_by_text("seed 4", exact=True).first).to_be_visible()
    expect(player.locator(".player")).to_have_attribute("data-state", "done")
    expect(player).to_contain_text("6 / 6")
    scrub = player.locator("input[type=range]").first
    scrub.focus()
    before = player.locator("canvas[data-view=x_t]").first.evaluate("canvas => canvas.toDataURL()")
    page.keyboard.press("Home")
    expect(player).to_contain_text("0 / 6")
    assert player.locator("canvas[data-view=x_t]").first.evaluate("canvas => canvas.toDataURL()") != before


def test_a_link_shows_its_pictures_before_anybody_presses(page, app_url, client):
    files, _used = client.predict(prompt="red heart", seed=3, count=2, steps=6, api_name="/generate")
    page.emulate_media(reduced_motion="no-preference")  # it plays, to its end
    opened(page, app_url, "tab=generate&prompt=red+heart&seed=3&count=2&steps=6")
    player = page.locator("#generate-player .player")
    expect(player).to_have_attribute("data-state", "done")
    expect(player.locator(".caption b")).to_have_text(["seed 3", "seed 4"])
    page.wait_for_function("document.querySelector('#generate-player input[type=range]').value === '6'")
    for canvas, file in zip(player.locator(".main canvas").all(), files, strict=True):
        raw = canvas.evaluate("c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
        made = np.asarray(Image.open(file)).astype(int)
        assert np.abs(np.array(raw).reshape(*made.shape[:2], 4)[..., :3] - made).max() <= 1


@pytest.mark.parametrize(
    ("asked", "seed"),
    [("count=16&steps=1000", DEFAULTS["seed"].default), ("style=none-such", 3), ("checkpoint=nowhere", 3)],
)
def test_a_link_that_asks_too_much_shows_the_start_and_one_with_unknown_names_the_rest(page, app_url, asked, seed):
    opened(page, app_url, f"tab=generate&prompt=red+hair&seed=3&{asked}")
    player = page.locator("#generate-player .player")
    expect(player).to_have_attribute("data-state", "done")
    expect(player.locator(".caption b")).to_have_text([f"seed {seed + k}" for k in range(4)])


def test_a_run_comes_down_a_line_of_its_own_and_stop_lets_go_of_it(page, app_url):
    lines = []
    page.on("request", lambda request: lines.append(request) if "/lab/run/" in request.url else None)
    opened(page, app_url, "tab=generate&count=2&steps=12&seed=3")
    player = page.locator("#generate-player .player")
    expect(player).to_have_attribute("data-state", "done")  # the example
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(player).to_have_attribute("data-state", "live")
    expect(player).to_have_attribute("data-state", "done")
    assert player.get_attribute("data-received") == str(2 * 13)
    assert len(lines) == 1 and lines[0].response().ok
    page.goto(f"{app_url}/?tab=generate&count=2&steps=1000&seed=3")
    expect(player).to_have_attribute("data-state", "done")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(player).to_have_attribute("data-state", "live")  # no more the example
    page.wait_for_function("Number(document.querySelector('#generate-player .player').dataset.received) > 4")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(player).to_have_attribute("data-state", "stopped")
    assert until(lambda: get_engine().stats()["live"] == 0)


def test_a_duel_is_a_link(page, app_url):
    lanes = "lane_count=3&steps_1=4&steps_2=5&sampler_3=heun&steps_3=6&guidance_scale_3=1"
    opened(page, app_url, f"tab=duel&{lanes}")
    player = page.locator("#duel-player")
    third = page.locator("#duel-sampler_3 input")
    expect(third).to_have_value("Heun (EDM)")
    expect(page.locator("#noise-scrubber")).to_have_count(0)  # the first tab is not built on the way
    expect(page.get_by_role("link", name="Home")).to_have_count(0)  # the page for scripts is no place to go to
    shown = player.locator(".player[data-state=done]").get_attribute("data-run")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(player.locator(".player")).not_to_have_attribute("data-run", shown)
    for title, note in (("DDIM · 4", "w 2"), ("DPM-Solver++ 2M · 5", "w 2"), ("Heun (EDM) · 6", "w 1")):
        expect(player.locator(".caption").filter(has_text=title)).to_contain_text(note)
    page.locator("#duel-steps_2 input[type=number]").fill("7")
    page.locator("#duel-steps_2 input[type=number]").blur()
    page.wait_for_function("new URLSearchParams(location.search).get('steps_2') === '7'")
