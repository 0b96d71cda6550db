"""The corner of a tab where a run is kept as files, and where such a file brings a run back."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Callable, Sequence

import gradio as gr
import numpy as np

from playground.errors import UserError
from playground.images import encoded
from playground.page.controls import QUIET, building, errors_shown
from playground.page.kept import KEPT, Kept
from playground.page.translations import _, say
from playground.page.undocumented import kept_file
from playground.page.widgets import widget
from playground.runs.receipts import Receipt, files, read_receipt
from playground.runs.records import RunRecord


class ReceiptCorner(Kept):
    """ "Files of this run" and a place to drop one, to be made inside a tab's column::

        corner = ReceiptCorner("generate", picture=image)   # `picture`: a `safe_image` that a run started from, if any
        event = button.click(run, inputs, player)
        corner.follow(event)

    where `run` calls ``corner.forget(request.session_hash)`` first and ``corner.keep(request.session_hash, records)``
    last. `sheet`: the easel that a run was painted on, which gets back what was on it. What is kept is on the server
    alone, and changes with the run itself: events of the page's that set it come in any order. When the event has ended
    well, the corner says whether a picture is that of the dropped receipt.
    """

    def __init__(self, tab: str, picture: gr.Image | None = None, sheet: gr.HTML | None = None) -> None:
        super().__init__()
        self.answers = building().answers
        building().corners.append(self)
        self.dropped = gr.State(None, time_to_live=KEPT)
        with gr.Accordion(_("Keep this run, or bring one back"), open=False, elem_id=f"{tab}-receipts"):
            keep = gr.Button(_("Files of this run"), elem_id=f"{tab}-keep")
            kept = gr.File(
                label=_("Files"), file_count="multiple", visible=False, interactive=False, elem_id=f"{tab}-files"
            )
            drop = gr.File(
                label=_("A PNG or JSON of a run"),
                file_types=[".png", ".json"],
                height=110,
                elem_id=f"{tab}-drop",
            )
            self.said = widget("receipt", elem_id=f"{tab}-receipt")
        keep.click(errors_shown(self.files), None, kept, **QUIET)
        given = {picture: lambda receipt: receipt.start or gr.skip(), sheet: _sheet}
        given = {component: told for component, told in given.items() if component is not None}
        outputs = [self.said, self.dropped, *given]
        drop.upload(errors_shown(_restored(list(given.values()))), drop, outputs, **QUIET)

    def files(self, request: gr.Request):
        """The files of the session's run. Raises UserError where it has none."""
        return _files(self.of(request.session_hash), self.answers.of(request.session_hash))

    def follow(self, event) -> None:
        """After `event`, an ended run, compare its pictures with the dropped receipt's."""

        def verdict(request: gr.Request, dropped: Receipt | None):
            return _verdict(self.of(request.session_hash), dropped)

        event.success(errors_shown(verdict), self.dropped, self.said, **QUIET)


def _files(records: Sequence[RunRecord], answers: Sequence[dict] = ()):
    if not records:
        raise UserError("There is no run to keep yet: press the button that makes one first.")
    made = files(records, answers)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in made.items():
            archive.writestr(name, data)
    made = {f"{records[0].name}_all.zip": packed.getvalue()} | made
    return gr.File([kept_file(data, name) for name, data in made.items()], visible=True)


def _sheet(receipt: Receipt):
    """What the easel is told: the side of the sheet and its layers, as it sends them itself."""
    if receipt.start is None and receipt.lines is None:
        return gr.skip()
    known = receipt.lines if receipt.start is None else np.asarray(receipt.start)
    told = {"n": known.shape[0], "nonce": secrets.token_hex(4)}
    layers = {"picture": receipt.start, "mask": receipt.mask, "lines": receipt.lines}
    for name, layer in layers.items():
        if layer is not None:
            pixels = np.asarray(layer) if name == "picture" else layer * np.uint8(255)
            if pixels.shape[:2] == (told["n"], told["n"]):
                told[name] = encoded(pixels)
    return gr.HTML(restored=told)


def _restored(given: Sequence[Callable[[Receipt], object]]):
    """`given` says what each further output gets of a receipt."""

    def restored(path: str | None) -> list:
        if not path:
            return [gr.skip()] * (2 + len(given))
        receipt = read_receipt(path)
        lines = [say(message) for message in receipt.messages]
        lines.append(say("The settings are restored. Run them again and the pictures are compared."))
        value = {"settings": receipt.settings, "lines": lines, "nonce": secrets.token_hex(4)}
        return [value, receipt, *(told(receipt) for told in given)]

    return restored


def _verdict(records: Sequence[RunRecord], dropped: Receipt | None) -> dict:
    if not records or dropped is None or not dropped.hashes:
        return gr.skip()
    return {"lines": [say(dropped.compared([record.final for record in records]))], "nonce": secrets.token_hex(4)}
