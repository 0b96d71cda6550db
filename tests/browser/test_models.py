"""The page follows its model: what it can be asked for, its card, and the list of models while a training goes on."""

import json
import re
import shutil

import pytest
import torch
from playwright.sync_api import expect

from playground import checkpoints
from playground.runs.settings import with_defaults
from playground.training.showing import strip
from tests.conftest import launched, until
from tests.models.test_diffusers import saved

VOCABULARY = {
    "kinds": {"face": ["blue face", "red face"], "extras": ["circle", "square", "red circle"]},
    "exclusive": [["blue face", "red face"]],
    "styles": {"even": ["blue face", "red face", "circle"], "odd": ["circle", "square", "red circle"]},
    "examples": ["red face", "blue circle"],
}

CARD = """---
license: mit
---
# tiny

Trained on **12 squares**.

<script>alert(1)</script>
![sheet](samples.png) <img src="https://example.org/a.png">

| log-SNR | -2 | 0 |
|---|---|---|
| error | 0.0769 | 0.0336 |

## Limits

It can't draw.
"""


@pytest.fixture(scope="module")
def models(tiny_checkpoint, tmp_path_factory):
    """A folder of checkpoints: one that takes prompts, and one of the diffusers library that takes none."""
    pytest.importorskip("diffusers")
    folder = tmp_path_factory.mktemp("models")
    (shutil.copytree(tiny_checkpoint, folder / "spoken") / "README.md").write_text(CARD)
    told = shutil.copytree(tiny_checkpoint, folder / "told")
    (told / "vocabulary.json").write_text(json.dumps(VOCABULARY))
    config = json.loads((told / "config.json").read_text())
    (told / "config.json").write_text(json.dumps(config | {"styles": ["even", "odd"]}))  # none of the other model's
    (told / "styles.webp").write_bytes(strip(torch.linspace(-1, 1, 2).view(2, 1, 1, 1).expand(2, 3, 8, 8), 64))
    saved(folder / "wordless")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "FOLDER", folder)
        patch.setattr(checkpoints, "_offered", {})
        yield folder


@pytest.fixture(scope="module")
def url(models):
    import app

    with launched(app.build(with_defaults(checkpoint="spoken")), **app.LAUNCH) as url:
        yield url


def opened(page, url, query="tab=generate&count=1&steps=4"):
    page.goto(f"{url}/?{query}")
    page.get_by_role("tab", selected=True).first.wait_for()
    if "tab=generate" in query:  # the link has been read, and the first tab is gone
        expect(page.locator("#generate-player")).to_be_visible()
    return page


@pytest.fixture(scope="module")
def standing(one_page, url):
    """A page on the first model, for all tests that come back to it."""
    return opened(one_page, url)


def unfold(page, title):
    button = page.locator("button:visible", has_text=title).first
    if "open" not in (button.get_attribute("class") or "").split():
        button.click()


def choose(page, tab, name):
    box = page.locator(f"#{tab}-checkpoint input")
    box.click()
    page.get_by_role("option", name=name, exact=True).click()


SPOKEN = ("#generate-prompt", "#generate-style", "#generate-guidance_scale", "#generate-pair")


def test_its_card_stands_in_the_page(standing):
    page = standing
    unfold(page, "About this model")
    card = page.locator("#generate-about")
    expect(card).to_contain_text("Trained on 12 squares.")
    expect(card.get_by_role("cell", name="0.0336")).to_be_visible()
    expect(card.get_by_role("heading", name="Limits", level=4)).to_be_visible()
    assert card.locator("img, script").count() == 0 and "license" not in card.inner_text()


def test_a_model_without_words_has_no_prompt(standing):
    page = standing
    for part in SPOKEN:
        expect(page.locator(part)).to_be_visible()
    unfold(page, "About this model")
    unfold(page, "More")
    choose(page, "generate", "wordless")
    for part in SPOKEN:
        expect(page.locator(part)).to_be_hidden()
    expect(page.locator("#generate-about")).to_contain_text("This model came without a card.")
    expect(page.locator("#generate-schedule input")).to_have_value("Linear")
    expect(page.locator("#generate-cost")).to_contain_text("4 evaluations a picture.")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("#generate-player")).to_contain_text("4 / 4")
    choose(page, "generate", "spoken")
    for part in SPOKEN:
        expect(page.locator(part)).to_be_visible()
    expect(page.locator("#generate-schedule input")).to_have_value("Cosine")
    expect(page.locator("#generate-cost")).to_contain_text("8 evaluations a picture")


@pytest.mark.parametrize("tab", ["denoise", "duel"])
def test_a_link_to_such_a_model(page, url, tab):
    opened(page, url, f"tab={tab}&checkpoint=wordless&seed=3")
    expect(page.locator(f"#{tab}-seed")).to_be_visible()
    for part in (f"#{tab}-prompt", f"#{tab}-style", f"#{tab}-guidance_scale", f"#{tab}-guidance-1", f"#{tab}-steered"):
        expect(page.locator(part)).to_be_hidden()


def test_a_model_that_a_training_has_written_meanwhile_is_there_after_a_reload(page, url, models):
    opened(page, url)
    shutil.copytree(models / "spoken", models / "later", dirs_exist_ok=True)
    opened(page, url, "tab=generate&count=1&steps=4&checkpoint=later")
    unfold(page, "More")
    expect(page.locator("#generate-checkpoint input")).to_have_value("later")
    choose(page, "generate", "wordless")
    expect(page.locator("#generate-prompt")).to_be_hidden()
    choose(page, "generate", "later")
    for part in SPOKEN:
        expect(page.locator(part)).to_be_visible()
    expect(page.locator("#generate-schedule input")).to_have_value("Cosine")
    page.get_by_role("button", name="Generate", exact=True).press("Enter")  # wherever it has moved to by now
    expect(page.locator("#generate-player")).to_contain_text("4 / 4")
    shutil.rmtree(models / "later")


def test_a_prompt_is_completed_by_keyboard(standing):
    page = standing
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("")
    prompt.press_sequentially("red c")
    expect(prompt).to_have_attribute("aria-expanded", "true")
    options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options).to_have_text(["cat", "circle"])
    prompt.press("ArrowDown")
    prompt.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(prompt).to_have_attribute("aria-activedescendant", options.nth(1).get_attribute("id"))
    prompt.press("Enter")
    expect(prompt).to_have_value("red circle ")
    expect(prompt).to_have_attribute("aria-expanded", "false")
    expect(prompt).to_be_focused()
    prompt.press_sequentially("c")
    prompt.press("Escape")
    expect(options).to_have_count(0)
    prompt.press_sequentially("omet")
    expect(page.locator("#generate-words")).to_contain_text("Not among the model’s words: comet")


def test_words_by_kind_are_pressed_into_the_prompt(page, url):
    opened(page, url, "tab=generate&count=1&steps=4&checkpoint=told&prompt=&style=")
    words, prompt = page.locator("#generate-words"), page.locator("#generate-prompt :is(input, textarea)")
    expect(words).to_contain_text("Nothing is asked for: the model draws without any condition.")
    face = words.locator(".kinds").get_by_role("button", name="Face")
    face.press("Enter")
    expect(face).to_be_focused()  # the list is made anew, and a keyboard stays where it was
    expect(face).to_have_attribute("aria-expanded", "true")
    words.get_by_role("button", name="red face", exact=True).last.click()
    expect(prompt).to_have_value("red face")
    red = words.locator(".bank").get_by_role("button", name="red face")
    expect(red).to_have_attribute("aria-pressed", "true")
    words.locator(".bank").get_by_role("button", name="blue face").click()
    expect(prompt).to_have_value("blue face")  # one excludes the other
    words.get_by_role("button", name="Extras").click()
    words.get_by_role("button", name="square").click()
    expect(prompt).to_have_value("blue face square")
    prompt.fill("red face blue face")
    expect(words).to_contain_text("“blue face” and “red face” exclude one another")
    prompt.fill("blue circle red face")
    expect(words).not_to_contain_text("exclude one another")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.locator("#generate-player")).to_contain_text("4 / 4")
    choose_model = "tab=generate&count=1&steps=4&checkpoint=spoken&prompt=cat"
    opened(page, url, choose_model)
    expect(page.locator("#generate-words .kinds")).to_be_empty()  # a model that says nothing of its words


def test_styles_are_pictures_and_can_be_chosen_by_keyboard(page, url):
    opened(page, url, "tab=generate&count=1&steps=4&checkpoint=told&prompt=circle&style=even")
    styles = page.locator("#generate-style label")
    expect(styles).to_have_count(3)
    picture = "label => getComputedStyle(label, '::before').backgroundImage.includes('data:image/webp')"
    assert until(lambda: styles.nth(0).evaluate(picture))  # it comes with the model, after the names
    place = "label => getComputedStyle(label, '::before').backgroundPositionX"
    assert [styles.nth(k).evaluate(place) for k in (0, 1)] == ["0%", "100%"]
    shown = "label => getComputedStyle(label, '::before').content"
    assert [styles.nth(k).evaluate(shown) for k in (1, 2)] == ['""', "none"]  # "no style" has no picture
    words = page.locator("#generate-words")
    words.get_by_role("button", name="Extras").click()
    square = words.get_by_role("button", name="square")
    expect(square).to_have_class("lacking")
    page.locator("#generate-style input").nth(1).press("Space")  # each has a name of its own: no arrows, Tab and Space
    expect(page.locator("#generate-style input").nth(1)).to_be_checked()
    expect(square).not_to_have_class("lacking")
    expect(page).to_have_url(re.compile("style=odd"))
