"""A step laid open in a browser: its parts add up, each term lights its picture, clipping can be switched off; and from
there into the net."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.barriers import no_barrier

PLAYER = "#generate-player .player"
QUERY = "tab=generate&seed=3&count=2&steps=5&sampler=ddpm&guidance_scale=6"


@pytest.fixture
def opened(page, app_url):
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{app_url}/?{QUERY}")
    expect(page.locator(PLAYER)).to_have_attribute("data-state", "done")
    page.locator(f"{PLAYER} .transport .back").click()
    page.locator(PLAYER).get_by_role("button", name="This step").click()
    expect(page.locator(".anatomy")).to_have_attribute("data-state", "open")
    return page


def test_the_step_under_the_cursor_is_taken_apart(opened):
    box = opened.locator(f"{PLAYER} .anatomy")
    expect(box).to_have_attribute("data-step", "4")
    assert float(box.get_attribute("data-off")) < 1e-12
    expect(box.locator(".part canvas")).to_have_count(10)
    expect(box).to_contain_text("asked twice")
    for _ in range(2):
        opened.locator(f"{PLAYER} .transport .back").click()
    expect(box).to_have_attribute("data-step", "2")
    expect(box).to_contain_text("Question 3 of 5")
    terms = box.locator(".term")
    assert [terms.nth(k).get_attribute("data-of") for k in range(3)] == ["x", "x0", "fresh"]
    terms.nth(1).focus()
    expect(box.locator(".part.lit")).to_have_attribute("data-of", "x0")
    box.locator(".part[data-of=fresh]").hover()
    expect(box.locator(".term.lit")).to_have_attribute("data-of", "fresh")
    before = box.locator(".part[data-of=after] canvas").evaluate("canvas => canvas.toDataURL()")
    box.get_by_role("checkbox").uncheck()
    after = ".anatomy .part[data-of=after] canvas"
    opened.wait_for_function(f"before => document.querySelector('{after}').toDataURL() !== before", arg=before)
    box.get_by_role("combobox", name="Picture").select_option("1")
    expect(box.locator(".head")).to_contain_text("Question 3 of 5")


def test_inside_the_net_a_block_shows_its_maps_and_where_it_looks(opened):
    opened.get_by_role("button", name="Inside the net").click()
    box = opened.locator(f"{PLAYER} .inside")
    expect(box).to_have_attribute("data-state", "open")
    expect(box.locator(".block")).to_have_count(36)
    expect(box.locator(".block[aria-pressed=true]")).to_have_attribute("data-name", "down.0.0.0.2")
    expect(box.locator(".look")).to_have_count(4)  # the three words of the prompt, and none in particular
    box.locator(".block[aria-pressed=true]").focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):  # along the arrow, on to the attention, in
        opened.keyboard.press(key)
    expect(box).to_have_attribute("data-block", "up.1.0.1.1")
    expect(opened.locator(f"{PLAYER} .anatomy")).to_have_attribute("data-step", "4")  # the step stayed
    box.locator(".from").focus()
    before = box.locator(".from").get_attribute("data-place")
    opened.keyboard.press("ArrowRight")
    expect(box.locator(".from")).not_to_have_attribute("data-place", before)
    expect(box.locator(".from")).to_have_attribute("aria-label", re.compile("it looks most at row"))
    expect(box.locator(".maps")).to_have_attribute("aria-label", re.compile("^128 feature maps of 16 × 16"))
    expect(box.locator(".code")).to_contain_text("scaled_dot_product_attention")
    opened.locator(f"{PLAYER} .transport .back").click()  # another step, the same block
    expect(box).to_have_attribute("data-step", "3")
    expect(box).to_have_attribute("data-block", "up.1.0.1.1")


def test_no_barrier_and_no_sideways_scroll(opened):
    opened.set_viewport_size({"width": 390, "height": 844})
    opened.get_by_role("button", name="Inside the net").click()
    expect(opened.locator(".inside")).to_have_attribute("data-state", "open")
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    no_barrier(opened)
