"""Terms are explained where they stand, to pointer, keyboard and finger; a change is told; the first minute."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from playground.lessons.glossary import GLOSSARY
from tests.browser.barriers import GRADIOS, NAMED

BUBBLE = "#glossary .bubble"


def test_a_term_is_explained_to_pointer_keyboard_and_finger(page, app_url):
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{app_url}/?tab=noise&t=200")
    bubble = page.locator(BUBBLE)
    term = page.locator("#noise-scrubber .term[data-term=signal]")
    expect(page.locator("#noise-scrubber .snr")).not_to_be_empty()
    page.wait_for_function("document.body.classList.contains('lab-explained')")
    term.hover()
    expect(bubble).to_be_visible()
    expect(bubble).to_contain_text(GLOSSARY["signal_rate"]["plain"])
    expect(bubble).to_contain_text("playground/schedules/axis · Level.signal_rate")
    bubble.hover()  # it stays while it is read
    page.keyboard.press("Escape")
    expect(bubble).to_be_hidden()

    label = page.locator("#noise-schedule [data-testid=block-info]")
    label.hover()
    expect(bubble).to_contain_text(GLOSSARY["schedule"]["plain"])
    page.mouse.move(5, 5)
    expect(bubble).to_be_hidden()

    page.locator("#noise-more button").first.focus()
    page.locator("#noise-schedule input").focus()  # by script: what a screen reader says is there without the bubble
    described = page.locator("#noise-schedule input").get_attribute("aria-describedby").split()[-1]
    assert page.locator(f"#{described}").text_content() == GLOSSARY["schedule"]["plain"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(bubble).to_have_attribute("data-term", "schedule")
    expect(bubble).to_be_visible()

    page.keyboard.press("Escape")
    kind = "{bubbles: true, cancelable: true, pointerType: 'touch'}"
    touch = f"node => node.dispatchEvent(new PointerEvent('click', {kind}))"
    page.locator("#noise-scrubber dt[data-explain=log_snr]").evaluate(touch)
    expect(bubble).to_contain_text("10 log10 SNR")
    page.locator("#noise-scrubber dt[data-explain=log_snr]").evaluate(touch)
    expect(bubble).to_be_hidden()

    slider = page.locator("#noise-scrubber .level")
    slider.fill("400")
    expect(page.locator("#glossary .changed")).to_have_text("t 200 → 400: of the picture 90 % → 65 % is left.")

    page.locator("#glossary .open").click()
    dialog = page.locator("#glossary dialog")
    expect(dialog.locator("dl > div")).to_have_count(len(GLOSSARY))
    assert Axe().run(page, options=GRADIOS).violations_count == 0
    dialog.locator(".search").fill("salimans guid")
    expect(dialog.locator("dl > div[data-term=guidance_scale]")).to_be_visible()
    expect(dialog.locator("dl > div[data-term=seed]")).to_have_count(0)
    dialog.locator(".spoken").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#glossary .open")).to_be_focused()
    assert not page.evaluate("document.body.classList.contains('lab-explained')")


def test_the_first_minute_leads_from_noise_to_a_picture(page, app_url):
    page.emulate_media(reduced_motion="reduce")
    page.goto(app_url)
    card = page.locator("#welcome .welcome")
    expect(card).to_be_visible()
    expect(card).to_have_attribute("data-playing", "false")  # nothing moves for who asks for less motion
    expect(card).to_have_attribute("data-step", "0")
    slider = page.locator("#noise-scrubber .level")
    expect(slider).to_be_in_viewport(ratio=1)  # what is to be dragged is on the same screen
    page.wait_for_function(NAMED)
    found = Axe().run(page, options=GRADIOS)
    assert found.violations_count == 0, found.generate_report()
    card.locator(".film").click()
    expect(card).to_have_attribute("data-playing", "true")
    shown = "node => [...node.getContext('2d').getImageData(0, 0, 32, 32).data].join()"
    before = card.locator("canvas").evaluate(shown)
    page.wait_for_function(f"(before) => ({shown})(document.querySelector('#welcome canvas')) !== before", arg=before)
    slider.focus()
    page.keyboard.press("End")
    expect(card).to_have_attribute("data-step", "1")
    card.locator(".go").click()
    expect(page.get_by_role("tab", selected=True).first).to_have_text("Denoise")
    expect(page.locator("#denoise-player .player")).to_have_attribute("data-state", "done")
    expect(card.locator(".go")).to_have_text("Do it for me")
    card.locator(".go").click()
    expect(card).to_have_attribute("data-step", "2")
    page.reload()
    expect(card).to_have_attribute("data-step", "2")  # it goes on
    card.locator(".close").click()
    expect(card).to_be_hidden()
    page.goto(app_url)
    expect(page.locator("#noise-scrubber .snr")).not_to_be_empty()
    expect(page.locator("#glossary .open")).to_have_text("Glossary")
    expect(card).to_be_hidden()
    page.locator("#glossary .open").click()
    page.locator("#glossary .again").click()
    expect(card).to_be_visible()
