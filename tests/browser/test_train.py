"""The Train tab in a real browser: points are learnt in the page, without the server."""

from __future__ import annotations

import re

from playwright.sync_api import expect

SECONDS = 10  # of learning on one core, in which two moons are learnt: nine tenths of the score
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
    assert float(points.get_attribute("data-seconds")) < 2 * SECONDS  # of a core that others may be using too
    assert not [url for url in asked if "/lab/" not in url], asked
    assert "knows 9" in points.locator(".status").inner_text()


def test_one_step_reset_and_another_level(page, app_url):
    points = opened(page, app_url, "&seed=5")
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
