"""What the page takes of Gradio behind its documentation is there, and does what the page wants of it."""

import ast
import pydoc
from pathlib import Path

import gradio as gr
import pytest
from fastapi import FastAPI
from gradio import state_holder
from gradio_client import Client
from starlette.testclient import TestClient

from tests.conftest import launched

FILE = Path(__file__).parents[2] / "playground" / "page" / "undocumented.py"
TOLD = {  # read and not imported: where something is missing the import fails, and says less than the tests here
    node.targets[0].id: ast.literal_eval(node.value)
    for node in ast.parse(FILE.read_text(encoding="utf-8")).body
    if isinstance(node, ast.Assign) and node.targets[0].id in ("WRITTEN_FOR", "TAKEN")
}


def test_gradio_is_the_one_that_this_was_written_for():
    assert gr.__version__.startswith(f"{TOLD['WRITTEN_FOR']}."), (
        f"page/undocumented.py was written for Gradio {TOLD['WRITTEN_FOR']} and this is {gr.__version__}: see what the "
        "tests of the page and of the browser say, then change WRITTEN_FOR."
    )


@pytest.mark.parametrize("address", TOLD["TAKEN"])
def test_what_is_taken_of_gradio_is_there(address):
    assert pydoc.locate(address) is not None, (
        f"Gradio {gr.__version__} has no {address} any more, which the page needs for {TOLD['TAKEN'][address]}."
    )


def test_assets_of_gradios_are_found_by_their_pattern():
    from playground.page.undocumented import shipped

    assert shipped("katex-*.js").startswith("./assets/katex-") and shipped("nothing-*.js") == ""
    for stem in ("KaTeX_Math-Italic", "KaTeX_Main-Regular"):
        assert shipped(f"{stem}-*.woff2"), f"Gradio {gr.__version__} has no font {stem}: formulas look plain."


def test_gradios_scripts_have_what_is_mended_in_them():
    from playground.page.undocumented import ASSETS, MENDED, mended_scripts

    for name, changes in MENDED.items():
        assert (ASSETS / name).is_file(), (
            f"Gradio {gr.__version__} has no {name}, which page/undocumented.py mends: the page works, but starts and "
            "answers more slowly."
        )
        text = (ASSETS / name).read_text(encoding="utf-8")
        assert all(text.count(old) == 1 for old in changes)
    assert len(mended_scripts()) == len(MENDED)


def test_the_page_serves_them_mended():
    import app
    from playground.page.undocumented import MENDED

    with gr.Blocks() as demo:
        gr.Markdown("Nothing")
    outer = gr.mount_gradio_app(FastAPI(), demo, path="/sub", app_kwargs=app.LAUNCH["app_kwargs"])
    http = TestClient(outer)
    for name, changes in MENDED.items():
        answer = http.get(f"/sub/assets/{name}")
        assert answer.headers["content-type"].startswith("text/javascript")
        assert all(new in answer.text for new in changes.values())
        again = http.get(f"/sub/assets/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304 and not again.content


def test_a_label_gives_its_english_text_back():
    from playground.page.translations import _
    from playground.page.undocumented import english

    assert english(_("New seed")) == "New seed" and english("plain") == "plain"


@pytest.fixture
def light(monkeypatch):
    from playground.page.undocumented import light_sessions

    monkeypatch.setattr(state_holder, "SessionState", state_holder.SessionState)  # to be put back
    light_sessions()


def test_a_session_keeps_no_configuration_and_its_events_work(light):
    with gr.Blocks() as demo:
        kept = gr.State(0)
        steps = gr.Slider(1, 9, value=3, label="Steps")
        told = gr.Number()

        def more(steps, kept):
            return gr.update(value=steps + 1, maximum=20), kept + steps, kept + steps

        gr.Button().click(more, [steps, kept], [steps, kept, told], api_name="more")
    with launched(demo) as url:
        client = Client(url, verbose=False)
        assert client.predict(2, api_name="/more")[1] == 2
        assert client.predict(15, api_name="/more")[1] == 17  # the session's own state, and its slider's new maximum
        sessions = list(demo.state_holder.session_data.values())
        assert len(sessions) == 1 and type(sessions[0]).__module__ == "playground.page.undocumented"
        assert sum(map(len, sessions[0].config_values.values())) < 100  # of the slider that was changed
        other = Client(url, verbose=False)
        with pytest.raises(Exception, match="greater than maximum"):
            other.predict(15, api_name="/more")


@pytest.mark.parametrize("meta", [None, {}, {"_type": "mine"}, "gradio.FileData"])
def test_only_what_gradio_has_checked_is_a_file(meta):
    from playground.page.undocumented import sent_file

    assert sent_file({"path": "/etc/passwd", "meta": meta}) is None and sent_file("/etc/passwd") is None
    assert sent_file({"path": "/somewhere", "meta": {"_type": "gradio.FileData"}}) == "/somewhere"
