"""Painting in a browser: each stroke is answered, by mouse, touch and keyboard; what is not masked stays as it is."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from playground.images import bundled, to_png

ROOT = "#paint .paint"
# of both canvases, the pixels as the page shows them, and the mask
SEEN = """() => { const host = document.querySelector('#paint *:has(> .paint)'), sheet = host.sheet();
  const answer = document.querySelector('#paint-answer');
  const data = answer.getContext('2d').getImageData(0, 0, answer.width, answer.height).data;
  return {n: sheet.n, m: answer.width, picture: [...sheet.layers.picture], mask: [...sheet.layers.mask],
    answer: [...data].filter((_value, i) => i % 4 < 3)} }"""


@pytest.fixture
def easel(page, app_url):
    page.goto(f"{app_url}/?tab=paint&checkpoint=emoji-32&seed=3&paint_steps=3&guidance_scale=1")
    settled(page)
    return page


def settled(page) -> None:
    """Whatever was asked last has been answered, and is shown."""
    expect(page.locator(ROOT)).to_have_attribute("data-state", "answered", timeout=20_000)
    page.wait_for_function(f"(({{dataset}}) => dataset.shown === dataset.wanted)(document.querySelector('{ROOT}'))")


def stroke(page, *places) -> None:
    box = page.locator("#paint-canvas").bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def test_every_stroke_is_answered_and_undo_brings_the_answer_back(easel):
    before = easel.evaluate(SEEN)
    assert before["n"] == before["m"] == 32
    stroke(easel, (0.2, 0.2), (0.8, 0.3), (0.5, 0.8))
    settled(easel)
    after = easel.evaluate(SEEN)
    assert after["picture"] != before["picture"] and after["answer"] != before["answer"]
    easel.get_by_role("button", name="Undo").click()
    settled(easel)
    undone = easel.evaluate(SEEN)
    assert undone["picture"] == before["picture"]
    assert max(abs(a - b) for a, b in zip(undone["answer"], before["answer"], strict=True)) <= 1
    easel.get_by_role("button", name="Redo").click()
    settled(easel)
    assert easel.evaluate(SEEN)["picture"] == after["picture"]


def test_what_the_page_is_set_to_is_answered_too(easel):
    shown = int(easel.locator(ROOT).get_attribute("data-shown"))
    for turn in (
        lambda: easel.locator("#paint-prompt :is(input, textarea)").press_sequentially(" red"),
        lambda: easel.locator("#paint-seed input").fill("4"),
        lambda: easel.locator("#paint-strength input[type=range]").press("ArrowRight"),
        lambda: easel.locator("#paint-guidance_scale input[type=range]").press("ArrowRight"),
    ):
        turn()
        easel.wait_for_function(f"shown => Number(document.querySelector('{ROOT}').dataset.shown) > shown", arg=shown)
        settled(easel)
        shown = int(easel.locator(ROOT).get_attribute("data-shown"))


def test_outside_of_the_mask_nothing_changes(easel):
    easel.get_by_label("What is masked anew").check()
    expect(easel.locator(ROOT)).to_have_attribute("data-mode", "fill")
    expect(easel.locator(f"{ROOT} .told")).to_contain_text("Nothing is masked")
    expect(easel.locator("#paint-resamplings")).to_be_visible()
    stroke(easel, (0.3, 0.4), (0.6, 0.4), (0.6, 0.6))
    settled(easel)
    seen = easel.evaluate(SEEN)
    masked = [value > 0 for value in seen["mask"]]
    assert 20 < sum(masked) < 400
    differ = [seen["picture"][3 * p : 3 * p + 3] != seen["answer"][3 * p : 3 * p + 3] for p in range(32 * 32)]
    assert any(differ) and all(inside for inside, other in zip(masked, differ, strict=True) if other)


def test_painting_by_keyboard(easel):
    """The tab's own way there, a line drawn with the space bar held, another tool, and back."""
    canvas = easel.locator("#paint-canvas")
    canvas.focus()
    before = easel.evaluate(SEEN)
    easel.keyboard.press("Shift+ArrowLeft")
    easel.keyboard.down("Space")
    for _ in range(6):
        easel.keyboard.press("ArrowDown")
    easel.keyboard.up("Space")
    settled(easel)
    drawn = easel.evaluate(SEEN)
    changed = {p // 3 for p in range(3 * 32 * 32) if drawn["picture"][p] != before["picture"][p]}
    columns, rows = {p % 32 for p in changed}, {p // 32 for p in changed}
    assert len(rows) >= 9 and len(columns) <= 7 and min(rows) >= 12  # a line downwards from the middle, 4 to the left
    expect(canvas).to_have_attribute("aria-label", re.compile(r"painted on, cursor at column 13, row 23"))
    expect(easel.locator("#lab-announcer")).to_contain_text("column 13, row 23")
    easel.keyboard.press("f")
    expect(easel.get_by_role("button", name="Fill", exact=True)).to_have_attribute("aria-pressed", "true")
    easel.keyboard.press("Enter")
    easel.keyboard.press("Control+z")
    easel.keyboard.press("Control+z")
    settled(easel)
    assert easel.evaluate(SEEN)["picture"] == before["picture"]
    easel.keyboard.press("Tab")  # and out again
    expect(canvas).not_to_be_focused()


def test_another_ground_and_a_colour_from_it(easel, tmp_path):
    easel.locator(f"{ROOT} select").select_option("picture:sunset")
    expect(easel.locator(ROOT)).not_to_have_attribute("data-wanted", "1")
    settled(easel)
    sunset = easel.evaluate(SEEN)["picture"]
    (tmp_path / "cat.png").write_bytes(to_png(bundled.picture("cat", 64)))
    easel.locator(f"{ROOT} input[type=file]").set_input_files(tmp_path / "cat.png")
    easel.wait_for_function(f"before => ({SEEN})().picture.join() !== before", arg=",".join(map(str, sunset)))
    settled(easel)
    easel.get_by_role("button", name="Pick").click()
    stroke(easel, (0.5, 0.5), (0.5, 0.5))
    expect(easel.get_by_role("button", name="Brush")).to_have_attribute("aria-pressed", "true")
    assert easel.locator(f"{ROOT} .any input").input_value() != "#d62828"
    (tmp_path / "no.png").write_bytes(b"no picture")
    easel.locator(f"{ROOT} input[type=file]").set_input_files(tmp_path / "no.png")
    expect(easel.locator(f"{ROOT} .told")).to_contain_text("not a picture")
    easel.get_by_role("button", name="Paint on the answer").click()
    settled(easel)


def test_a_run_of_what_is_painted_plays_step_by_step(easel):
    player = easel.locator("#paint-player .player")
    expect(player).to_be_hidden()
    stroke(easel, (0.2, 0.2), (0.8, 0.8))
    settled(easel)
    easel.get_by_role("button", name="Step by step").click()
    expect(player).to_have_attribute("data-state", "done")
    assert int(player.get_attribute("data-places")) == 3  # round(0.6 · 3) steps, and the picture


def test_a_finger_paints_and_the_page_stays(browser, app_url):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, locale="en-GB")
    page = context.new_page()
    page.goto(f"{app_url}/?tab=paint&paint_steps=2&guidance_scale=1")
    settled(page)
    before = page.evaluate(SEEN)["picture"]
    box = page.locator("#paint-canvas").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settled(page)
    assert page.evaluate(SEEN)["picture"] != before
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_barrier_that_axe_knows_of(page, app_url, theme):
    page.goto(f"{app_url}/?tab=paint&paint_mode=fill&paint_steps=2&__theme={theme}")
    expect(page.locator(ROOT)).to_have_attribute("data-mode", "fill")
    found = Axe().run(page, options={"rules": {"aria-prohibited-attr": {"enabled": False}}})
    assert found.violations_count == 0, found.generate_report()
