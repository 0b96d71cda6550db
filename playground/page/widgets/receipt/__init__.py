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
from playground.runs.settings import DEFAULTS


class ReceiptCorner(Kept):
    """ "Files of this run" and a place to drop one, to be made inside a tab's column::

        corner = ReceiptCorner("generate", picture=image)   # `picture`: a `safe_image` that a run started from, if any
        event = button.click(run, inputs, player)
        corner.follow(event)

    where `run` calls ``corner.forget(request.session_hash)`` first and ``corner.keep(request.session_hash, records)``
    last. `other`: where the second picture of a mixture came from. `sheet`: the easel that a run was painted on, which
    gets back what was on it, and its settings with that. What is kept is on the server
    alone, and changes with the run itself: events of the page's that set it come in any order. When the event has ended
    well, the corner says whether a picture is that of the dropped receipt.
    """

    def __init__(
        self,
        tab: str,
        picture: gr.Image | None = None,
        sheet: gr.HTML | None = None,
        other: gr.Image | None = None,
    ) -> None:
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
                height=130,
                elem_id=f"{tab}-drop",
                elem_classes="lab-upload",
            )
            self.said = widget("receipt", elem_id=f"{tab}-receipt")
        keep.click(errors_shown(self.files), None, kept, **QUIET)
        given = {
            picture: lambda receipt: receipt.start or gr.skip(),
            other: lambda receipt: receipt.other or gr.skip(),
            sheet: _sheet,
        }
        given = {component: told for component, told in given.items() if component is not None}
        outputs = [self.said, self.dropped, *given]
        drop.upload(errors_shown(_restored(list(given.values()), mixes(sheet, other))), drop, outputs, **QUIET)

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


CANVAS, GRID = "Canvas", "Between two pictures"  # where in Paint pictures are mixed


def mixes(sheet: object, other: object) -> str:
    """Where a corner with a sheet, or with a second picture, is; "" of one that has neither: nothing is mixed there."""
    return CANVAS if sheet is not None else GRID if other is not None else ""


def _easels(receipt: Receipt) -> dict[str, object]:
    """What the easel is set to for what was made elsewhere: its mode by what the run was given, its own sampler and
    steps."""
    given = {"lines": receipt.lines, "fill": receipt.mask, "picture": receipt.start}
    found = {"paint_mode": next((mode for mode, what in given.items() if what is not None), None)}
    found |= {f"paint_{name}": receipt.settings.get(name) for name in ("sampler", "steps")}
    most = DEFAULTS["paint_steps"].high
    return {
        name: value
        for name, value in found.items()
        if value is not None and name not in receipt.settings and not (name == "paint_steps" and value > most)
    }


def _restored(given: Sequence[Callable[[Receipt], object]], place: str):
    """`given` says what each further output gets of a receipt, `place` where the corner is: see `mixes`."""

    def restored(path: str | None) -> list:
        if not path:
            return [gr.skip()] * (2 + len(given))
        receipt = read_receipt(path)
        lines = [say(message) for message in receipt.messages]
        settings, whence = receipt.settings, CANVAS if "paint_mode" in receipt.settings else GRID
        if receipt.other is not None and place != whence:
            sentence = "Two pictures are mixed in it, in Paint under “{place}”: dropped there, it brings both back."
            lines.append(say(UserError(sentence, place=say(whence))))
        elif place == CANVAS:
            settings = settings | _easels(receipt)
        lines.append(say("The settings are restored. Run them again and the pictures are compared."))
        value = {"settings": settings, "lines": lines, "nonce": secrets.token_hex(4)}
        return [value, receipt, *(told(receipt) for told in given)]

    return restored


def _verdict(records: Sequence[RunRecord], dropped: Receipt | None) -> dict:
    if not records or dropped is None or not dropped.hashes:
        return gr.skip()
    return {"lines": [say(dropped.compared([record.final for record in records]))], "nonce": secrets.token_hex(4)}
