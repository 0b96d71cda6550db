"""The first minute: a small film of noise and pictures, one sentence, and one thing to do after the other.

``python -m playground.page.widgets.welcome.making`` makes the film, film.js: the starting noises, and what the
net believed at each step. The page itself goes through the sampler's steps with them.
"""

from __future__ import annotations

import gradio as gr

from playground.page.widgets import widget


def welcome(elem_id: str = "welcome") -> gr.HTML:
    """The component. It appears to who comes without a link, until the steps are done or it is closed."""
    return widget("welcome", None, elem_id)
