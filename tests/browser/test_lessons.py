"""Every lesson can be walked to its end, and what it claims is what the page measures; by keyboard, and in Chinese."""

import re

import pytest
from playwright.sync_api import expect

from playground.lessons import lessons

PANEL = "#lessons .panel"


def begun(page, url, name):
    page.goto(f"{url}/?lesson={name}")
    panel = page.locator(PANEL)
    expect(panel).to_have_attribute("data-lesson", name, timeout=60_000)
    return panel


def walked(page, panel, lesson):
    """Does what each step asks for, by “Show me”, and answers what it asks; returns what the steps said."""
    said = []
    for place, step in enumerate(lesson.steps):
        expect(panel).to_have_attribute("data-step", str(place))
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
        expect(panel).to_have_attribute("data-state", "done", timeout=60_000)
        if step.choices:  # one answer is right, by what the page measured
            expect(panel.locator(".choice.right")).to_have_count(1)
        because = panel.locator(".because")
        expect(because).not_to_contain_text("…", timeout=30_000)
        said.append(because.inner_text())
        panel.locator(".next").click()
    expect(panel.locator(".list li")).not_to_have_count(0)
    return said


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_a_lesson_runs_to_its_end(page, app_url, lesson):
    walked(page, begun(page, app_url, lesson.name), lesson)
    done = page.locator(f"{PANEL} li", has_text=lesson.title)
    expect(done).to_contain_text("done")


@pytest.fixture
def browser_context_args(browser_context_args, request):
    language = getattr(request, "param", "en-GB")
    return {**browser_context_args, "locale": language}


@pytest.mark.parametrize("browser_context_args", ["zh-TW"], indirect=True)
@pytest.mark.parametrize("name", ["forward", "schedules", "guidance"])
def test_in_chinese_too(page, app_url, name):
    lesson = next(each for each in lessons("zh-TW") if each.name == name)
    panel = begun(page, app_url, name)
    expect(panel.locator("h3")).to_have_text(lesson.steps[0].heading)
    said = walked(page, panel, lesson)
    assert all(re.search("[\u4e00-\u9fff]", each) for each in said)


def test_a_wrong_guess_is_answered_and_a_measured_one_judged(page, app_url):
    panel = begun(page, app_url, "forward")
    panel.locator(".help").click()
    expect(panel).to_have_attribute("data-state", "done")
    numbers = panel.locator(".because").inner_text()
    assert "t = 950" in numbers  # what “Show me” set, as the scrubber tells it
    panel.locator(".next").click()
    panel.locator(".choice").last.click()  # ᾱ = ½ lies near t = 497 of the cosine schedule, not late
    expect(panel).to_have_attribute("data-right", "false")
    expect(panel.locator(".choice.right")).to_contain_text("About in the middle")
    expect(panel.locator(".because")).to_contain_text("t = 497")


def test_the_first_lesson_by_keyboard_alone(page, app_url):
    page.goto(app_url)
    opener = page.locator("#lessons .open")
    expect(opener).to_have_text("Lessons", timeout=60_000)  # the script is there
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
        expect(panel).to_have_attribute("data-state", "done", timeout=30_000)
        press("Next" if place < 3 else "Finish")
    expect(panel.locator("li").first).to_contain_text("done")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_a_lesson_that_is_not_there_is_said(page, app_url):
    page.goto(f"{app_url}/?lesson=nothing")
    page.locator("#lessons .open").click()
    expect(page.locator(f"{PANEL} [role=alert]")).to_contain_text("There is no lesson")
