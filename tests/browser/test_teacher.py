"""What a teacher does: a worksheet made, locked and answered, the answers looked at, a path, a projector, a handout."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from playground.lessons.answers import seal
from tests.browser.barriers import no_barrier
from tests.conftest import WAIT

PANEL = "#lessons .panel"


@pytest.fixture(scope="module")
def desk(browser, browser_context_args, app_url):
    """A page with its panel open, for all that follows."""
    context = browser.new_context(**browser_context_args | {"reduced_motion": "reduce"})
    page = context.new_page()
    page.set_default_timeout(WAIT)
    wrong = []
    page.on("pageerror", lambda error: wrong.append(error))
    page.goto(f"{app_url}/?tab=noise&t=300&seed=3")
    page.locator("#lessons .open:not(:empty)").click()
    yield page
    assert not wrong
    context.close()


def tool(page, name):
    panel = page.locator(PANEL)
    if not panel.is_visible():
        page.locator("#lessons .open").click()
    if panel.locator(".all").count():
        panel.locator(".all").click()
    panel.get_by_role("button", name=name, exact=True).click()
    return panel


def saved(page, press):
    with page.expect_download() as download:
        press()
    return download.value


@pytest.fixture(scope="module")
def link(desk):
    """A worksheet's link, made in the builder."""
    panel = tool(desk, "Make a worksheet")
    panel.get_by_label("Title").fill("Half & half")
    panel.locator(".uses label", has_text="Schedule").first.locator("select").select_option("lock")
    for name, use in (("Level t", "lock"), ("Seed", "hide"), ("Picture", "lock")):
        panel.locator(".uses label", has_text=name).first.locator("select").select_option(use)
    panel.locator("summary", has_text="Tabs").click()
    panel.locator(".tabs label", has_text="Compare samplers").locator("input").uncheck()
    panel.get_by_label("What you ask").fill("At which t is half of the power gone?")
    panel.get_by_label("The answer; leave").fill("497")
    panel.get_by_label("For a number").fill("10")
    panel.get_by_role("button", name="One more question").click()
    second = panel.locator("fieldset").nth(1)
    second.get_by_label("What you ask").fill("What is left?")
    second.get_by_label("Choices").fill("The cat\nNoise = all")
    second.locator("select").select_option("Noise = all")
    panel.get_by_role("button", name="One more question").click()
    panel.locator("fieldset").nth(2).get_by_label("What you ask").fill("What surprised you?")
    panel.get_by_role("button", name="Make the link").click()
    made = panel.get_by_label("Link of the worksheet")
    made.wait_for()
    expect(panel.locator(".enlarge img")).to_be_visible()
    return made.input_value()


def test_the_link_hides_the_answer_and_its_code_is_made_here(desk, link):
    asked = parse_qs(urlsplit(link).query)
    assert asked["worksheet"] == ["Half & half"] and asked["t"] == ["300"] and asked["seed"] == ["3"]
    assert set(asked["lock"][0].split(",")) == {"t", "picture", "schedule"}
    assert set(asked["hide"][0].split(",")) == {"seed", "duel"}
    assert asked["ask"][:2] == ["At which t is half of the power gone?", "What is left?\nThe cat\nNoise = all"]
    assert "497" not in link and len(asked["answer"]) == 2 and link.endswith("&answer=")
    source = desk.locator(".enlarge img").get_attribute("src")
    assert source.startswith("data:image/svg+xml")
    desk.locator(".enlarge").click()
    expect(desk.locator("dialog.large img")).to_be_visible()
    desk.keyboard.press("Escape")
    expect(desk.locator("dialog.large")).to_have_count(0)


@pytest.fixture(scope="module")
def learner(desk, link):
    """The page as a learner has it."""
    page = desk.context.new_page()
    page.set_default_timeout(WAIT)
    page.goto(link)
    page.locator(f"{PANEL} form input").wait_for()
    page.wait_for_function("document.querySelector('#noise-scrubber .transport').inert")
    yield page
    page.close()


def test_locked_is_locked_for_every_hand(learner):
    def now():
        return learner.evaluate(
            "async () => [(await lab('lib/settings.js')).get('t'), (await lab('lib/clock.js')).t,"
            " document.querySelector('#noise-scrubber .level').value, (await lab('lib/settings.js')).get('schedule')]"
        )

    before = now()
    assert before[:3] == [300, 300, "300"]
    picture = learner.locator("#noise-scrubber canvas[data-view=x_t]")
    picture.hover()
    learner.mouse.wheel(0, -400)
    curve = learner.locator("#noise-scrubber .plot.curve svg").bounding_box()
    learner.mouse.click(curve["x"] + 0.8 * curve["width"], curve["y"] + 60)
    learner.evaluate("lab('lib/clock.js').then(clock => clock.tell(900, 'score'))")
    learner.evaluate("window.dispatchEvent(new CustomEvent('lab:set', {detail: {name: 'schedule', value: 'linear'}}))")
    for part in ("#noise-scrubber .transport", "#noise-upload"):
        assert learner.locator(part).evaluate("part => part.inert")
    expect(learner.locator("#noise-schedule input")).to_be_disabled()
    expect(learner.locator("#noise-picture input").first).to_be_disabled()
    learner.evaluate("new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
    assert now() == before
    expect(learner.locator("#link .reveal")).to_be_hidden()
    expect(learner.get_by_role("tab", name="Compare samplers")).to_be_hidden()
    learner.evaluate("window.dispatchEvent(new CustomEvent('lab:tab', {detail: 'duel'}))")  # as a lesson would
    learner.locator("#link .reset").click()
    assert now() == before


def test_the_answer_is_checked_and_saved_with_the_settings(learner, desk):
    panel = learner.locator(PANEL)
    expect(panel.locator(".title")).to_have_text("Half & half")
    panel.locator("form input").fill("300")
    panel.get_by_role("button", name="That is my answer").click()
    expect(panel.locator(".verdict")).to_contain_text("not what was expected")
    panel.locator("form input").fill("500")
    learner.keyboard.press("Enter")
    expect(panel.locator(".because")).to_contain_text("Yes.")
    panel.locator(".next").click()
    panel.get_by_role("button", name="The cat").click()
    expect(panel.locator(".verdict")).to_contain_text("not what was expected")
    panel.get_by_role("button", name="Noise = all").click()
    expect(panel.locator(".because")).to_contain_text("Yes.")
    panel.locator(".next").click()
    panel.locator("form input").fill("That it works")
    learner.keyboard.press("Enter")
    expect(panel.locator(".because")).to_contain_text("noted")
    panel.locator(".next").click()
    panel.get_by_label("Your name").fill("Ada L.")
    file = saved(learner, lambda: panel.get_by_role("button", name="Save my answers").click())
    assert file.suggested_filename == "Ada-L_Half-half.json"
    content = json.loads(open(file.path(), encoding="utf-8").read())
    assert [each["given"] for each in content["answers"]] == ["500", "Noise = all", "That it works"]
    assert content["answers"][0]["settings"]["t"] == 300 and content["seal"] == seal(content)

    forged = content | {"answers": [content["answers"][0] | {"given": "12", "right": True, "settings": {"t": 1}}]}
    panel = tool(desk, "Look at answers")
    files = [
        {"name": name, "mimeType": "application/json", "buffer": json.dumps(each).encode()}
        for name, each in (("Ada.json", content), ("Bob.json", forged), ("other.json", {"seed": 1}))
    ]
    panel.locator("input[type=file]").set_input_files(files)
    expect(panel.locator(".answers")).to_contain_text("Files without answers: 1")
    panel.get_by_role("button", name="Show the table").click()
    ada, bob = (desk.locator("dialog.sheet tbody tr", has_text=f"{name}.json") for name in ("Ada", "Bob"))
    expect(ada).to_contain_text("2 of 2 right")
    expect(ada).to_contain_text("they fit")
    expect(ada.locator("td").last).to_have_text("yes")
    expect(bob).to_contain_text("0 of 1 right")
    expect(bob).to_contain_text("t: 1 in place of 300")
    expect(bob.locator("td").last).to_have_text("no")
    desk.keyboard.press("Escape")


def test_a_path_leads_through_lessons_and_back(desk):
    panel = desk.locator(PANEL)
    if panel.locator(".all").count():
        panel.locator(".all").click()
    panel.locator("li.path button").click()
    for _ in range(2):
        panel.locator(".next").click()
    expect(panel.locator(".place")).to_contain_text("minutes 5 to 12")
    panel.locator(".go").click()
    expect(panel).to_have_attribute("data-lesson", "forward")
    panel.locator(".all").click()
    expect(panel).to_have_attribute("data-lesson", "class")
    expect(panel).to_have_attribute("data-step", "2")


def test_the_handout_is_charts_pictures_and_a_paper(desk):
    panel = tool(desk, "Handout")
    expect(panel.locator("figure")).not_to_have_count(0)
    assert panel.locator("figure").count() >= 5  # x_t, x0, ε, the two charts, the strip
    chart = panel.locator("figure", has_text="ᾱ over t")
    svg = open(saved(desk, lambda: chart.get_by_role("button", name="SVG").click()).path(), encoding="utf-8").read()
    assert svg.startswith("<svg") and "tab=noise" in svg and "stroke:rgb" in svg.replace(" ", "")
    strip = panel.locator("figure", has_text="Film strip")
    png = open(saved(desk, lambda: strip.get_by_role("button", name="PNG").click()).path(), "rb").read()
    assert png[:4] == b"\x89PNG"
    pdf = open(saved(desk, lambda: panel.get_by_role("button", name="All as PDF").click()).path(), "rb").read()
    assert pdf[:5] == b"%PDF-"


def test_a_projector_takes_one_key_and_escape_leaves(desk):
    desk.locator(f"{PANEL} .close").click()
    canvas = desk.locator("#noise-scrubber canvas[data-view=x_t]")
    before = canvas.bounding_box()["width"]
    desk.locator("#noise-scrubber .level").focus()
    desk.keyboard.press("p")
    expect(desk.locator("body.lab-projector")).to_have_count(1)
    assert canvas.bounding_box()["width"] > 1.15 * before
    expect(desk.locator("#noise-schedule")).to_be_hidden()
    assert "projector=1" in desk.url
    assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth")
    desk.keyboard.press("Escape")
    expect(desk.locator("body.lab-projector")).to_have_count(0)
    assert "projector" not in desk.url
    desk.locator("#noise-scrubber input.t").focus()
    desk.keyboard.press("p")  # a field has the focus
    expect(desk.locator("body.lab-projector")).to_have_count(0)


def test_no_barrier_with_the_panel_open(desk):
    for name in ("list", "lesson", "Make a worksheet", "Handout"):
        if name == "lesson":
            desk.locator(f"{PANEL} li button").nth(1).click()
        elif name == "list":
            if not desk.locator(PANEL).is_visible():
                desk.locator("#lessons .open").click()
            if desk.locator(f"{PANEL} .all").count():
                desk.locator(f"{PANEL} .all").click()
        else:
            tool(desk, name)
        no_barrier(desk, PANEL)
