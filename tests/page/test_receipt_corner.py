"""The corner where a run is kept as files, and where such a file brings it back."""

import base64
import io
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

from playground.images import to_tensor
from playground.page.controls import safe_image
from playground.page.widgets.receipt import ReceiptCorner
from playground.runs import Live, lane_for
from playground.runs.receipts import files, png

SETTINGS = {"prompt": "cat face", "style": "flat", "sampler": "ddim", "steps": 3, "guidance_scale": 1.0}


@pytest.fixture(scope="module")
def corner():
    """{event: its function} of a corner of its own, and `keep` by which a run gets there."""
    with gr.Blocks() as demo:
        made = ReceiptCorner("denoise", picture=safe_image())
        made.follow(gr.Button().click(lambda: None))
    return {fn.name: fn.fn for fn in demo.fns.values()} | {"keep": made.keep}


def test_a_painted_sheet_comes_back(engine, tmp_path):
    start = to_tensor(Image.new("RGB", (16, 16), "red"), 16)
    mask = np.zeros((16, 16), bool)
    mask[2:7, 3:9] = True
    made = records(engine, 3, start=start, mask=torch.from_numpy(mask))
    (tmp_path / "painted.png").write_bytes(png(made[0]))
    with gr.Blocks() as demo:
        easel = gr.HTML()
        ReceiptCorner("paint", sheet=easel)
    restored = next(fn.fn for fn in demo.fns.values() if fn.name == "restored")
    *_, told = restored(str(tmp_path / "painted.png"))
    sheet = told.restored if hasattr(told, "restored") else told.props["restored"]
    assert sheet["n"] == 16 and base64.b64decode(sheet["mask"]) == (mask * np.uint8(255)).tobytes()
    assert base64.b64decode(sheet["picture"]) == bytes([255, 0, 0]) * 256 and "lines" not in sheet


ME = SimpleNamespace(session_hash="me")
NOBODY = SimpleNamespace(session_hash="nobody")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))


def records(engine, seed, **more):
    run = Live(engine, [lane_for(engine, SETTINGS | {"seed": seed}, **more)])
    run.finish()
    return [lane.record() for lane in run.lanes]


def test_a_run_is_kept_as_files_and_as_one_archive_of_them(corner, engine, tmp_path):
    made = records(engine, 3)
    corner["keep"]("me", made)
    shown = corner["files"](ME)
    paths = [Path(file["path"]) for file in shown.value]
    want = files(made)
    assert shown.visible and [path.name for path in paths] == [f"{made[0].name}_all.zip", *want]
    assert all(path.is_relative_to(tmp_path) for path in paths)
    with zipfile.ZipFile(paths[0]) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            path.name: path.read_bytes() for path in paths[1:]
        }
    assert paths[1].read_bytes() == want[paths[1].name]


def test_without_a_run_there_is_nothing_to_keep(corner):
    with pytest.raises(gr.Error, match="no run to keep"):
        corner["files"](NOBODY)


def test_a_dropped_file_brings_settings_and_picture_back_and_the_same_run_is_recognised(corner, engine, tmp_path):
    start = np.tile(np.arange(0, 256, 16, dtype=np.uint8)[:, None, None], (1, 16, 3))
    made = records(engine, 3, start=to_tensor(Image.fromarray(start), 16))
    name, data = next((name, data) for name, data in files(made).items() if name.endswith(".png"))
    (tmp_path / name).write_bytes(data)
    value, receipt, picture = corner["restored"](str(tmp_path / name))
    assert value["settings"]["seed"] == 3 and value["settings"]["prompt"] == "cat face"
    assert "restored" in value["lines"][-1] and np.array_equal(np.asarray(picture), start)
    verdicts = []
    for seed in (3, 4):
        corner["keep"]("me", records(engine, seed, start=to_tensor(Image.fromarray(start), 16)))
        verdicts.append(corner["verdict"](ME, receipt))
    again, other = verdicts
    assert again["lines"] != other["lines"] and again["nonce"] != other["nonce"]
    assert corner["verdict"](ME, None) == gr.skip() == corner["verdict"](NOBODY, receipt)


def test_no_file_changes_nothing_and_a_strange_one_is_refused(corner, tmp_path):
    assert corner["restored"](None) == [gr.skip()] * 3
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    (tmp_path / "mine.png").write_bytes(buffer.getvalue())
    with pytest.raises(gr.Error, match="settings"):
        corner["restored"](str(tmp_path / "mine.png"))
