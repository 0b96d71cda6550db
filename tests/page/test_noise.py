"""The Noise tab without a browser: its endpoint through a client, and what the page may ask the server."""

import base64
import math
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from playground.images.bundled import picture
from playground.page.controls import Page
from playground.page.endpoints import endpoint_page
from playground.page.tabs import noise
from playground.page.translations import say
from playground.runs.forward import schedule_of
from playground.runs.settings import DEFAULTS
from playground.runs.wire import EPS_SCALE
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES
from tests.conftest import launched


@pytest.fixture(scope="module")
def client(engine):
    with Page(opened=lambda *_: engine) as page, gr.Blocks() as demo, gr.Tab(noise.TITLE):
        noise.build(page)
    endpoint_page(demo, page)
    demo.queue(api_open=False)
    with launched(demo) as url:
        yield Client(url, verbose=False)


def opened(files) -> dict[str, np.ndarray]:
    pictures = {}
    for file in files:
        name = str(file).rsplit("/", 1)[-1]
        pictures[name.split("_cosine")[0].split("_linear")[0]] = np.asarray(Image.open(file))
    return pictures


def test_the_endpoint_gives_the_closed_form(client, tmp_path):
    rng = np.random.default_rng(0)
    given = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(given).save(tmp_path / "given.png")
    files, told = client.predict(
        image=handle_file(tmp_path / "given.png"), schedule="linear", T=500, t=250, seed=11, size=48, api_name="/noise"
    )
    alpha_bar = np.cumprod(1 - np.linspace(1e-4, 0.02, 500))[249]
    x0 = given / 127.5 - 1
    eps = noise_of(11)((1, 3, 48, 48))[0].numpy().transpose(1, 2, 0)
    x = math.sqrt(alpha_bar) * x0 + math.sqrt(1 - alpha_bar) * eps
    shown = opened(files)
    assert (shown["x0"] == given).all()
    for name, values in (("eps", eps), ("x_t", x)):
        # x0 went through float32 on its way
        difference = np.abs(shown[name] - np.rint(np.clip(127.5 * values + 127.5, 0, 255)))
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-3
    assert shown["strip"].shape == (48, 480, 3) and (shown["strip"][:, :48] == given).all()
    assert told["alpha_bar"] == pytest.approx(alpha_bar)
    assert told["snr_db"] == pytest.approx(10 * math.log10(alpha_bar / (1 - alpha_bar)))
    assert told["mean"] == pytest.approx(x.mean(), abs=1e-6) and told["std"] == pytest.approx(x.std(), abs=1e-6)
    assert (told["seed"], told["T"], told["t"], told["beta_end"]) == (11, 500, 250, 0.02)


def test_the_endpoint_needs_nothing_and_knows_the_bundled_pictures(client):
    _files, told = client.predict(api_name="/noise")
    assert told["picture"] == "sunset" and told["size"] == 256 and told["t"] == DEFAULTS["t"].default
    assert client.predict(T=200, size=16, api_name="/noise")[1]["t"] == 200  # the default is of another T
    files, told = client.predict(picture="digit", t=0, size=64, chain=True, api_name="/noise")
    shown = opened(files)
    assert (shown["x_t"] == shown["x0"]).all() and told["snr_db"] is None
    assert told["chain"] == told["jump"] == pytest.approx(told["theory"])


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"t": 600, "T": 500}, "between 0 and 500"),
        ({"T": 0}, "between 1 and 4000"),
        ({"size": 4000}, "Size must be"),
        ({"size": 0}, "Size must be"),
        ({"picture": "dog"}, "no picture “dog”"),
        ({"schedule": "straight"}, "must be one of"),
        ({"schedule": "linear", "beta_end": 5.0}, "must be"),
        ({"schedule": "custom", "points": "1 2 3"}, "drawn curve"),
        ({"seed": -1}, "Seed must be"),
    ],
)
def test_the_endpoint_says_what_is_wrong(client, asked, sentence):
    with pytest.raises(Exception, match=sentence):
        client.predict(**asked, api_name="/noise")


def test_every_knob_of_every_schedule_is_a_parameter(client):
    info = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/noise"]
    parameters = {parameter["parameter_name"] for parameter in info["parameters"]}
    assert {knob.name for kind in SCHEDULES.values() for knob in kind.knobs} <= parameters


def test_the_page_gets_the_picture_exactly_and_the_noise_closely():
    value = noise.picture_of(None, "cat", 3, 64)
    x0 = np.frombuffer(base64.b64decode(value["x0"]), np.uint8).reshape(64, 64, 3)
    assert (x0 == np.asarray(picture("cat", 64))).all()
    eps = np.frombuffer(base64.b64decode(value["eps"]), "<i2").reshape(64, 64, 3) / EPS_SCALE
    assert np.abs(eps - noise_of(3)((1, 3, 64, 64))[0].movedim(0, -1).numpy()).max() <= 0.5 / EPS_SCALE
    curve = noise.curve_of({"schedule": "linear", "T": 7})
    alpha_bar = np.frombuffer(base64.b64decode(curve["alpha_bar"]), "<f8")
    assert np.array_equal(alpha_bar, schedule_of({"schedule": "linear", "T": 7})[0].alpha_bar.numpy())


def question(**changes):
    pixels = np.full((16, 16, 3), 200, np.uint8)
    asked = {"x0": base64.b64encode(pixels.tobytes()).decode(), "n": 16, "t": 300, "seed": 1, "schedule": "cosine"}
    return asked | changes


def test_the_network_looks_at_the_picture_in_hand(engine):
    look, chain = noise.questions(lambda name: engine)
    answer = look(question())
    n = engine.size
    assert answer["n"] == n and answer["t"] == 300 and 0 < answer["rmse"] < 2
    for view in ("x", "x0_hat", "x0"):
        assert len(base64.b64decode(answer[view])) == 3 * n * n
    truth, x0_hat = (np.frombuffer(base64.b64decode(answer[v]), np.uint8) / 127.5 - 1 for v in ("x0", "x0_hat"))
    assert (truth == 200 / 127.5 - 1).all()
    assert math.sqrt(((x0_hat - truth) ** 2).mean()) == pytest.approx(answer["rmse"], abs=0.005)
    gap = np.frombuffer(base64.b64decode(answer["gap"]), np.uint8) / 127.5
    assert np.abs(gap - np.abs(x0_hat - truth).reshape(n * n, 3).mean(1)).max() < 0.02
    walked = chain(question())
    assert walked["n"] == 16 and set(walked["told"]) == {"chain", "jump", "theory"}


def test_the_page_is_answered_in_its_language():
    look, _chain = noise.questions(lambda name: None)
    request = SimpleNamespace(headers={"accept-language": "zh-TW,en;q=0.5"})
    assert look({}, request)["error"] == say("This question has no picture, or one of a wrong size.", request)
    assert look({}, request)["error"] != look({})["error"]


@pytest.mark.parametrize(
    "asked",
    [
        None, [], "x", {}, question(x0=7), question(n=17), question(n=-1), question(n=True), question(n=1e9),
        question(x0="!" * 1024), question(x0="A" * 10**6), question(n=65, x0="A" * 16900), question(t=-1),
        question(t=1001), question(t="much"), question(t=math.nan), question(T=10**9), question(seed={}),
        question(schedule="straight"), question(schedule=["cosine"]), question(offset="no"),
    ],
)  # fmt: skip
def test_whatever_else_the_page_asks_is_answered_with_a_sentence(asked):
    def nobody(name):
        raise AssertionError("the network must not be asked")

    for ask in noise.questions(nobody):
        assert set(ask(asked)) == {"error"}
