"""A session begins faster, with the same configuration."""

import json

import gradio as gr
from gradio.state_holder import SessionState

from playground.sessions import keep_signatures


def test_a_session_is_the_same_and_asks_inspect_no_more(monkeypatch):
    with gr.Blocks() as demo, gr.Row():
        gr.Slider(1, 9, label="Steps")
        gr.HTML("<b>x</b>")
        gr.Dropdown(["a", "b"], label="Sampler")

    def configuration() -> str:
        return json.dumps(SessionState(demo).config_values, sort_keys=True, default=str)

    before = configuration()
    keep_signatures(demo)
    worked_out = []
    monkeypatch.setattr("inspect._signature_from_function", lambda *a, **k: worked_out.append(a))
    assert configuration() == before and worked_out == []
