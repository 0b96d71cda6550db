"""Painting in a browser: each stroke is answered, by mouse, touch and keyboard; what is not masked stays as it is."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from playground.images import bundled, encoded, to_pixels, to_png, to_tensor
from playground.page.parts.easel import of_sheet
from tests.browser.barriers import no_barrier

ROOT = "#paint .paint"
# of both canvases, the pixels as the page shows them, and the mask
SEEN = """() => { const host = document.querySelector('#paint *:has(> .paint)'), sheet = host.sheet();
  const answer = document.querySelector('#paint-answer');
  const data = answer.getContext('2d').getImageData(0, 0, answer.width, answer.height).data;
  return {n: sheet.n, m: answer.width, picture: [...sheet.layers.picture], mask: [...sheet.layers.mask],
    answer: [...data].filter((_value, i) => i % 4 < 3)} }"""


QUERY = "tab=paint&checkpoint=emoji-32&seed=3&paint_steps=3&guidance_scale=1"


@pytest.fixture
def easel(page, app_url):
    """A page of the test's own."""
    page.goto(f"{app_url}/?{QUERY}")
    settled(page)
    return page


@pytest.fixture(scope="module")
def standing(one_page, app_url):
    one_page.goto(f"{app_url}/?{QUERY}")
    return one_page


@pytest.fixture
def shared(standing):
    """One for the tests that follow each other on it, each with a brush in hand."""
    settled(standing)
    standing.get_by_role("button", name="Brush").click()
    return standing


def settled(page) -> None:
    """Whatever was asked last has been answered, and is shown."""
    expect(page.locator(ROOT)).to_have_attribute("data-state", "answered", timeout=40_000)
    page.wait_for_function(f"(({{dataset}}) => dataset.shown === dataset.wanted)(document.querySelector('{ROOT}'))")


def stroke(page, *places) -> None:
    page.locator("#paint-canvas").scroll_into_view_if_needed()
    box = page.locator("#paint-canvas").bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def test_painting_by_keyboard(shared):
    """The tab's own way there, a line drawn with the space bar held, another tool, and back."""
    canvas = shared.locator("#paint-canvas")
    canvas.focus()
    before = shared.evaluate(SEEN)
    shared.keyboard.press("Shift+ArrowLeft")
    shared.keyboard.down("Space")
    for _ in range(6):
        shared.keyboard.press("ArrowDown")
    shared.keyboard.up("Space")
    settled(shared)
    drawn = shared.evaluate(SEEN)
    changed = {p // 3 for p in range(3 * 32 * 32) if drawn["picture"][p] != before["picture"][p]}
    columns, rows = {p % 32 for p in changed}, {p // 32 for p in changed}
    assert len(rows) >= 9 and len(columns) <= 7 and min(rows) >= 12  # a line downwards from the middle, 4 to the left
    expect(canvas).to_have_attribute("aria-label", re.compile(r"painted on, cursor at column 13, row 23"))
    expect(shared.locator("#lab-announcer")).to_contain_text("column 13, row 23")
    shared.keyboard.press("f")
    expect(shared.get_by_role("button", name="Fill", exact=True)).to_have_attribute("aria-pressed", "true")
    shared.keyboard.press("Enter")
    shared.keyboard.press("Control+z")
    shared.keyboard.press("Control+z")
    settled(shared)
    assert shared.evaluate(SEEN)["picture"] == before["picture"]
    name = "({ariaLabel, labels, innerText, title}) => ariaLabel || labels?.[0]?.innerText || innerText || title"
    met = []  # and out again, to all that stands around the canvas
    while not met or met[-1] != "To the other tabs":
        assert len(met) < 40, met
        shared.keyboard.press("Tab")
        met.append(shared.evaluate(f"({name})(document.activeElement)").strip())
    for name in ("Download", "Brush", "Eraser", "Fill", "Pick", "Size", "black", "Any colour", "Paint on", "Upload"):
        assert name in [each.split("\n")[0] for each in met], (name, met)
    shared.get_by_role("button", name="Eraser").press("Space")
    expect(shared.get_by_role("button", name="Eraser")).to_have_attribute("aria-pressed", "true")


def test_every_stroke_is_answered_and_undo_brings_the_answer_back(shared):
    before = shared.evaluate(SEEN)
    assert before["n"] == before["m"] == 32
    stroke(shared, (0.2, 0.2), (0.8, 0.3), (0.5, 0.8))
    settled(shared)
    after = shared.evaluate(SEEN)
    assert after["picture"] != before["picture"] and after["answer"] != before["answer"]
    shared.get_by_role("button", name="Undo").click()
    settled(shared)
    undone = shared.evaluate(SEEN)
    assert undone["picture"] == before["picture"]
    shared.get_by_role("button", name="Redo").click()
    settled(shared)
    redone = shared.evaluate(SEEN)
    assert redone["picture"] == after["picture"] and redone["answer"] != undone["answer"]
    shared.get_by_role("button", name="Undo").click()
    settled(shared)
    assert max(abs(a - b) for a, b in zip(shared.evaluate(SEEN)["answer"], undone["answer"], strict=True)) <= 1


def test_what_the_page_is_set_to_is_answered_too(shared):
    shown = int(shared.locator(ROOT).get_attribute("data-shown"))
    for turn in (
        lambda: shared.locator("#paint-prompt :is(input, textarea)").press_sequentially(" red"),
        lambda: shared.locator("#paint-seed input").fill("4"),
        lambda: shared.locator("#paint-strength input[type=range]").press("ArrowRight"),
        lambda: shared.locator("#paint-guidance_scale input[type=range]").press("ArrowRight"),
    ):
        turn()
        shared.wait_for_function(f"shown => Number(document.querySelector('{ROOT}').dataset.shown) > shown", arg=shown)
        settled(shared)
        shown = int(shared.locator(ROOT).get_attribute("data-shown"))


def test_a_run_of_what_is_painted_plays_step_by_step(shared):
    player = shared.locator("#paint-player .player")
    expect(player).to_be_hidden()
    stroke(shared, (0.2, 0.2), (0.8, 0.8))
    settled(shared)
    shared.get_by_role("button", name="Step by step").click()
    expect(player).to_have_attribute("data-state", "done")
    assert int(player.get_attribute("data-places")) == 3  # round(0.6 · 3) steps, and the picture


def test_outside_of_the_mask_nothing_changes(shared):
    shared.get_by_label("What is masked anew").check()
    expect(shared.locator(ROOT)).to_have_attribute("data-mode", "fill")
    expect(shared.locator(f"{ROOT} .told")).to_contain_text("Nothing is masked")
    expect(shared.locator("#paint-resamplings")).to_be_visible()
    stroke(shared, (0.3, 0.4), (0.6, 0.4), (0.6, 0.6))
    settled(shared)
    seen = shared.evaluate(SEEN)
    masked = [value > 0 for value in seen["mask"]]
    assert 20 < sum(masked) < 400
    differ = [seen["picture"][3 * p : 3 * p + 3] != seen["answer"][3 * p : 3 * p + 3] for p in range(32 * 32)]
    assert any(differ) and all(inside for inside, other in zip(masked, differ, strict=True) if other)


def test_a_mixture_at_strength_0_is_what_lies_between_the_two(shared):
    shared.get_by_label("A mixture with another picture").check()
    expect(shared.locator("#paint-mix")).to_be_visible()
    expect(shared.locator(ROOT)).to_have_attribute("data-mode", "mix")
    shared.locator("#paint-strength input[type=number]").fill("0")
    shared.locator("#paint-mix input[type=number]").fill("0.25")
    shared.locator("#paint-mix input[type=number]").press("Enter")
    shared.wait_for_function(f"document.querySelector('{ROOT} .told').textContent.includes('· 0 evaluations')")
    settled(shared)
    seen, sunset = shared.evaluate(SEEN), to_pixels(to_tensor(bundled.picture("sunset", 256), 32))[0].ravel()
    pairs = zip(seen["answer"], seen["picture"], map(int, sunset), strict=True)
    assert max(abs(made - (0.75 * mine + 0.25 * other)) for made, mine, other in pairs) <= 1


def test_lines_become_a_picture_that_has_them(page, app_url):
    page.goto(f"{app_url}/?tab=paint&checkpoint=avatars-64-turbo&paint_mode=lines&paint_steps=4&seed=3")
    settled(page)
    blank = page.evaluate(SEEN)["answer"]
    asked = page.locator(ROOT).get_attribute("data-wanted")
    page.get_by_role("button", name="Lines of the picture").click()
    expect(page.locator(ROOT)).not_to_have_attribute("data-wanted", asked)
    settled(page)
    traced = page.evaluate(SEEN)["answer"]
    assert len(traced) == 3 * 64 * 64 and traced != blank
    assert page.locator(f"{ROOT} .size output").inner_text() == "1"  # a thin pen
    stroke(page, (0.1, 0.2), (0.9, 0.25))
    settled(page)
    assert page.evaluate(SEEN)["answer"] != traced
    page.get_by_role("button", name="Clear").click()
    settled(page)
    cleared = page.evaluate(SEEN)["answer"]
    assert max(abs(a - b) for a, b in zip(cleared, blank, strict=True)) <= 1


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


def test_a_receipt_brings_the_sheet_back_with_its_mask(easel, tmp_path):
    flower = np.asarray(bundled.picture("flower", 32))
    mask = np.zeros((32, 32), np.uint8)
    mask[5:12, 9:20] = 255
    asked = {"paint_mode": "fill", "checkpoint": "emoji-32", "seed": 3, "paint_steps": 5, "paint_sampler": "ddpm"}
    sheet = {"n": 32, "picture": encoded(flower), "mask": encoded(mask)}
    run = of_sheet(asked | sheet)
    run.finish()
    (tmp_path / "filled.png").write_bytes(run.lanes[0].png())
    easel.locator("#paint-receipts").get_by_role("button", name="Keep this run").click()
    easel.locator("#paint-drop input[type=file]").set_input_files(tmp_path / "filled.png")
    expect(easel.locator(ROOT)).to_have_attribute("data-mode", "fill")
    easel.wait_for_function(f"mask => ({SEEN})().mask.join() === mask", arg=",".join(map(str, mask.ravel())))
    assert easel.evaluate(SEEN)["picture"] == flower.ravel().tolist()
    expect(easel.locator("#paint-paint_steps input[type=number]")).to_have_value("5")


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


def test_no_barrier_that_axe_knows_of(page, app_url):
    page.goto(f"{app_url}/?tab=paint&paint_mode=fill&paint_steps=2&__theme=light")
    for mode in ("fill", "mix"):
        page.locator(f"#paint-paint_mode input[value={mode}]").check()
        expect(page.locator(ROOT)).to_have_attribute("data-mode", mode, timeout=20_000)
        no_barrier(page)


def test_a_picture_given_in_one_tab_is_that_of_all_and_the_one_before_a_press_away(page, app_url, tmp_path):
    halves = Image.new("RGB", (120, 90), (255, 0, 0))
    halves.paste((0, 0, 255), (60, 0, 120, 90))
    halves.save(tmp_path / "halves.png")
    page.goto(f"{app_url}/?tab=denoise&start=picture&checkpoint=emoji-32&guidance_scale=1&paint_steps=2")
    expect(page.locator("#denoise-given .knows")).to_have_text(re.compile("emoji at 32 × 32"), timeout=20_000)
    page.locator("#denoise-image input[type=file]").set_input_files(tmp_path / "halves.png")
    expect(page.locator("#denoise-given .before")).to_be_visible()
    page.get_by_role("tab", name="Paint", exact=True).click()
    corners = f"(({SEEN})().picture).filter((_value, i) => i < 3 || i > 92 && i < 96).join()"
    ready = "document.querySelector('#paint *:has(> .paint)')?.sheet"
    page.wait_for_function(f"{ready} && {corners} === '255,0,0,0,0,255'")
    page.get_by_role("tab", name="Add noise", exact=True).click()
    shared = "async () => { const {picture} = await lab('lib/shared.js'); return picture.x0.slice(0, 3).join() }"
    page.wait_for_function(f"({shared})().then((found) => found === '1,-1,-1')")
    expect(page.locator("#noise-upload img")).to_be_visible()
    expect(page.locator("#noise-picture input:checked")).to_have_count(0)
    page.locator("#noise-given .before").click()
    expect(page.locator("#noise-upload img")).to_have_count(0)
    expect(page.locator("#noise-given .before")).to_be_hidden()
    page.wait_for_function(f"({shared})().then((found) => found !== '1,-1,-1')")
    page.get_by_role("tab", name="Denoise", exact=True).click()
    expect(page.locator("#denoise-image img")).to_have_count(0)
