"""The Latent tab in a browser: each part answers its own hand, and a model of pixels says that it has none."""

from playwright.sync_api import expect

STAGE = "#latent-stage .latent"


def test_a_picture_goes_in_and_comes_back_and_its_latent_is_turned(page, app_url):
    page.goto(f"{app_url}/?tab=latent&checkpoint=avatars-64")
    expect(page.locator(f"{STAGE} .drawn[data-shown]")).to_be_visible()
    there = page.locator(f"{STAGE} .there")
    expect(there).to_contain_text("64 · 64 · 3 = 12 288 numbers")
    expect(there).to_contain_text("32 · 32 · 3 = 3 072 numbers, 4 times fewer")
    expect(there).to_contain_text("dB")
    expect(page.locator(f"{STAGE} .strip canvas")).to_have_count(7)
    expect(page.locator(f"{STAGE} .drawn [data-name=plain]")).to_contain_text("Fréchet distance 0.42")
    page.locator(f"{STAGE} [data-explain=frechet]").focus()
    expect(page.locator("#explained-frechet")).to_contain_text("two sets of pictures")
    look = f"{STAGE} .bent [data-name=decoded] canvas"
    before = page.locator(look).evaluate("canvas => canvas.toDataURL()")
    page.get_by_role("slider", name="changed by").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"before => document.querySelector('{look}').toDataURL() !== before", arg=before)
    page.get_by_role("slider", name="Noise").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"{STAGE} .noised")).to_contain_text("t = 410")
    shown = there.get_attribute("data-shown")
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="emoji-64-latent").click()
    expect(there).not_to_have_attribute("data-shown", shown)
    expect(there).to_contain_text("16 · 16 · 3 = 768 numbers, 16 times fewer")
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="emoji-32").click()
    expect(page.locator(f"{STAGE} .told")).to_contain_text("works on pixels")
