"""The widgets' files: served whole, to be kept for ever under this version's address, and nothing beside them."""

import re

import gradio as gr
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.testclient import TestClient

import app
from playground.page.translations import TRANSLATIONS
from playground.page.widgets import head, served, widget
from playground.page.widgets.language.early import SCRIPT


@pytest.fixture(scope="module")
def http():
    return TestClient(Starlette(routes=[served.ROUTE]))


def test_a_script_may_be_kept_for_ever_under_the_address_of_its_version(http):
    answer = http.get(f"/lab/{served.VERSION}/cost/cost.js")
    assert answer.text == (served.FOLDER / "cost" / "cost.js").read_text(encoding="utf-8")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]


def test_a_page_of_before_gets_what_is_here_now_and_asks_again(http):
    answer = http.get("/lab/000000000000/cost/cost.js")
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["__init__.py", "cost/cost.html", "../theme.py", "..%2Ftheme.py", "words/no.json", ""])
def test_nothing_else_of_the_folder_is_served(http, path):
    assert http.get(f"/lab/{served.VERSION}/{path}").status_code == 404


def test_the_words_of_a_language_come_as_one_file(http):
    assert http.get(f"/lab/{served.VERSION}/words/zh-TW.json").json() == TRANSLATIONS["zh-TW"]


def test_what_is_loaded_beforehand_is_a_widget_with_all_that_it_imports():
    found = set(re.findall(rf'href="lab/{served.VERSION}/([^"]+)"', served.preloads("cost")))
    assert found == {"lib/queue.js", "lib/widgets.js", "lib/words.js", "lib/facts.js", "cost/cost.js"}


def test_under_another_apps_path_the_scripts_are_beside_the_page():
    with gr.Blocks() as demo:
        widget("cost", {})
    outer = gr.mount_gradio_app(FastAPI(), demo, path="/sub", app_kwargs=app.LAUNCH["app_kwargs"])
    assert TestClient(outer).get(f"/sub/lab/{served.VERSION}/cost/cost.js").status_code == 200


def test_behind_a_proxy_that_cuts_its_path_off_the_scripts_are_there_too():
    cut = TestClient(Starlette(routes=[served.ROUTE]), root_path="/sub")
    assert cut.get(f"/lab/{served.VERSION}/cost/cost.js").status_code == 200


def test_a_widget_without_files_is_named():
    with pytest.raises(FileNotFoundError, match="nothing"):
        widget("nothing")


def test_the_head_has_the_faces_of_the_pictures_and_what_the_page_begins_with():
    made = head("scrubber")
    assert "--face:url(data:image/webp" in made and f"lab/{served.VERSION}/scrubber/scrubber.js" in made
    assert made.count("<script>") == made.count("</script>") == 1
    assert len(made) < 40_000


def test_no_script_is_longer_than_can_be_read():
    lengths = {path.name: path.read_text(encoding="utf-8").count("\n") for path in served.FOLDER.rglob("*.js")}
    assert max(lengths.values()) <= 550, lengths


def test_a_large_value_is_put_aside_and_fetched_once(http):
    large = {"numbers": list(range(20_000))}
    made, small = widget("cost", large), widget("cost", {"nfe": 3})
    assert small.value == {"nfe": 3} and list(made.value) == ["put_aside"] and len(str(made.value)) < 80
    answer = http.get(f"/{made.value['put_aside']}")
    assert answer.json() == large and "immutable" in answer.headers["cache-control"]
    assert widget("cost", large).value == made.value
    assert http.get("/lab/aside/0123456789abcdef01234567.json").status_code == 404


@pytest.fixture
def mounted():
    """A small page with all that the app puts around its pages, below a path."""
    with gr.Blocks() as demo:
        widget("cost", {})
    with demo.route("Other", "/other"):
        widget("cost", {"nfe": 3})

    def mount(**how):
        return TestClient(gr.mount_gradio_app(FastAPI(), demo, path="/sub", app_kwargs=app.LAUNCH["app_kwargs"], **how))

    return mount


def test_the_page_itself_is_packed(mounted):
    answer = mounted().get("/sub/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip" and int(answer.headers["content-length"]) < len(answer.text) / 2
    assert SCRIPT.decode() in answer.text and "window.gradio_config" in answer.text


def test_the_page_is_made_once_for_each_address_and_sent_once_to_each_browser(mounted, monkeypatch):
    http, made = mounted(), []
    packed = served.GZipMiddleware.__call__
    monkeypatch.setattr(served.GZipMiddleware, "__call__", lambda *asked: made.append(asked) or packed(*asked))
    first, second = http.get("/sub/?t=300"), http.get("/sub/?t=400")
    assert first.text == second.text and len(made) == 1
    again = http.get("/sub/?t=300", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    for where in ({"Host": "elsewhere"}, {"X-Forwarded-Host": "proxy", "X-Forwarded-Proto": "https"}):
        assert f'"root":"http{"s" * (len(where) - 1)}://{[*where.values()][0]}' in http.get("/sub/", headers=where).text
    assert len(made) == 3
    assert http.get("/sub/?page=other").text != first.text  # another page of the app


def test_where_people_sign_in_nobody_gets_the_page_of_another(mounted):
    http = mounted(auth=("teacher", "secret"))
    outside = http.get("/sub/").text
    assert '"auth_required":true' in outside and '"components":[]' in outside
    assert http.post("/sub/login", data={"username": "teacher", "password": "secret"}).status_code == 200
    assert '"username":"teacher"' in http.get("/sub/").text
    http.cookies.clear()
    assert http.get("/sub/").text == outside
