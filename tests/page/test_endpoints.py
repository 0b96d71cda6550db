"""Endpoints as a script meets them: over HTTP, with gradio_client and with hand-made requests."""

import json
import math

import gradio as gr
import httpx
import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from playground.errors import UserError
from playground.page.controls import CALM, Page
from playground.page.endpoints import PATH, endpoint, endpoint_page
from playground.runs.settings import with_defaults
from tests.conftest import launched


def draw(
    values: dict,
    image: Image.Image | None = None,
    strengths: list = (0.2, 0.5),
    factor: float = 1.0,
    twice: bool = False,
):
    """Draws nothing much."""
    assert list(values) == ["prompt", "seed", "count", "schedules"]  # and nothing else
    prompt, seed, count, schedules = values.values()
    if prompt == "bad":
        raise UserError("No {thing} today.", thing="cats")
    if prompt == "bug":
        raise KeyError("the secret")
    pictures = [np.full((4, 5, 3), seed + k, np.uint8) for k in range(count)]
    if twice:
        pictures = [("named.png", torch.zeros(3, 4, 5)), Image.new("RGB", (2, 2)), ("b.png", b"\x89PNG bytes")]
    used = {"prompt": prompt, "seed": seed, "schedules": schedules, "strengths": strengths, "factor": factor}
    return pictures, used | {"size": image and list(image.size)}


SETTINGS = ("prompt", "seed", "count", "schedules", "image", "strengths", "factor", "twice")


def numbers(values: dict):
    yield {"half": True}
    yield values


def named(name: str = "", long: bool = False):
    return {"name": name, "long": long}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("gradio")))
        with Page(with_defaults(schedule="linear", checkpoint="mine", seed=7)) as page, gr.Blocks() as demo:
            endpoint(draw, "draw", settings=SETTINGS, defaults={"count": 2})
            endpoint(numbers, "numbers", settings=("seed", "schedule"))
            endpoint(numbers, "sampled", settings=("seed", "schedule", "checkpoint", "eta"))
            endpoint(named, "named")
        endpoint_page(demo, page)
        demo.queue(api_open=False)
        with launched(demo):
            yield demo


@pytest.fixture(scope="module")
def url(demo):
    return demo.local_url


@pytest.fixture(scope="module")
def client(url):
    return Client(url, verbose=False)


def test_everything_has_a_default_and_a_plain_name(client):
    pictures, used = client.predict(api_name="/draw")
    assert [np.asarray(Image.open(path)).max() for path in pictures] == [7, 8]
    assert used == {"prompt": "red hair glasses", "seed": 7, "schedules": ["linear", "cosine"], "strengths": [0.2, 0.5],
                    "factor": 1.0, "size": None}  # fmt: skip
    info = client.view_api(return_format="dict", print_info=False)["named_endpoints"]["/draw"]
    names = [parameter["parameter_name"] for parameter in info["parameters"]]
    assert names == ["prompt", "seed", "count", "schedules", "image", "strengths", "factor", "twice"]
    assert all(parameter["parameter_has_default"] for parameter in info["parameters"])
    assert info["description"] == "Draws nothing much."


def test_values_are_checked_and_converted(client):
    _, used = client.predict(prompt="dog", seed=9.0, schedules="linear", strengths=[1], factor=2, api_name="/draw")
    assert used["seed"] == 9 and used["schedules"] == ["linear"] and used["strengths"] == [1] and used["factor"] == 2.0


def test_files_go_in_and_come_out(client, tmp_path):
    Image.new("CMYK", (30, 20)).save(tmp_path / "photo.jpg")
    pictures, used = client.predict(image=handle_file(tmp_path / "photo.jpg"), twice=True, api_name="/draw")
    assert used["size"] == [30, 20]
    assert [path.rsplit("/")[-1] for path in pictures] == ["named.png", "picture-1.png", "b.png"]
    assert np.asarray(Image.open(pictures[0])).tolist() == np.full((4, 5, 3), 128).tolist()


def test_the_last_value_of_a_generator_counts(client):
    assert client.predict(seed=3, api_name="/numbers") == ([], {"seed": 3, "schedule": "linear"})


def test_what_is_missing_is_what_the_page_starts_with(client):
    assert client.predict(api_name="/numbers")[1] == {"seed": 7, "schedule": "linear"}
    used = {"seed": 7, "schedule": None, "checkpoint": "mine", "eta": None}  # a model's own schedule, a sampler's own η
    assert client.predict(api_name="/sampled")[1] == used
    info = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert [parameter["parameter_name"] for parameter in info["/sampled"]["parameters"]] == list(used)


def test_a_schedule_that_is_given_is_checked(client):
    for name in ("/numbers", "/sampled"):
        assert client.predict(schedule="cosine", api_name=name)[1]["schedule"] == "cosine"
        with pytest.raises(AppError, match="Schedule"):
            client.predict(schedule="steep", api_name=name)


def test_an_endpoint_without_settings_has_its_own_parameters_only(client):
    assert client.predict(name="x", long=True, api_name="/named")[1] == {"name": "x", "long": True}


def test_no_browser_builds_them_and_scripts_find_them_all(url):
    page, own = httpx.get(url), httpx.get(f"{url}{PATH}")
    assert page.status_code == own.status_code == 200
    assert '"type":"api"' not in page.text and '"type":"api"' in own.text
    told = httpx.get(f"{url}gradio_api/info").json()["named_endpoints"]
    assert set(told) == {"/draw", "/numbers", "/sampled", "/named"}


def test_a_setting_is_not_to_be_a_parameter_of_the_function():
    with gr.Blocks(), pytest.raises(TypeError, match="seed"):
        endpoint(lambda seed=3: {}, "wrong")
    with gr.Blocks(), pytest.raises(TypeError, match="seed"):
        endpoint(numbers, "wrong", settings=("count",), defaults={"seed": 3})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [({"prompt": "bad"}, "No cats today."), ({"prompt": "bug"}, CALM), ({"seed": "x"}, "Seed must be a whole number"),
     ({"count": 99}, "between 1 and 16"), ({"factor": "1"}, "factor must be a number"),
     ({"factor": 1e300}, "too large"), ({"strengths": 5}, "strengths must be a list"),
     ({"strengths": ["x" * 30_000]}, "too long"), ({"twice": 1}, "twice must be true or false"),
     ({"image": "/etc/passwd"}, "must be a file"), ({"image": {"path": "/etc/passwd"}}, "must be a file"),
     ({"image": handle_file("https://example.com/x.png")}, "not its address")],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(client, values, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(**values, api_name="/draw")


def test_sentences_come_in_the_callers_language(url):
    with pytest.raises(AppError, match="種子必須是介於 0 和 2147483647 之間的整數；您給的是 -1。"):
        Client(url, headers={"accept-language": "zh-TW"}, verbose=False).predict(seed=-1, api_name="/draw")


def test_a_file_that_is_no_picture_is_refused(client, tmp_path):
    (tmp_path / "fake.png").write_text("hello")
    with pytest.raises(AppError, match="not a picture"):
        client.predict(image=handle_file(tmp_path / "fake.png"), api_name="/draw")


def raw(url, name, data):
    """A call without the client's own checks; returns (status, events)."""
    body = json.dumps({"data": data})  # NaN and Infinity go out as such
    answer = httpx.post(f"{url}gradio_api/call/{name}", content=body, headers={"content-type": "application/json"})
    if answer.status_code != 200:
        return answer.status_code, answer.text
    return 200, httpx.get(f"{url}gradio_api/call/{name}/{answer.json()['event_id']}", timeout=20).text


def test_paths_outside_are_refused_for_hand_made_requests(url):
    for path in ("/etc/passwd", "../../../../etc/passwd", "/proc/self/environ", __file__):
        forged = {"path": path, "meta": {"_type": "gradio.FileData"}}
        status, text = raw(url, "draw", [None, None, None, None, forged, None, None, None])
        assert status == 200 and "event: error" in text and "root:" not in text


def test_endpoints_are_queued_only(url):
    assert httpx.post(f"{url}gradio_api/run/draw", json={"data": [None] * 8}).status_code == 404


HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | st.just("x" * 100_000)
    | st.sampled_from([math.nan, math.inf, 10**400, -1, "/etc/passwd", "\0", "${alert(1)}", "{seed}", "__i18n__{}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.lists(HOSTILE, min_size=8, max_size=8))
def test_anything_at_all_ends_in_pictures_or_a_sentence(demo, data):
    call = next(fn.fn for fn in demo.fns.values() if fn.api_name == "draw")
    try:
        paths, used = call(*data)
    except gr.Error as error:
        assert error.message != CALM and len(error.message) < 400  # CALM would be a bug of ours
    else:
        assert all(path.endswith(".png") for path in paths) and json.dumps(used, allow_nan=False)


@pytest.mark.parametrize("value", [math.nan, math.inf, 10**400, {"path": "/etc/passwd"}, "x" * 100_000, [[[]]] * 9])
def test_and_over_http_too(url, value):
    status, text = raw(url, "draw", [value] * 8)
    if status == 200:
        content = text.split("event: error\ndata: ")[1]
        assert json.loads(content)["error"].endswith(".") and "Traceback" not in text
    else:
        assert status in (400, 413, 422), text


def test_the_server_survived(client):
    assert client.predict(seed=5, api_name="/draw")[1]["seed"] == 5
