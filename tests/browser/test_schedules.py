"""The curves in a real browser: t moves them without the server, strips are the server's, a curve is drawn by hand."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import gradio as gr
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from playground.checkpoints import load
from playground.engine import Engine
from playground.page.controls import Page
from playground.page.tabs import objective, schedules
from playground.page.theme import CSS, THEME
from playground.page.widgets import head, served
from playground.page.widgets.link import link
from playground.runs.figures import SCHEDULE_STYLES
from playground.runs.forward import FIRST, chosen_picture, strip
from playground.runs.settings import DEFAULTS
from playground.runs.wire import STRIP_SIZE
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES
from tests.conftest import WAIT, launched, type_until

CURVES = "#schedules-curves .curves"


@pytest.fixture(scope="module")
def url(tiny_checkpoint):
    engine = Engine(load(tiny_checkpoint), "cpu")
    tabs = {}
    with Page(opened=lambda *_: engine) as page, gr.Blocks() as demo:
        with gr.Tabs():
            for name, tab in (("schedules", schedules), ("objective", objective)):
                with gr.Tab(tab.TITLE, id=name) as tabs[name]:
                    tab.build(page)
        link(demo, tabs)
    routes = {"routes": [served.ROUTE]}
    with launched(demo, head=head(), app_kwargs=routes, theme=THEME, css_paths=CSS) as address:
        yield address
    engine.close()


@pytest.fixture(scope="module")
def opened(browser, url):
    """One page for all: opening one is what takes the time."""
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.set_default_timeout(WAIT)
    page.wrong, page.asked = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.goto(f"{url}?tab=schedules&schedules=linear,cosine&t=400&__theme=light")
    page.wait_for_selector(f"{CURVES}[data-drawn=alpha_bar]")
    page.wait_for_function("document.querySelectorAll('#schedules-curves .row').length === 2")
    yield page
    page.close()


@pytest.fixture
def lab(opened):
    opened.asked.clear()
    yield opened
    assert not opened.wrong
    assert all(address.startswith(("http://127.0.0.1", "data:", "blob:")) for address in opened.asked)


def frames(page, count: int = 3) -> None:
    """Wait until the page has painted."""
    page.evaluate(
        """count => new Promise(done => {
        const next = k => (k ? requestAnimationFrame(() => next(k - 1)) : done()); next(count); })""",
        count,
    )


def tell(page, t: int) -> None:
    """Another widget moves the page's clock."""
    page.evaluate("t => lab('lib/clock.js').then(clock => clock.tell(t, 'somebody'))", t)


def slider(page):
    return page.locator(f"{CURVES} input[type=range]")


def plot(page) -> dict:
    """Where the plot's axes are on the screen."""
    return page.evaluate(
        """() => { const box = document.querySelector('#schedules-curves .over').getBoundingClientRect();
        const style = document.querySelector('#schedules-curves .curves').style;
        const [left, width] = ['--left', '--wide'].map(name => parseFloat(style.getPropertyValue(name)));
        return {x: box.x + left, width, top: box.y + 14, bottom: box.y + box.height - 38}; }"""
    )


def drawn_line(page, name: str) -> list[float]:
    """The values of a line as it is drawn, on an axis from 0 to 1."""
    path = page.locator(f"{CURVES} .plot .line[data-name={name}]").get_attribute("d")
    at = plot(page)
    return [1 - (float(y) - 14) / (at["bottom"] - at["top"]) for y in re.findall(r" ([\d.]+)", path)]


def test_t_moves_everything_and_asks_nobody(lab):
    lab.evaluate("window.heard = []; window.addEventListener('lab:t', e => heard.push(e.detail.t))")
    numbers = lab.locator(f"{CURVES} .row .now")
    before = numbers.all_inner_texts()
    at = plot(lab)
    lab.mouse.move(at["x"] + 0.4 * at["width"], (at["top"] + at["bottom"]) / 2)
    lab.mouse.down()
    for k in range(41, 76):
        lab.mouse.move(at["x"] + k / 100 * at["width"], (at["top"] + at["bottom"]) / 2)
    lab.mouse.up()
    lab.wait_for_function("heard.at(-1) === 750")
    assert slider(lab).input_value() == "750"
    assert numbers.all_inner_texts() != before
    cursor = lab.locator(f"{CURVES} .over .cursor")
    assert float(cursor.get_attribute("x1")) + lab.locator(f"{CURVES} .over").bounding_box()["x"] == pytest.approx(
        at["x"] + 0.75 * at["width"], abs=1
    )
    # and the other way: whoever moves t moves the curves
    tell(lab, 120)
    lab.wait_for_function("document.querySelector('#schedules-curves input[type=range]').value === '120'")
    assert lab.locator(f"{CURVES} .clock output").inner_text() == "t = 120"
    slider(lab).focus()
    for _ in range(3):
        lab.keyboard.press("ArrowRight")
    lab.wait_for_function("heard.at(-1) === 123")
    share = 100 * SCHEDULES["cosine"].make().level(123).alpha_bar
    assert f"{share:.0f} %" in numbers.nth(1).inner_text()
    assert not [address for address in lab.asked if "queue" in address]


def test_strips_are_the_servers_to_a_grey_level(lab):
    x0 = chosen_picture(None, FIRST, STRIP_SIZE)
    for row, name in enumerate(("linear", "cosine")):
        got = lab.evaluate(
            """row => { const canvas = document.querySelectorAll('#schedules-curves .film canvas')[row];
            return Array.from(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data); }""",
            row,
        )
        got = np.array(got, np.int16).reshape(STRIP_SIZE, 10 * STRIP_SIZE, 4)[..., :3]
        eps = noise_of(DEFAULTS["seed"].default)(x0.shape)
        want = strip(x0, eps, SCHEDULES[name].make())[1].astype(np.int16)
        assert np.abs(got - want).max() <= 1


def test_views_and_theme_are_the_pages_own_business(lab):
    for view in ("signal_rate", "log_snr", "beta", "weight", "alpha_bar"):
        lab.click(f"{CURVES} button[data-view={view}]")
        lab.wait_for_selector(f"{CURVES}[data-drawn={view}]")
        lab.wait_for_function("view => new URLSearchParams(location.search).get('view') === view", arg=view)
    lines = "[...document.querySelectorAll('#schedules-curves .plot .line')]"
    colours = f"() => {lines}.map(line => line.getAttribute('stroke'))"
    styles = [SCHEDULE_STYLES[name] for name in ("linear", "cosine")]
    assert lab.evaluate(colours) == [style.light for style in styles]
    lab.evaluate("document.body.classList.add('dark')")
    dark = f'["{styles[0].dark}","{styles[1].dark}"]'
    lab.wait_for_function(f"want => JSON.stringify(({colours})()) === want", arg=dark)
    lab.evaluate("document.body.classList.remove('dark')")
    assert len(set(lab.evaluate(colours.replace("'stroke'", "'stroke-dasharray'")))) == 2
    assert lab.locator(f"{CURVES} .over text").all_text_contents() == ["Cosine", "Linear"]
    assert not [address for address in lab.asked if "queue" in address]


def test_a_schedule_is_drawn_by_hand_and_by_keyboard(lab):
    lab.get_by_label("Your own", exact=True).check()
    grip = lab.locator(f"{CURVES} .grip").nth(3)
    grip.wait_for()
    lab.wait_for_selector(f"{CURVES} .row[data-name=custom]")
    lab.wait_for_function("document.querySelectorAll('#schedules-curves .plot .line').length === 3")
    frames(lab)
    at, box = plot(lab), grip.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    assert x == pytest.approx(at["x"] + at["width"] / 2, abs=1)
    before = lab.locator(f"{CURVES} .row[data-name=custom] .now").inner_text()
    tell(lab, 500)
    lab.asked.clear()
    lab.mouse.move(x, y)
    lab.mouse.down()
    lab.mouse.move(x, at["bottom"] - 0.3 * (at["bottom"] - at["top"]), steps=8)
    frames(lab, 6)
    during = lab.locator(f"{CURVES} .row[data-name=custom] .now").inner_text()
    assert not [address for address in lab.asked if "queue" in address]
    lab.mouse.up()
    assert during != before
    drawn = "lab('lib/settings.js').then(settings => settings.get('points') || '')"
    lab.wait_for_function(f"{drawn}.then(points => points.endsWith(' 0.19 0.05 0.004'))")
    points = [float(point) for point in lab.evaluate(drawn).split()]
    assert points[4] == pytest.approx(0.3, abs=0.01)  # where the hand is
    assert points[5] == points[4] and points[:4] == [1, 0.95, 0.89, 0.83]  # the next one was taken along
    assert f"{points[4]:.3f}" in during  # and ᾱ at t = 500 is there
    grip.focus()
    moved = points[4]
    for key, by in (("PageUp", 0.1), ("ArrowDown", -0.01)):
        lab.keyboard.press(key)
        moved += by
        at_hand = "+document.querySelectorAll('#schedules-curves .grip')[3].getAttribute('aria-valuenow')"
        lab.wait_for_function(f"moved => Math.abs({at_hand} - moved) < 2e-3", arg=moved)
    written = "(new URLSearchParams(location.search).get('points') || '').split(' ').map(Number)[4]"
    lab.wait_for_function(f"moved => Math.abs({written} - moved) < 1e-3", arg=moved)
    shown = drawn_line(lab, "custom")
    assert min(abs(y - moved) for y in shown) < 2e-3
    assert all(b <= a + 1e-3 for a, b in zip(shown, shown[1:], strict=False))  # a tenth of a pixel is 3e-4


def test_no_step_is_lost_however_the_frames_fall(lab):
    stepped = lab.evaluate("""async () => {
        const slider = document.querySelector('#schedules-curves .clock input');
        const frame = () => new Promise(requestAnimationFrame);
        const from = Number(slider.value);
        for (let k = 0; k < 6; k++) {
            slider.stepUp();
            slider.dispatchEvent(new Event('input', {bubbles: true}));
            await frame();
        }
        for (let k = 0; k < 5; k++) await frame();
        return Number(slider.value) - from;
    }""")
    assert stepped == 6


def test_each_schedules_own_knobs_are_in_the_link(browser, url):
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.set_default_timeout(WAIT)
    page.goto(f"{url}?tab=schedules&schedules=linear,cosine&cosine_offset=0.15&t=500")
    page.wait_for_selector(f"{CURVES}[data-drawn=alpha_bar]")

    def wait_for(schedule):
        dots = "[...document.querySelectorAll('#schedules-curves .over .dot')]"
        at = plot(page)
        height = at["bottom"] - at["top"]
        want = 14 + height * (1 - float(schedule.alpha_bar[500]))
        page.wait_for_function(f"want => {dots}.some(dot => Math.abs(dot.getAttribute('cy') - want) < 0.05)", arg=want)

    wait_for(SCHEDULES["cosine"].make(offset=0.15))  # though its slider is folded away
    wait_for(SCHEDULES["linear"].make())
    page.click("#schedules-more > button")
    knob = page.locator("#schedules-linear_beta_end input[type=number]")

    def kept():
        query = parse_qs(urlsplit(page.url).query)
        return query.get("linear_beta_end") == ["0.05"] and query["cosine_offset"] == ["0.15"]

    type_until(knob, "0.05", kept)
    assert knob.input_value() == "0.05"
    wait_for(SCHEDULES["linear"].make(beta_end=0.05))
    page.close()


def test_no_sideways_scroll_on_a_phone_and_nothing_axe_minds(lab):
    lab.set_viewport_size({"width": 360, "height": 740})
    lab.wait_for_function("document.documentElement.scrollWidth <= 360")
    lab.set_viewport_size({"width": 1366, "height": 900})
    frames(lab)
    found = Axe().run(lab, context=CURVES).response["violations"]
    assert not found, [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]


def test_the_bound_is_measured_in_the_page(lab):
    lab.get_by_role("tab", name="The loss").click()
    lab.wait_for_selector("#objective-curves .curves[data-drawn=weight]")
    assert lab.locator("#objective-curves .term .number").all_inner_texts() == ["…"] * 4
    lab.click("#objective-measure")
    lab.wait_for_selector("#objective-curves .table tbody tr")
    lab.wait_for_selector("#objective-curves .curves[data-drawn=terms]")
    terms = [float(text) for text in lab.locator("#objective-curves .term .number").all_inner_texts()]
    assert sum(terms[:3]) == pytest.approx(terms[3], abs=2e-3) and terms[3] > 0
    lab.locator("#objective-curves button.term").last.click()
    lab.wait_for_selector("#objective-curves .curves[data-drawn=share]")
    assert re.search(r"t = \d+, .* t = \d+", lab.locator("#objective-curves .caption").inner_text())
    found = Axe().run(lab, context="#objective-curves .curves").response["violations"]
    assert not found, [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]
