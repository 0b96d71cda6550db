"""The training widget: a net that learns on the server, watched as it does."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from playground.page.undocumented import english
from playground.page.widgets import widget


def training(example: Callable, called: object, elem_id: str | None = None) -> gr.HTML:
    """The widget. Its values are the messages of a training (`watched.Training.follow`), each with {"run"}, the first
    with {"channel"}. `called` is what its net is called, once it is a model; `example(run)` gives one picture's way
    through Algorithm 1. Its event `done` says {"model"}."""
    return widget("training", None, elem_id, events=("done",), server_functions=[example], called=english(called))
