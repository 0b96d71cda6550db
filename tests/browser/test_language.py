"""The language that is chosen in the page: its words, the server's sentences, <html lang>, the link, and next time."""

from playwright.sync_api import expect

from playground.page.translations import TRANSLATIONS

WORDS = TRANSLATIONS["zh-TW"]


def test_a_link_and_the_switch_choose_the_language(page, app_url):
    page.goto(f"{app_url}/?lang=zh-TW&tab=noise&seed=21&steps=99999")  # in a browser that asks for English
    chosen = page.locator("#language select")
    expect(chosen).to_have_value("zh-TW", timeout=60_000)
    assert page.evaluate("document.documentElement.lang") == "zh-TW"
    expect(page.get_by_role("tab", selected=True).first).to_have_text(WORDS["Add noise"])
    said = WORDS["The link asks for it; the default is used."]  # by the server
    expect(page.locator("#link .said")).to_contain_text(said)
    expect(page.locator("#page-title h1")).to_have_text(WORDS["Diffusion playground"])
    assert page.locator("#language option").all_inner_texts() == ["English", WORDS["English"]]

    chosen.select_option("en")
    expect(page.locator("#page-title h1")).to_have_text("Diffusion playground")
    expect(page.get_by_role("tab", selected=True).first).to_have_text("Add noise")
    assert "lang=en" in page.url and "seed=21" in page.url  # as it was set
    assert page.evaluate("document.documentElement.lang") == "en"
    chosen.select_option("zh-TW")
    expect(page.locator("#page-title h1")).to_have_text(WORDS["Diffusion playground"])
    page.goto(f"{app_url}/?tab=noise")
    expect(page.locator("#page-title h1")).to_have_text(WORDS["Diffusion playground"])  # remembered
