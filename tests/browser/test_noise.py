"""The Noise tab under the hand, in a real browser."""

import base64
import json
import re

import gradio as gr
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from playground.checkpoints import load
from playground.engine import Engine
from playground.images import to_pixels
from playground.images.bundled import PICTURES, picture
from playground.page.controls import Page
from playground.page.tabs import noise
from playground.page.theme import CSS, THEME
from playground.page.translations import i18n
from playground.page.widgets import head, served
from playground.predictions import q_sample
from playground.runs.forward import chosen_picture, schedule_of
from playground.samplers.noise import noise_of
from tests.browser.barriers import no_barrier
from tests.conftest import launched, until

ROOT = "#noise-scrubber"
SLIDER = f"{ROOT} input[type=range]"


@pytest.fixture(scope="module")
def url(tiny_checkpoint):
    """The tab by itself, with a network that answers at once."""
    engine = Engine(load(tiny_checkpoint), "cpu")
    with gr.Blocks(title="Noise", fill_width=True) as demo:
        gr.HTML("<h1>Noise</h1>")
        with gr.Tabs(), gr.Tab(noise.TITLE, id="noise"):
            noise.build(Page(opened=lambda *_: engine))
    demo.queue(api_open=False)
    options = {"theme": THEME, "css_paths": CSS, "head": head(), "i18n": i18n(), "footer_links": ["gradio"]}
    options["app_kwargs"] = {"routes": [served.ROUTE]}
    with launched(demo, **options) as url:
        yield url
    engine.close()


def ready(page, url):
    """The page, ready and still (a person who asks for less motion sees no opening)."""
    page.emulate_media(reduced_motion="reduce")
    page.goto(url)
    page.wait_for_function("document.querySelector('#noise-scrubber .snr')?.textContent")
    page.evaluate("document.fonts.ready.then(() => true)")  # the formula's letters are the last thing to come
    return page


@pytest.fixture
def opened(page, url):
    """A page of the test's own, for what leaves it changed."""
    return ready(page, url)


@pytest.fixture(scope="module")
def standing(one_page, url):
    return ready(one_page, url)


@pytest.fixture
def shared(standing):
    """One for all that only move t, with neither pointer nor focus on anything."""
    standing.mouse.move(0, 0)
    standing.evaluate("document.activeElement.blur()")
    return standing


def level(page) -> int:
    return int(page.locator(SLIDER).input_value())


def go(page, t: int) -> None:
    """As a script would: set the slider, and wait for the frame."""
    page.locator(SLIDER).evaluate("(s, t) => { s.value = t; s.dispatchEvent(new Event('input', {bubbles: true})) }", t)
    page.wait_for_function("t => document.querySelector('#noise-scrubber .t').value === String(t)", arg=t)


def painted(page, count: int) -> None:
    """Wait until the page has painted so often."""
    page.evaluate(
        """count => new Promise(done => {
        const next = k => (k ? requestAnimationFrame(() => next(k - 1)) : done()); next(count); })""",
        count,
    )


def canvas(page, view: str) -> np.ndarray:
    """Its pixels (n, n, 3)."""
    text = page.evaluate(
        """view => { const c = document.querySelector(`#noise-scrubber canvas[data-view=${view}]`);
        const all = c.getContext('2d').getImageData(0, 0, c.width, c.height);
        return lab('lib/bytes.js').then(({ base64 }) => base64(new Uint8Array(all.data))) }""",
        view,
    )
    pixels = np.frombuffer(base64.b64decode(text), np.uint8)
    side = int((len(pixels) // 4) ** 0.5)
    return pixels.reshape(side, side, 4)[..., :3]


def truth(t: int, name="sunset", seed=7, **settings) -> np.ndarray:
    x0 = chosen_picture(None, name, 256)
    return to_pixels(q_sample(x0, schedule_of(settings)[0].level(t), noise_of(seed)(x0.shape)))[0]


def off(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def test_nothing_moves_by_itself_for_who_asks_for_less_motion(shared):
    assert level(shared) == 400
    expect(shared.locator(f"{ROOT} .lab-scrubber")).not_to_have_class(re.compile("playing"))
    painted(shared, 5)
    assert level(shared) == 400


def test_every_way_to_move_t_is_seen_at_once_and_asks_nothing_of_the_server(shared):
    page = shared
    page.wait_for_load_state("networkidle")
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    slider = page.locator(SLIDER)

    slider.focus()
    for key, t in (("End", 1000), ("Home", 0), ("ArrowRight", 1), ("Shift+ArrowRight", 11), ("ArrowDown", 10)):
        page.keyboard.press(key)
        expect(slider).to_have_value(str(t))

    box = page.locator(f"{ROOT} canvas[data-view=x_t]").bounding_box()
    page.mouse.move(box["x"] + 90, box["y"] + 90)
    page.mouse.wheel(0, -200)
    expect(slider).to_have_value("50")  # two notches of a fiftieth

    plot = page.locator(f"{ROOT} .curve svg").bounding_box()
    page.mouse.move(plot["x"] + plot["width"] * 0.3, plot["y"] + 60)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.7, plot["y"] + 60, steps=6)
    page.mouse.up()
    expect(slider).to_have_value(re.compile("^(6[0-9]{2}|7[01][0-9])$"))

    page.locator(f"{ROOT} .strip button").nth(3).click()
    expect(slider).to_have_value("333")

    page.locator(f"{ROOT} .play").click()
    page.wait_for_function("Number(document.querySelector('#noise-scrubber .level').value) > 340")
    page.locator(f"{ROOT} .play").click()

    page.locator(f"{ROOT} .place .t").fill("600")
    expect(slider).to_have_value("600")
    assert requests == []


def test_all_that_follows_t_is_the_same_level(shared):
    page = shared
    for t in (0, 137, 600, 1000):
        go(page, t)
        told = schedule_of({})[0].level(t)
        assert off(canvas(page, "x_t"), truth(t)) <= 1
        values = page.locator(f"{ROOT} .term .value").all_inner_texts()
        assert values == [f"{told.signal_rate:.3f}", f"{told.noise_rate:.3f}"]
        label = page.locator(f"{ROOT} canvas[data-view=x_t]").get_attribute("aria-label")
        assert label.startswith(f"t {t}: ") and label == page.locator(SLIDER).get_attribute("aria-valuetext")
        strip = page.locator(f"{ROOT} .strip [aria-current=true] span").inner_text()
        assert abs(int(strip) - t) <= 56
    assert (canvas(page, "x0") == truth(0)).all()
    eps = to_pixels(noise_of(7)((1, 3, 256, 256)))[0]
    assert off(canvas(page, "eps"), eps) <= 1
    # the histogram: at T its area under the curve is that of N(0, 1), within the width of a bar
    area = page.locator(f"{ROOT} .histogram .bars").evaluate(
        """path => { const box = path.getBBox(); const n = path.ownerSVGElement.querySelector('.line').getBBox();
        return [box.width, box.height / n.height] }"""
    )
    assert area[0] > 150 and 0.93 < area[1] < 1.12


def test_one_clock_with_the_other_widgets(shared):
    page = shared
    page.evaluate("window.heard = []; addEventListener('lab:t', e => heard.push([e.detail.t, e.detail.source]))")
    page.evaluate("lab('lib/clock.js').then(clock => clock.tell(720, 'curves'))")
    assert level(page) == 720
    go(page, 90)
    assert page.evaluate("heard") == [[720, "curves"], [90, "scrubber"]]


def test_terms_light_up_with_their_numbers(shared):
    page = shared
    page.locator(f"{ROOT} .term[data-term=signal]").focus()
    assert page.locator(f"{ROOT} .term[data-term=signal].lit").count() == 1
    page.locator(f"{ROOT} .curve").hover()
    assert page.locator(f"{ROOT} [data-term=alpha].lit").count() >= 3


def test_what_is_no_picture_is_told(shared, tmp_path):
    page = shared
    (tmp_path / "not.png").write_text("no picture")
    page.locator("#noise-upload input[type=file]").first.set_input_files(tmp_path / "not.png")
    page.get_by_text("not a picture this page can read").wait_for()


def test_a_new_schedule_or_T_is_a_new_curve_and_no_new_upload(opened):
    page = opened
    go(page, 300)
    came = []
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.dataReceived", lambda data: came.append(data["dataLength"]))
    page.get_by_label("Schedule").first.click()
    page.get_by_role("option", name="Linear", exact=True).click()
    page.wait_for_function("document.querySelector('#noise-scrubber .curve figcaption').textContent.includes('Linear')")
    assert level(page) == 300
    assert off(canvas(page, "x_t"), truth(300, schedule="linear")) <= 1
    page.locator("#noise-more > button").click()
    page.locator("#noise-beta_end").wait_for()  # the knobs of the schedule just chosen
    T = page.locator("#noise-T input[type=number]")
    T.fill("500")
    T.press("Enter")
    page.wait_for_function("document.querySelector('#noise-scrubber .level').max === '500'")
    assert level(page) == 150
    assert off(canvas(page, "x_t"), truth(150, schedule="linear", T=500)) <= 1
    assert 1000 < sum(came) < 120_000  # two curves and nothing of 800 kB


def test_pictures_of_one_s_own_and_bundled_ones(opened, tmp_path):
    page = opened
    page.locator("#noise-picture label").nth(1).click()
    name = f"{ROOT} canvas[data-view=x0]"
    page.wait_for_function("s => document.querySelector(s).getAttribute('aria-label') === 'x0: cat'", arg=name)
    go(page, 400)
    assert off(canvas(page, "x_t"), truth(400, "cat")) <= 1
    Image.new("RGB", (300, 200), (250, 128, 3)).save(tmp_path / "mine.png")
    page.locator("#noise-upload input[type=file]").first.set_input_files(tmp_path / "mine.png")
    page.wait_for_function("s => document.querySelector(s).getAttribute('aria-label') === 'x0: your picture'", arg=name)
    assert (canvas(page, "x0") == (250, 128, 3)).all()


def test_what_the_network_sees_once_and_live_and_the_chain(opened):
    page = opened
    go(page, 300)
    page.locator(f"{ROOT} .once").click()
    note = page.locator(f"{ROOT} .look .note")
    page.wait_for_function("document.querySelector('#noise-scrubber .look .note').textContent.startsWith('t 300')")
    x0_hat, seen = canvas(page, "x0_hat"), canvas(page, "truth")
    assert x0_hat.shape == seen.shape == (16, 16, 3)
    assert off(seen, to_pixels(chosen_picture(picture("sunset"), None, 16))[0]) <= 2  # by way of 64²
    stated = float(note.inner_text().split("error ")[1].split(",")[0])
    measured = np.sqrt(np.mean(((x0_hat.astype(float) - seen) / 127.5) ** 2))
    assert abs(stated - measured) < 0.01

    answers = []
    page.on("response", lambda r: answers.append(r) if "component_server" in r.url else None)
    page.locator(f"{ROOT} .live").check()
    page.evaluate(
        """async () => { const s = document.querySelector('#noise-scrubber .level');
        for (let t = 301; t <= 420; t++) { s.value = t; s.dispatchEvent(new Event('input', {bubbles: true}));
          await new Promise(requestAnimationFrame) } }"""
    )
    page.wait_for_function("document.querySelector('#noise-scrubber .look .note').textContent.startsWith('t 420')")
    asked = [json.loads(answer.request.post_data)["data"]["t"] for answer in answers]
    assert asked[-1] == 420 and asked == sorted(asked) and len(asked) < 120, "the latest wins, and none comes late"

    page.locator(f"{ROOT} .walk").click()
    page.locator(f"{ROOT} .chain table").wait_for()
    rows = page.locator(f"{ROOT} .chain tbody tr").all_inner_texts()
    chain, jump, theory = (float(row.split("\t")[-1]) for row in rows)
    assert chain == pytest.approx(theory, rel=0.03) and jump == pytest.approx(theory, rel=0.03)
    go(page, 10)
    page.locator("#noise-picture label").nth(2).click()
    page.locator(f"{ROOT} .chain .pictures").wait_for(state="hidden")  # it was another picture's answer

    page.locator(f"{ROOT} .live").uncheck()
    held = []
    page.route("**/component_server**", lambda route: route.continue_() if held else held.append(route))
    page.locator(f"{ROOT} .once").click()
    assert until(lambda: held or page.wait_for_timeout(20))
    page.locator("#noise-picture label").nth(1).click()  # before the answer has come
    expect(note).to_have_text("")
    held[0].continue_()
    expect(note).to_contain_text("t 10:")
    assert off(canvas(page, "truth"), to_pixels(chosen_picture(picture(list(PICTURES)[1]), None, 16))[0]) <= 2


def test_something_moves_before_any_click_and_stops_for_a_hand(page, url):
    page.emulate_media(reduced_motion="no-preference")
    page.goto(url)
    page.wait_for_function("document.querySelector('#noise-scrubber .snr')?.textContent")
    page.wait_for_function("Number(document.querySelector('#noise-scrubber .level').value) > 500")
    assert "t=" not in page.url.split("?")[-1]
    page.mouse.move(5, 5)
    page.mouse.down()
    page.mouse.up()
    expect(page.locator(f"{ROOT} .lab-scrubber")).not_to_have_class(re.compile("playing"))
    held = level(page)
    painted(page, 5)
    assert level(page) == held


def test_no_barrier_that_axe_knows_of(opened):
    page = opened
    page.locator(f"{ROOT} .walk").click()
    page.locator(f"{ROOT} .once").click()
    page.locator(f"{ROOT} .chain table").wait_for()
    page.locator(f"{ROOT} .look .pictures").wait_for()
    page.locator("#noise-more > button").click()
    expect(page.locator("#noise-T input[type=number]")).to_be_visible()
    no_barrier(page)


def test_a_phone_scrolls_past_it_and_nothing_sticks_out(page, url):
    page.set_viewport_size({"width": 360, "height": 780})
    page.emulate_media(reduced_motion="reduce")
    page.goto(url)
    page.wait_for_function("document.querySelector('#noise-scrubber .snr')?.textContent")
    page.wait_for_function("document.documentElement.scrollWidth <= 360")
    assert page.locator(SLIDER).evaluate("s => getComputedStyle(s).touchAction") == "pan-y"
    stage, slider = (page.locator(s).bounding_box() for s in (f"{ROOT} .big", SLIDER))
    assert slider["y"] + slider["height"] < 780 and stage["width"] > 280
