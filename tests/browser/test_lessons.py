"""Every lesson can be walked to its end, and what it claims is what the page measures; by keyboard, and in Chinese."""

import re

import pytest
from playwright.sync_api import expect

from playground.lessons import lesson, lessons
from tests.conftest import WAIT

PANEL = "#lessons .panel"
# What a page shows before anybody presses, a tab at a time, is short: it is no lesson's business.
SHORT = "steps=1&count=1&steps_1=1&steps_2=1&paint_steps=1"


def listed(browser, options, url):
    """A page with the list of lessons open."""
    page = browser.new_context(**options | {"reduced_motion": "reduce"}).new_page()
    page.set_default_timeout(WAIT)
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(error))
    page.goto(f"{url}/?{SHORT}")
    page.locator("#lessons .open:not(:empty)").click()
    page.locator(f"{PANEL} li").first.wait_for()
    return page


@pytest.fixture(scope="module")
def walker(browser, browser_context_args, app_url):
    """One page, on which all lessons are walked one after the other."""
    page = listed(browser, browser_context_args, app_url)
    yield page
    page.context.close()


def walked(page, panel, lesson):
    """Does what each step asks for, by “Show me”, and answers what it asks; returns what the steps said."""
    said = []
    for place, step in enumerate(lesson.steps):
        expect(panel).to_have_attribute("data-step", str(place))
        expect(panel.locator("h3")).to_have_text(step.heading.replace("_", ""))  # L_simple: its index stands below
        if step.do:
            panel.locator(".help").click()
        elif step.choices:
            panel.locator(".choice").first.click()
        elif step.number:
            panel.locator("input[type=number]").fill("100")
            panel.locator("form .choice").click()
            wing = step.number[0].split(".")[0]
            if wing in ("duel", "generate", "denoise"):  # it is measured in a run
                page.locator(f"#{wing}-go").click()
        elif step.draw:
            panel.locator(".help").click()
            panel.locator(".task .choice").click()
        expect(panel).to_have_attribute("data-state", "done")
        if step.choices:  # one answer is right, by what the page measured
            expect(panel.locator(".choice.right")).to_have_count(1)
        because = panel.locator(".because")
        expect(because).not_to_contain_text("…")
        said.append(because.inner_text())
        panel.locator(".next").click()
    expect(panel.locator(".list li")).not_to_have_count(0)
    return said


def gone_through(page, lesson):
    """Walks a lesson from the list to its end, and back to the list."""
    panel = page.locator(PANEL)
    if panel.get_attribute("data-lesson"):
        panel.locator(".all").click()  # one before it broke off
    entry = panel.locator("li", has_text=lesson.title)
    entry.locator("button").click()
    expect(panel).to_have_attribute("data-lesson", lesson.name)
    said = walked(page, panel, lesson)
    learning = page.locator("#train-points .points[data-playing=true]")
    if learning.count():  # it would go on beside all lessons that follow
        learning.evaluate("points => points.querySelector('.play').click()")
    expect(entry.locator("small")).to_contain_text("✓")
    assert not page.wrong
    return said


@pytest.mark.parametrize("name", [lesson.name for lesson in lessons() if not lesson.is_path])
def test_a_lesson_runs_to_its_end(walker, name):
    gone_through(walker, lesson(name))


def test_a_lesson_in_chinese(browser, browser_context_args, app_url):
    """One with every kind of step: that each has the same ones in every language is tested where they are read."""
    page = listed(browser, browser_context_args | {"locale": "zh-TW"}, app_url)
    said = gone_through(page, lesson("schedules", "zh-TW"))
    page.context.close()
    assert all(re.search("[\u4e00-\u9fff]", each) for each in said)


def test_a_wrong_guess_is_answered_and_a_measured_one_judged(walker, app_url):
    page = walker
    page.goto(f"{app_url}/?lesson=forward")
    panel = page.locator(PANEL)
    expect(panel).to_have_attribute("data-lesson", "forward")
    expect(page.locator("#noise-scrubber .level")).to_be_in_viewport(ratio=1)  # what it asks to drag, below its picture
    expect(page.get_by_role("button", name="More tabs").first).to_be_visible()  # those that have no room beside it
    panel.locator(".help").click()
    expect(panel).to_have_attribute("data-state", "done")
    numbers = panel.locator(".because").inner_text()
    assert "t = 950" in numbers  # what “Show me” set, as the scrubber tells it
    panel.locator(".next").click()
    panel.locator(".choice").last.click()  # ᾱ = ½ lies near t = 497 of the cosine schedule, not late
    expect(panel).to_have_attribute("data-right", "false")
    expect(panel.locator(".choice.right")).to_contain_text("About in the middle")
    expect(panel.locator(".because")).to_contain_text("t = 497")


def test_the_first_lesson_by_keyboard_alone(walker, app_url):
    page = walker
    page.evaluate("localStorage.clear()")
    page.goto(app_url)
    opener = page.locator("#lessons .open")
    expect(opener).to_have_text("Lessons")  # the script is there
    opener.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"{PANEL} li").first).to_be_visible()

    def press(text, times=40):
        for _ in range(times):
            if page.evaluate("document.activeElement.textContent.trim()").startswith(text):
                return page.keyboard.press("Enter")
            page.keyboard.press("Tab")
        raise AssertionError(f"no way by Tab to {text}")

    panel = page.locator(PANEL)
    press("From a picture to noise")
    expect(panel).to_have_attribute("data-lesson", "forward")
    for place, answer in enumerate(["Show me", "About in the middle", "Show me", "To take the noise away"]):
        expect(panel).to_have_attribute("data-step", str(place))
        press(answer)
        expect(panel).to_have_attribute("data-state", "done")
        press("Next" if place < 3 else "Finish")
    expect(panel.locator("li").first).to_contain_text("done")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_a_lesson_that_is_not_there_is_said(walker, app_url):
    page = walker
    page.goto(f"{app_url}/?lesson=nothing")
    expect(page.locator(f"{PANEL} [role=alert]")).to_contain_text("There is no lesson")
