"""One state, one link: in a real browser, on a small page with the real controls and the real bar."""

from urllib.parse import parse_qs, urlsplit

import gradio as gr
import pytest
from playwright.sync_api import expect

from playground.page.controls import Page, control
from playground.page.translations import TRANSLATIONS, _, i18n
from playground.page.widgets import head, served
from playground.page.widgets.link import link
from tests.conftest import launched, type_until

DOTTED = "A sentence. With dots: and more."


@pytest.fixture(scope="module")
def url():
    tabs = {}
    with Page(), gr.Blocks() as demo:
        with gr.Tabs():
            with gr.Tab(_("Noise"), id="noise") as tabs["noise"]:
                for name in ("seed", "schedule", "t"):
                    control(name, "noise")
                gr.HTML("<button data-setting='picture' id='part'>A part of a widget</button>")
            with gr.Tab(_("Generate"), id="generate") as tabs["generate"]:
                for name in ("seed", "prompt", "sampler", "steps", "schedule", "zero_terminal_snr"):
                    control(name, "generate")
                control("schedules", "generate", as_=gr.CheckboxGroup)
            with gr.Tab(_("Denoise"), id="denoise") as tabs["denoise"]:
                seed = control("seed", "denoise")
                gr.Button(_(DOTTED), elem_id="new").click(lambda: 4242, None, seed, api_visibility="private")
        link(demo, tabs)
    with launched(demo, head=head(), i18n=i18n(), app_kwargs={"routes": [served.ROUTE]}) as url:
        yield url


def opened(page, url, query=""):
    page.goto(f"{url}{query}")
    expect(page.locator("#link .copy")).to_be_visible()
    page.wait_for_function("lab('lib/settings.js').then(settings => settings.state.ask !== null)")
    return page


def address(page):
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def has_query(page, **wanted):
    page.wait_for_function(
        "wanted => { const q = new URLSearchParams(location.search);"
        " return Object.entries(wanted).every(([k, v]) => q.get(k) === v); }",
        arg={name: str(value) for name, value in wanted.items()},
    )


def test_what_a_person_sets_is_in_the_address_and_in_every_tab(page, url):
    opened(page, url)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.fill("#noise-seed input", "12")
    has_query(page, seed=12)
    slider = page.locator("#noise-t input[type=range]")
    slider.focus()
    for _k in range(3):
        page.keyboard.press("ArrowRight")  # keyboard moves count as mouse moves do
    has_query(page, t=403)
    assert not asked  # all of it without the server
    tab(page, "Denoise")  # not on the page until now
    expect(page.locator("#denoise-seed input")).to_have_value("12")
    has_query(page, tab="denoise", seed=12, t=403)
    page.click("#new")  # a server function sets the seed
    has_query(page, seed=4242)
    tab(page, "Noise")
    expect(page.locator("#noise-seed input")).to_have_value("4242")


def test_typing_fast_loses_nothing(page, url):
    opened(page, url, "?tab=generate")
    page.locator("#generate-prompt textarea, #generate-prompt input").first.fill("")
    page.locator("#generate-prompt textarea, #generate-prompt input").first.press_sequentially(
        "red cat with a hat", delay=5
    )
    has_query(page, prompt="red cat with a hat")
    page.locator("#generate-seed input").fill("")
    page.locator("#generate-seed input").press_sequentially("1234567", delay=5)
    has_query(page, seed=1234567)
    expect(page.locator("#generate-seed input")).to_have_value("1234567")
    tab(page, "Noise")
    expect(page.locator("#noise-seed input")).to_have_value("1234567")


def test_a_link_sets_the_page_and_says_what_fell_back(page, url):
    query = "?tab=generate&seed=11&steps=99999&schedules=linear,sigmoid&zero_terminal_snr=true&t=600&schedule=linear"
    opened(page, url, query)
    expect(page.get_by_role("tab", name="Generate", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#generate-seed input")).to_have_value("11")
    expect(page.locator("#generate-zero_terminal_snr input")).to_be_checked()
    assert page.locator("#generate-schedules input:checked").count() == 2
    said = page.locator("#link .said")
    expect(said).to_contain_text("Steps must be a whole number between 1 and 1000; you gave 99999.")
    expect(page.locator("#generate-steps input[type=number]")).to_have_value("20")
    assert page.evaluate("lab('lib/settings.js').then(s => s.get('t'))") == 600
    assert page.evaluate("lab('lib/clock.js').then(clock => clock.t)") == 600
    tab(page, "Noise")
    expect(page.locator("#noise-seed input")).to_have_value("11")
    expect(page.locator("#noise-t input[type=number]")).to_have_value("600")
    has_query(page, tab="noise", seed=11, t=600, schedules="linear,sigmoid", schedule="linear")
    assert "steps" not in address(page) and "%2C" not in page.url


def test_hostile_links_do_nothing_but_say_so(page, url):
    evil = "<img src=x onerror=window.hit=1>${window.hit=1}"
    opened(page, url, f"?seed={evil}&style={evil}&hide={evil}&tab=javascript:alert(1)&__proto__=1&prompt={'x' * 3000}")
    expect(page.locator("#link .said")).to_contain_text("Seed must be")
    assert page.evaluate("window.hit") is None
    expect(page.locator("#noise-seed input")).to_have_value("7")


def test_a_worksheet_hides_and_locks_until_revealed(page, url):
    opened(page, url, "?tab=generate&hide=sampler,picture,denoise&lock=prompt,seed")
    expect(page.locator("#generate-prompt textarea, #generate-prompt input").first).to_be_disabled()
    expect(page.locator("#generate-sampler")).to_be_hidden()
    expect(page.locator("#generate-steps")).to_be_visible()
    expect(page.get_by_role("tab", name="Denoise", exact=True)).to_be_hidden()
    tab(page, "Noise")
    expect(page.locator("#noise-seed input")).to_be_disabled()
    expect(page.locator("#part")).to_be_hidden()
    page.click("#link .reveal")
    expect(page.locator("#noise-seed input")).to_be_enabled()
    expect(page.locator("#part")).to_be_visible()
    expect(page.get_by_role("tab", name="Denoise", exact=True)).to_be_visible()
    expect(page.locator("#link .reveal")).to_be_hidden()
    assert "hide" not in address(page) and "lock" not in address(page)
    opened(page, url, "?tab=generate&hide=sampler&lock=prompt&reveal")
    expect(page.locator("#generate-sampler")).to_be_visible()
    expect(page.locator("#generate-prompt textarea, #generate-prompt input").first).to_be_enabled()


def test_what_is_locked_no_button_changes(page, url):
    """A press on a button puts out a new seed; the link's stays, in its own tab and in the others."""
    opened(page, url, "?tab=denoise&lock=seed&seed=5")
    expect(page.locator("#denoise-seed input")).to_have_value("5")
    expect(page.locator("#denoise-seed .lab-lock")).to_contain_text("locked")
    page.click("#new")
    page.wait_for_function("document.querySelector('#denoise-seed input').value === '5'")
    tab(page, "Noise")
    expect(page.locator("#noise-seed input")).to_have_value("5")
    expect(page.locator("#noise-seed .lab-lock")).to_be_visible()
    has_query(page, seed=5)
    page.click("#link .reveal")
    expect(page.locator("#noise-seed .lab-lock")).to_have_count(0)


def test_back_goes_through_the_tabs_and_leaves_the_settings(page, url):
    opened(page, url, "?tab=noise&seed=3")
    has_query(page, tab="noise")
    for name in ("Generate", "Denoise"):
        tab(page, name)
        has_query(page, tab=name.lower())
    type_until(page.locator("#denoise-seed input"), "9", lambda: "seed=9" in page.url)
    for name in ("generate", "noise"):
        page.go_back()
        expect(page.locator(f'[role="tab"][data-tab-id="{name}"]')).to_have_attribute("aria-selected", "true")
        has_query(page, tab=name, seed=9)
    page.go_forward()
    expect(page.locator('[role="tab"][data-tab-id="generate"]')).to_have_attribute("aria-selected", "true")
    expect(page.locator("#generate-seed input")).to_have_value("9")


def test_a_number_that_cannot_be_does_not_reach_the_other_tabs(page, url):
    opened(page, url, "?tab=noise")
    has_query(page, tab="noise")
    page.fill("#noise-seed input", "1.5")
    page.press("#noise-seed input", "Tab")
    tab(page, "Generate")
    expect(page.locator("#generate-seed input")).to_have_value("7")
    assert "1.5" not in page.url


def test_many_windows_are_warned_before_they_wait_for_each_other(page, url, context):
    """A browser has six connections for one address, and each window keeps one."""
    opened(page, url)
    for _window in range(3):
        opened(context.new_page(), url)
    expect(page.locator("#link .said")).to_be_empty()
    last = opened(context.new_page(), url)
    for window in (page, last):
        expect(window.locator("#link .said")).to_contain_text("open in 5 windows")


def test_the_page_says_the_language_that_it_is_in(browser, url):
    for locale, said in (("de-DE", "en"), ("zh-TW", "zh-TW")):
        context = browser.new_context(locale=locale)
        page = context.new_page()
        opened(page, url)
        page.wait_for_function("said => document.documentElement.lang === said", arg=said)
        context.close()


def test_a_hidden_tab_is_not_in_the_menu_of_a_narrow_page_either(page, url):
    page.set_viewport_size({"width": 260, "height": 700})
    opened(page, url, "?hide=denoise")
    menu, entries = page.locator(".overflow-menu > button").first, page.locator(".overflow-dropdown button")
    menu.click()
    expect(entries.filter(has_text="Generate")).to_be_visible()
    expect(entries.filter(has_text="Denoise")).to_be_hidden()
    page.locator("#link .reveal").click()
    menu.click()
    expect(entries.filter(has_text="Denoise")).to_be_visible()


def test_locked_parts_of_widgets_cannot_be_reached(page, url):
    opened(page, url, "?lock=picture")
    page.wait_for_function("document.querySelector('#part').inert")
    page.click("#link .reveal")
    page.wait_for_function("!document.querySelector('#part').inert")


def test_copy_link_and_reset(page, url, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, url, "?tab=generate&seed=11")
    page.locator("#generate-steps input[type=number]").fill("33")
    page.locator("#generate-steps input[type=number]").press("Tab")
    has_query(page, steps=33)
    page.click("#link .copy")
    expect(page.locator("#link .said")).to_have_text("The link is copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(url) and "tab=generate&seed=11&steps=33" in copied
    page.click("#link .reset")
    expect(page.locator("#generate-steps input[type=number]")).to_have_value("20")
    expect(page.locator("#generate-seed input")).to_have_value("7")
    page.wait_for_function("location.search === '?tab=generate'")
    opened(page, copied)
    expect(page.locator("#generate-steps input[type=number]")).to_have_value("33")


def test_where_the_clipboard_is_forbidden_the_link_can_be_copied_by_hand(page, url):
    opened(page, url, "?seed=5")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.click("#link .copy")
    expect(page.locator("#link .address")).to_be_focused()
    assert "seed=5" in page.input_value("#link .address")


def test_the_keys_are_listed_but_not_while_typing(page, url):
    opened(page, url, "?tab=generate")
    page.locator("#generate-prompt textarea, #generate-prompt input").first.focus()
    page.keyboard.type("who?")
    expect(page.locator("#link dialog")).to_be_hidden()
    page.locator("#link .reset").focus()
    page.keyboard.press("?")
    expect(page.locator("#link dialog")).to_be_visible()
    expect(page.locator("#link dialog dd").first).to_have_text("To the next control; with Shift, to the one before")
    page.keyboard.press("Escape")
    expect(page.locator("#link dialog")).to_be_hidden()


def test_widgets_set_and_follow(page, url):
    """What a widget tells with lab:t or lab:set reaches the address and the controls, and the other way round."""
    opened(page, url)
    page.evaluate("lab('lib/clock.js').then(clock => clock.tell(123, 'some-widget'))")
    has_query(page, t=123)
    expect(page.locator("#noise-t input[type=number]")).to_have_value("123")
    page.evaluate("window.dispatchEvent(new CustomEvent('lab:set', {detail: {name: 'schedule', value: 'linear'}}))")
    has_query(page, schedule="linear")
    page.wait_for_function("document.querySelector('#noise-schedule input').value.toLowerCase().includes('linear')")
    page.evaluate(
        "window.heard = []; window.addEventListener('lab:set', e => window.heard.push(e.detail.name + e.detail.value))"
    )
    page.fill("#noise-seed input", "55")
    page.wait_for_function("window.heard.includes('seed55')")


def test_the_page_speaks_chinese_with_dots_and_all(browser, url):
    context = browser.new_context(locale="zh-TW")
    page = context.new_page()
    opened(page, url, "?steps=99999")
    words = TRANSLATIONS["zh-TW"]
    expect(page.locator("#noise-seed")).to_contain_text(words["Seed"])
    expect(page.locator("#link .copy")).to_have_text(words["Copy link"])
    expect(page.locator("#link .said")).to_contain_text(words["The link asks for it; the default is used."])
    page.get_by_role("tab", name=words["Denoise"], exact=True).click()
    expect(page.locator("#new")).to_have_text(words.get(DOTTED, DOTTED))
    context.close()
