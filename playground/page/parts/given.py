"""The picture that a person gives: in whichever tab, it is the picture of all of them."""

from __future__ import annotations

import gradio as gr

from playground import checkpoints
from playground.page.controls import QUIET, building
from playground.page.widgets.given import given
from playground.runs.settings import check

SHARED = "await lab('lib/shared.js')"


def picture_given(tab: str, upload: gr.Image | None) -> gr.HTML:
    """Makes `upload` one with those of the other tabs, and shows the way back to the picture before. Without an upload
    the tab has a place of its own for the picture."""
    view = given(f"{tab}-given")
    building().given.append((view, upload))
    return view


def tell_knowledge(view: gr.HTML, checkpoint: gr.components.Component) -> None:
    """Says beside the picture what the model in `checkpoint` makes of it."""
    view.value = knows(building().start("checkpoint"))
    checkpoint.change(lambda name: knows(check("checkpoint", name)), checkpoint, view, queue=False, **QUIET)


def knows(checkpoint: str) -> dict:
    """What pictures a model knows: their side in pixels, 0 where its files do not say, and what they show, or ""."""
    return {"side": checkpoints.outline(checkpoint).side, "subject": checkpoints.subject(checkpoint)}


def share_pictures() -> None:
    """Connects what the tabs of the page said of their pictures."""
    views = building().given
    uploads = [upload for _view, upload in views if upload is not None]
    for view, upload in views:
        view.spread(None, None, uploads, js=f"async () => ({SHARED}).spread({len(uploads)})", queue=False, **QUIET)
        if upload is not None:
            told = f"async (file) => {{ ({SHARED}).give(file, '{upload.elem_id}'); }}"
            upload.change(None, upload, None, js=told, queue=False, **QUIET)
