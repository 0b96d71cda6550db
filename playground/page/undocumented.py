"""What it costs Gradio to begin a session: one for every page that somebody opens."""

from __future__ import annotations

from types import SimpleNamespace

from gradio import state_holder


class Session(state_holder.SessionState):
    """A session without a copy of every block's configuration.

    Gradio makes and keeps that copy for its deep links alone, which this page does not have (it writes its own into
    the URL). For a page of 500 blocks it takes the event loop 60 ms and a megabyte a session, and 15 ms an event: a
    class of thirty that comes at once would wait for two seconds.
    """

    def __init__(self, blocks) -> None:
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: object) -> None:
        pass


def light_sessions() -> None:
    """From now on Gradio's sessions are such ones."""
    state_holder.SessionState = Session
