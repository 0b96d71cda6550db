"""A run is kept, brought back, and never taken for one of other settings: in a real browser."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import expect

from playground import checkpoints

DROP = """(data) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], "run.png", { type: "image/png" }));
  for (const kind of ["dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true });
    document.querySelector("h1").dispatchEvent(event);
    if (!event.defaultPrevented) throw new Error("the browser would leave the page");
  }
}"""


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint):
    return checkpoints.offer(str(tiny_checkpoint))


def opened(page, app_url, query):
    page.goto(f"{app_url}/?{query}")
    page.locator('#generate-player .player[data-state="done"]').wait_for()
    return page.locator("#generate-player .player")


def generate(page):
    """Presses the button and waits for the end of another run than the one on show."""
    before = page.locator("#generate-player .player").get_attribute("data-run")
    page.get_by_role("button", name="Generate", exact=True).click()
    page.wait_for_function(
        """before => { const { run, state } = document.querySelector("#generate-player .player").dataset;
           return run !== before && state === "done"; }""",
        arg=before,
    )


def test_files_of_the_opening_run_and_of_every_run_after_it(page, app_url, tiny):
    opened(page, app_url, f"tab=generate&checkpoint={tiny}&count=1&steps=3&seed=1")
    page.locator("#generate-receipts button.label-wrap").click()
    page.locator("#generate-keep").click()
    expect(page.locator("#generate-files")).to_contain_text("seed-1")
    for seed in (2, 3):
        page.fill("#generate-seed input", str(seed))
        generate(page)
        page.locator("#generate-keep").click()
        expect(page.locator("#generate-files")).to_contain_text(f"seed-{seed}")
    expect(page.locator(".toast-body")).to_have_count(0)


def test_a_picture_dropped_anywhere_brings_its_settings_back(page, app_url, tiny):
    opened(page, app_url, f"tab=generate&checkpoint={tiny}&count=1&steps=4&seed=31&sampler=ddim")
    data = page.locator("#generate-player a").get_attribute("href").split(",")[1]
    assert base64.b64decode(data)[:4] == b"\x89PNG"
    opened(page, app_url, f"tab=generate&checkpoint={tiny}&count=1&steps=3&seed=2")
    page.evaluate(DROP, data)
    expect(page.locator("#generate-seed input")).to_have_value("31")
    expect(page.locator("#generate-receipt .said")).to_contain_text("restored")
    generate(page)
    expect(page.locator("#generate-receipt .said")).to_contain_text("The same picture")


def test_a_picture_of_other_settings_says_so(page, app_url, tiny):
    opened(page, app_url, f"tab=generate&checkpoint={tiny}&count=1&steps=3&seed=1")
    older = page.locator("#generate-player .older")
    expect(older).to_be_empty()
    page.click("#generate-seed input")  # from now on the page is the person's, not the link's
    page.fill("#generate-seed input", "2")
    expect(older).to_contain_text("Settings have changed")
    page.fill("#generate-seed input", "1")  # as it was
    expect(older).to_be_empty()
    page.locator("#generate-dice").click()
    expect(older).to_contain_text("Settings have changed")
    expect(page.locator("#generate-seed input")).not_to_have_value("1")
    generate(page)
    expect(older).to_be_empty()


def test_a_run_too_long_to_begin_by_itself_is_not_passed_off(page, app_url, tiny):
    opened(page, app_url, f"tab=generate&checkpoint={tiny}&count=16&steps=900")
    expect(page.locator("#generate-player .waiting")).to_contain_text("An example")


@pytest.mark.parametrize(("query", "t"), [("T=200&t=100", "100"), ("T=300&t=120", "120"), ("T=2000&t=1500", "1500")])
def test_a_links_level_is_meant_as_it_is(page, app_url, query, t):
    page.goto(f"{app_url}/?tab=noise&{query}")
    level = page.locator("#noise-scrubber .level")
    expect(level).to_have_attribute("max", query.split("&")[0][2:])
    expect(level).to_have_value(t)
    page.wait_for_function("t => new URLSearchParams(location.search).get('t') === t", arg=t)


def test_a_chart_stands_when_a_picture_was_chosen_first(page, app_url):
    page.goto(f"{app_url}/?tab=schedules")
    page.locator("#schedules-picture label").nth(2).click()
    expect(page.locator("#schedules-curves svg .line, #schedules-curves svg path").first).to_be_visible()
    expect(page.locator("#schedules-curves")).not_to_contain_text("could not be loaded")
    expect(page.locator("#schedules-curves .film canvas").first).to_be_visible()
