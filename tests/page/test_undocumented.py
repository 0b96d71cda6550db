"""A session begins without the copy that Gradio keeps for its deep links, and works the same."""

import gradio as gr
import pytest
from gradio import state_holder
from gradio_client import Client

from playground.page.undocumented import Session, light_sessions


@pytest.fixture
def light(monkeypatch):
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
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, run_history=False)
    try:
        client = Client(url, verbose=False)
        assert client.predict(2, api_name="/more")[1] == 2
        assert client.predict(15, api_name="/more")[1] == 17  # the session's own state, and its slider's new maximum
        sessions = list(demo.state_holder.session_data.values())
        assert len(sessions) == 1 and type(sessions[0]) is Session
        assert sum(map(len, sessions[0].config_values.values())) < 100  # of the slider that was changed
        other = Client(url, verbose=False)
        with pytest.raises(Exception, match="greater than maximum"):
            other.predict(15, api_name="/more")
    finally:
        demo.close()
