"""The corner of a tab where a run is kept as files, and where such a file brings a run back."""

from __future__ import annotations

import io
import secrets
import zipfile
from collections.abc import Sequence

import gradio as gr

from playground.errors import UserError
from playground.page.controls import QUIET, errors_shown
from playground.page.translations import _, say
from playground.page.undocumented import kept_file
from playground.page.widgets import widget
from playground.runs.receipts import Receipt, files, read_receipt
from playground.runs.records import RunRecord, same_picture

KEPT = 3600  # seconds that a session's last run, and its files, stay


class ReceiptCorner:
    """ "Files of this run" and a place to drop one, to be made inside a tab's column::

        corner = ReceiptCorner("generate", picture=image)   # `picture`: a `safe_image` that a run started
        from, if any event = button.click(run, inputs, [player, corner.run])
        corner.follow(event)

    where `run` lastly yields a list of `RunRecord` (``[RunRecord.of(lane) for lane in live.lanes]``) for
    `corner.run` and `gr.skip()` for it before. When the event has ended well, the corner says whether the new
    picture is that of the dropped receipt.
    """

    def __init__(self, tab: str, picture: gr.Image | None = None) -> None:
        self.run = gr.State(None, time_to_live=KEPT)
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
        keep.click(errors_shown(_files), self.run, kept, **QUIET)
        outputs = [self.said, self.dropped] + ([picture] if picture is not None else [])
        drop.upload(errors_shown(_restored(len(outputs))), drop, outputs, **QUIET)

    def follow(self, event) -> None:
        """After `event`, an ended run, compare its first picture with the dropped receipt's."""
        event.success(errors_shown(_verdict), [self.run, self.dropped], self.said, **QUIET)


def _files(records: Sequence[RunRecord] | None):
    if not records:
        raise UserError("There is no run to keep yet: press the button that makes one first.")
    made = files(records)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in made.items():
            archive.writestr(name, data)
    made = {f"{records[0].name}_all.zip": packed.getvalue()} | made
    return gr.File([kept_file(data, name) for name, data in made.items()], visible=True)


def _restored(outputs: int):
    def restored(path: str | None) -> list:
        if not path:
            return [gr.skip()] * outputs
        receipt = read_receipt(path)
        lines = [say(message) for message in receipt.messages]
        lines.append(say("The settings are restored. Run them again and the pictures are compared."))
        value = {"settings": receipt.settings, "lines": lines, "nonce": secrets.token_hex(4)}
        return [value, receipt, receipt.start or gr.skip()][:outputs]

    return restored


def _verdict(records: Sequence[RunRecord] | None, dropped: Receipt | None) -> dict:
    if not records or dropped is None or dropped.final is None:
        return gr.skip()
    return {"lines": [say(same_picture(records[0].final, dropped.final))], "nonce": secrets.token_hex(4)}
