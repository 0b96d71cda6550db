"""The museum in a browser: a link opens a piece, what one sees finds others, each is made while one watches."""

from playwright.sync_api import expect

from playground.runs.museum import PIECES


def test_pieces_are_found_made_and_measured(page, app_url):
    page.goto(f"{app_url}/?tab=museum&museum=timestep")
    player, about = page.locator("#museum-player .player"), page.locator("#museum-about")
    seen = page.locator("#museum-seen")
    expect(seen).to_contain_text("t one step ahead")
    expect(player).to_have_attribute("data-state", "done")
    expect(player.locator(".caption b")).to_have_text(["as it should be, seed 1", "with the fault, seed 1"])
    expect(about.locator("em")).to_contain_text("Grain in the corners: 0.0")
    page.get_by_label("What one sees").click()
    page.get_by_role("option", name="Dim", exact=True).click()
    pieces = page.locator("#museum-museum input")
    expect(pieces).to_have_count(sum("dim" in piece.symptoms for piece in PIECES.values()))
    expect(seen).to_contain_text("Sampled on another schedule")  # the first of them
    expect(about.locator("em")).to_contain_text("Contrast")
    page.wait_for_function("new URLSearchParams(location.search).get('museum') === 'schedule'")
    page.locator("#museum-other").click()
    expect(player.locator(".caption b").first).to_have_text("as it should be, seed 2")
    expect(player).to_have_attribute("data-state", "done")
