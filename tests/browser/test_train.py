"""The Train tab in a real browser: points, learnt in the page without the server; digits and own pictures, learnt on
it; and how a shipped model got there."""

from __future__ import annotations

import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from playground.images.bundled import PICTURES, picture
from tests.conftest import until

STEPS = 4000  # in which two moons are learnt: nine tenths of the score
LEARNT = 0.9


def opened(page, app_url, query=""):
    page.goto(f"{app_url}/?tab=train{query}")
    points = page.locator("#train-points .points")
    expect(points).to_have_attribute("data-steps", "0")
    return points


def test_two_moons_are_learnt_in_the_page_alone(page, app_url):
    points = opened(page, app_url)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    points.get_by_role("button", name="Play").click()
    expect(points).to_have_attribute("data-learnt", re.compile(r"0\.9\d+|1\.0"), timeout=60_000)
    points.get_by_role("button", name="Pause").click()
    expect(points).to_have_attribute("data-playing", "false")
    assert float(points.get_attribute("data-learnt")) > LEARNT - 0.03  # the last word, where it was paused
    assert int(points.get_attribute("data-steps")) < STEPS
    assert not [url for url in asked if "/lab/" not in url], asked
    assert "knows 9" in points.locator(".status").inner_text()


def test_a_button_pressed_before_its_script_has_come_is_not_lost(page, app_url):
    held = []
    page.route("**/points/points.js", lambda route: held.append(route))
    page.goto(f"{app_url}/?tab=train")
    page.locator("#train-points-play").click()
    assert until(lambda: held or page.wait_for_timeout(20))
    held[0].continue_()
    expect(page.locator("#train-points .points")).to_have_attribute("data-playing", "true")


def test_one_step_reset_and_another_level(page, app_url):
    points = opened(page, app_url, "&seed=5")
    expect(points).to_have_attribute("data-seed", "5")  # the link's, and no more the one that the page starts with
    expect(page.locator("#train-digits-stage")).to_be_hidden()
    loss = points.locator(".count")
    for step in ("1", "2"):
        points.get_by_role("button", name="One step").click()
        expect(points).to_have_attribute("data-steps", step)
    told = loss.inner_text().split("loss")[1]
    points.get_by_role("button", name="Begin anew").click()
    expect(points).to_have_attribute("data-steps", "0")
    for step in ("1", "2"):
        points.get_by_role("button", name="One step").click()
        expect(points).to_have_attribute("data-steps", step)
    assert loss.inner_text().split("loss")[1] == told  # the same seed: the same two batches
    points.get_by_role("slider", name="Level t").focus()
    page.keyboard.press("End")
    expect(points).to_have_attribute("data-shown-t", "1000")
    page.get_by_label("Batch").first.fill("32")
    page.keyboard.press("Tab")
    points.get_by_role("button", name="One step").click()
    expect(points).to_have_attribute("data-steps", "3")  # a batch may change while it learns
    page.get_by_role("radio", name="v", exact=True).check()
    expect(points).to_have_attribute("data-steps", "0")  # what is predicted may not
    points.get_by_role("button", name="Play").click()
    page.locator("#train-seed input").first.fill("8")
    expect(points).to_have_attribute("data-seed", "8")
    expect(points).to_have_attribute("data-playing", "true")  # who has pressed Play sees the new one learnt


def test_a_cloud_drawn_with_the_keyboard_is_learnt(page, app_url):
    page.goto(f"{app_url}/?tab=train&dataset=draw")
    points = page.locator("#train-points .points")
    expect(points.locator(".hint")).to_be_visible()
    points.locator("[data-view=particles]").focus()
    for key in ("Enter", "Shift+ArrowRight", "Shift+ArrowUp", "Enter"):
        page.keyboard.press(key)
    expect(points).to_have_attribute("data-steps", "0")
    points.get_by_role("button", name="Play").click()
    expect(points).to_have_attribute("data-learnt", re.compile(r"0\.[5-9]\d+"), timeout=60_000)


def begun(page, app_url, subject, query=""):
    """The training on a subject, in a page that has asked for it."""
    page.goto(f"{app_url}/?tab=train&subject={subject}{query}")
    view = page.locator(f"#train-{subject} .training")
    expect(view).to_have_attribute("data-status", "none")
    return view


def next_line(page, view, line):
    page.get_by_role("button", name="Next line").click()
    expect(view).to_have_attribute("data-line", str(line))


def test_digits_are_watched_by_two_stepped_through_stopped_and_drawn_with(page, app_url):
    """Both pages are one browser's, which has six connections to the server for all that they do."""
    view = begun(page, app_url, "digits", "&seed=11")
    page.locator("#train-digits-go").click()
    expect(view).to_have_attribute("data-status", "running", timeout=60_000)
    other = page.context.new_page()
    joined = begun(other, app_url, "digits", "&seed=11")
    other.locator("#train-digits-go").click()
    expect(joined).to_have_attribute("data-status", "running", timeout=60_000)
    expect(joined).to_have_attribute("data-looks", re.compile(r"[2-9]|\d\d"), timeout=60_000)
    for line in range(3):  # while it goes on
        next_line(page, view, line)
        next_line(other, joined, line)
    expect(view.locator(".values figure")).to_have_count(2)  # x₀ and t
    other.locator("#train-digits-stage").get_by_role("slider", name="A moment of the training").press("Home")
    expect(joined).to_have_attribute("data-shown", "0")
    stop = page.get_by_role("button", name="Stop", exact=True).locator("visible=true")
    stop.click()
    expect(page.locator(".toast-body")).to_contain_text("Others are watching")
    expect(view).to_have_attribute("data-status", "running")
    other.close()

    def stopped():
        stop.click()
        return view.get_attribute("data-status") == "stopped"

    assert until(stopped)  # as soon as the server knows that the other page is gone
    expect(view.locator(".status")).to_contain_text("my digits")
    next_line(page, view, 3)  # and after its end
    expect(page.locator("#train-keep")).to_be_visible()
    page.get_by_role("tab", name="Generate").click()
    page.locator("button:visible", has_text="More").first.click()
    page.locator("#generate-checkpoint input").click()
    page.get_by_role("option", name="my digits", exact=True).click()
    page.get_by_label("Prompt").locator("visible=true").fill("3")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("#generate-player")).to_contain_text("20 / 20", timeout=60_000)


@pytest.fixture
def own(tmp_path):
    """Three pictures of somebody's."""
    for name in list(PICTURES)[:3]:
        picture(name, 64).save(tmp_path / f"{name}.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "small.gif")
    return sorted(tmp_path.iterdir())


def test_own_pictures_are_learnt_and_compared_with_what_is_drawn(page, app_url, own):
    view = begun(page, app_url, "pictures", "&minutes=0.2")
    page.locator("#train-pictures-go").click()
    expect(page.locator(".toast-body")).to_contain_text("Choose some pictures first")
    page.locator("#train-files input[type=file]").set_input_files(own)
    expect(page.locator("#train-files")).to_contain_text("small")
    page.locator("#train-pictures-go").click()
    expect(view).to_have_attribute("data-status", "running", timeout=60_000)
    expect(view).to_have_attribute("data-copied", re.compile(r"\d"))
    expect(view.locator(".distances li")).to_have_count(8)
    page.get_by_role("button", name="Stop", exact=True).locator("visible=true").click()
    expect(view).to_have_attribute("data-model", re.compile("my-pictures-"), timeout=60_000)
    expect(view.locator(".status")).to_contain_text("my pictures")
    expect(page.locator("#train-pictures-keep")).to_be_visible()


def test_how_a_model_got_there_is_scrubbed_and_in_the_link(page, app_url):
    page.goto(f"{app_url}/?tab=train&subject=history&moment=3")
    view = page.locator("#train-history .history")
    expect(view).to_have_attribute("data-drawn", "3")
    moment = view.get_by_role("slider", name="A moment of the training")
    moment.press("ArrowRight")
    expect(view).to_have_attribute("data-drawn", "4")
    expect(page).to_have_url(re.compile("moment=4"))
    moment.press("End")
    expect(view).to_have_attribute("data-drawn", str(int(view.get_attribute("data-points")) - 1))
    assert "loss" in moment.get_attribute("aria-valuetext")
    page.locator("#train-checkpoint input").click()
    page.get_by_role("option", name="emoji-32", exact=True).click()
    expect(view).to_have_attribute("data-points", "0")
    expect(view.locator(".told")).to_contain_text("emoji-32 came without a history")
