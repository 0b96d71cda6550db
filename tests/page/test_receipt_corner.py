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

from playground.images import bundled, encoded, to_pixels, to_tensor
from playground.page.controls import safe_image
from playground.page.parts import easel
from playground.page.widgets.receipt import ReceiptCorner
from playground.runs import Live, experiments, lane_for
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


@pytest.fixture
def drop(tmp_path):
    """Drops a PNG in a corner with a sheet ("canvas"), with two pictures ("grid"), with one: what it tells each."""
    made = {}
    for name, given in {"canvas": ("sheet",), "grid": ("picture", "other"), "one": ("picture",)}.items():
        with gr.Blocks() as demo:
            ReceiptCorner(name, **{part: gr.HTML() if part == "sheet" else safe_image() for part in given})
        made[name] = next(fn.fn for fn in demo.fns.values() if fn.name == "restored")

    def dropped(corner, lane):
        (tmp_path / "run.png").write_bytes(png(lane.record()))
        value, _receipt, *given = made[corner](str(tmp_path / "run.png"))
        return value["settings"], " ".join(value["lines"]), given

    return dropped


CAT, SUN = bundled.picture("cat", 16), bundled.picture("sunset", easel.LARGEST)


def test_a_mixture_comes_back_as_a_mixture(engine, drop, monkeypatch):
    monkeypatch.setattr(experiments, "engine_for", lambda *_: engine)
    asked = {"paint_mode": "mix", "mix": 0.3, "strength": 0.4, "seed": 3, "style": "flat", "paint_steps": 3, "n": 16}
    live = easel.of_sheet(asked | {"picture": encoded(np.asarray(CAT))})
    live.finish()
    settings, said, (sheet,) = drop("canvas", live.lanes[0])
    wanted = {"paint_mode": "mix", "mix": 0.3, "other_picture": "sunset", "strength": 0.4, "paint_steps": 3}
    assert wanted.items() <= settings.items() and "mixed" not in said
    told = sheet.restored if hasattr(sheet, "restored") else sheet.props["restored"]
    assert told["picture"] == encoded(np.asarray(CAT))  # what was painted, not what came of mixing it
    again = easel.of_sheet({**asked, **settings, "picture": told["picture"]})
    again.finish()
    assert torch.equal(again.lanes[0].final, live.lanes[0].final)
    for elsewhere in ("grid", "one"):
        assert "under “Canvas”" in drop(elsewhere, live.lanes[0])[1]


def test_a_mixture_of_two_uploads_brings_both_back(engine, drop, monkeypatch):
    monkeypatch.setattr(experiments, "engine_for", lambda *_: engine)
    run = experiments.between_pictures(SETTINGS | {"seed": 3}, (CAT, SUN), [0, 0.5], [0.4, 0.8])
    run.finish()
    settings, said, (one, other) = drop("grid", run.lanes[1])
    assert settings["strength_2"] == 0.8 and "mixed" not in said and np.array_equal(one, CAT)
    assert np.array_equal(other, to_pixels(to_tensor(SUN, 16))[0])
    for elsewhere in ("canvas", "one"):
        assert "under “Between two pictures”" in drop(elsewhere, run.lanes[1])[1]


def test_on_the_easel_what_was_made_elsewhere_is_what_it_was(engine, drop, monkeypatch):
    monkeypatch.setattr(experiments, "engine_for", lambda *_: engine)
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[2:7, 3:9] = True
    for run, mode in (
        (experiments.filling(SETTINGS | {"seed": 3}, CAT, mask), "fill"),
        (experiments.editing(SETTINGS | {"seed": 3}, CAT, [0.5]), "picture"),
    ):
        run.finish()
        settings, *_ = drop("canvas", run.lanes[0])
        assert {"paint_mode": mode, "paint_sampler": "ddim", "paint_steps": 3}.items() <= settings.items()


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
