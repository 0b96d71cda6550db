"""Receipts: what a run is written to says how it was made, and read back it makes the same picture again."""

import base64
import io
import json
import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from playground import checkpoints
from playground.errors import UserError
from playground.images import to_pixels, to_tensor
from playground.runs import Live, engine_for, lane_for
from playground.runs.experiments import (
    OF_A_LANE,
    answer,
    between_pictures,
    duel,
    editing,
    guidance_pair,
    interpolation,
    pictures,
    prepared,
)
from playground.runs.receipts import (
    KEYWORD,
    MAX_JSON,
    files,
    png,
    read_receipt,
    sheet,
    to_json,
)
from playground.runs.records import (
    Moment,
    RunRecord,
    file_name,
    same_picture,
    sha256,
)
from playground.runs.settings import DEFAULTS, check

SETTINGS = {"prompt": "cat face", "style": "noto", "seed": 7, "sampler": "ddim", "steps": 5, "eta": 0.5,
            "checkpoint": "emoji-32", "guidance_scale": 2.0, "schedule": "cosine", "spacing": "trailing"}  # fmt: skip


def pixels(seed, size=8):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def record(steps=5, start=False, **more):
    moments = [
        Moment(1000 - 200 * k, k / steps, pixels(k), pixels(100 + k), pixels(200 + k), 2 * k) for k in range(steps)
    ]
    return RunRecord({**SETTINGS, **more}, moments, pixels(99), pixels(98) if start else None)


def restored(receipt):
    """What the page is set to after a receipt: settings, those it does not name at their defaults."""
    return {name: receipt.settings.get(name, row.default) for name, row in DEFAULTS.items()}


@pytest.mark.parametrize("write", [png, lambda r: to_json([r]).encode(), lambda r: json.dumps(r.settings).encode()])
def test_settings_and_picture_come_back(write, tmp_path):
    path = tmp_path / "receipt"
    path.write_bytes(write(record()))
    receipt = read_receipt(path)
    assert receipt.settings == SETTINGS and receipt.messages == []
    if receipt.final is not None:
        assert receipt.sha256 == sha256(pixels(99)) == record().sha256 and (receipt.final == pixels(99)).all()


def test_the_picture_a_run_started_from_comes_along():
    for data in (png(record(start=True)), to_json([record(start=True)]).encode()):
        assert (np.asarray(read_receipt(data).start) == pixels(98)).all()
    assert read_receipt(png(record())).start is None


def test_mask_and_lines_come_along():
    mask, lines = pixels(3)[..., 0] > 90, pixels(4)[..., 0] > 200
    made = replace(record(start=True), mask=mask, lines=lines)
    for data in (png(made), to_json([made]).encode()):
        found = read_receipt(data)
        assert np.array_equal(found.mask, mask) and np.array_equal(found.lines, lines) and not found.messages
    assert read_receipt(png(record())).mask is None
    broken = json.loads(to_json([made]))
    broken["pictures"][0]["lines"] = "AAAA"
    found = read_receipt(json.dumps(broken).encode())
    assert found.lines is None and np.array_equal(found.mask, mask) and "could not be read" in str(found.messages[0])


def test_names_say_what_is_in_a_file_and_never_collide():
    assert file_name(SETTINGS) == "cat-face_noto_seed-7_ddim-5"
    assert file_name({**SETTINGS, "strength": 0.6}) == "cat-face_noto_seed-7_ddim-5_strength-0.6"
    assert len(file_name({"prompt": "𝒜" * 60, "style": "é" * 60}).encode()) <= 121  # a name may have 255 bytes
    assert file_name({"prompt": "../../etc/passwd\0 ♥", "style": ""}) == "etc-passwd" and file_name({}) == "picture"
    made = files([record(), record(guidance_scale=1.0), record(seed=8)])
    assert sorted(made) == [
        "cat-face_noto_seed-7_ddim-5.png", "cat-face_noto_seed-7_ddim-5_2.png",
        "cat-face_noto_seed-7_ddim-5_3-pictures.gif", "cat-face_noto_seed-7_ddim-5_3-pictures.ipynb",
        "cat-face_noto_seed-7_ddim-5_3-pictures.json", "cat-face_noto_seed-7_ddim-5_3-pictures.webp",
        "cat-face_noto_seed-7_ddim-5_3-pictures_sheet.png", "cat-face_noto_seed-8_ddim-5.png",
    ]  # fmt: skip


def test_movies_and_sheet_show_the_run():
    two = [record(), record(steps=3, seed=8)]
    made = files(two)
    name = "cat-face_noto_seed-7_ddim-5_2-pictures"
    for ending in ("gif", "webp"):
        film = Image.open(io.BytesIO(made[f"{name}.{ending}"]))
        assert film.n_frames == 6 and film.info.get("loop") == 0
    film.seek(0)  # lossless: the enlarged pixels are those of the run
    shown = np.asarray(film.convert("RGB"))
    times = shown.shape[1] // 16
    assert (shown[::times, ::times] == np.block([[[pixels(0)], [pixels(0)]], [[pixels(100)], [pixels(100)]]])).all()
    page = Image.open(io.BytesIO(sheet(two)))
    assert read_receipt(sheet(two)).settings["seed"] == 7
    final = pixels(99).repeat(16, 0).repeat(16, 1)
    whole = np.asarray(page)
    assert any(
        (whole[y : y + 128, x : x + 128] == final).all()
        for y in range(0, 40)
        for x in range(page.width - 140, page.width - 127)
    )


def test_a_record_as_json_keeps_every_number_and_stays_readable():
    big = Moment(1.0, 0.5, *[np.zeros((256, 256, 3), np.uint8)] * 3, 1)
    written = to_json([RunRecord(SETTINGS, [big] * 100, big.x)])
    assert len(written) < MAX_JSON
    steps = json.loads(written)["pictures"][0]["steps"]
    assert (
        len(steps) == 100 and all(step["alpha_bar"] == 0.5 for step in steps) and 5 < sum("x" in s for s in steps) < 100
    )
    first = json.loads(to_json([record()]))["pictures"][0]["steps"][0]
    assert base64.b64decode(first["x0_hat"]) == pixels(100).tobytes() and first["t"] == 1000


def test_same_picture_says_how_same():
    one = pixels(0)
    near = np.clip(one.astype(int) + 1, 0, 255).astype(np.uint8)
    assert "to the last bit" in same_picture(one, one.copy()) and "one level" in same_picture(one, near)
    assert same_picture(one, pixels(1)).startswith("Another") and "sizes" in same_picture(one, pixels(0, 9))


@pytest.fixture(scope="module")
def tiny(tiny_checkpoint):
    name = checkpoints.offer(str(tiny_checkpoint))
    yield engine_for(name)
    checkpoints._offered.pop(name, None)


@pytest.mark.parametrize("from_picture", [False, True])
def test_a_dropped_receipt_makes_the_same_picture(tiny, from_picture):
    asked = {
        "prompt": "red cat",
        "style": "flat",
        "seed": 3,
        "sampler": "ddpm",
        "steps": 6,
        "strength": 0.7,
        "schedule": "linear",
    }
    start = to_tensor(Image.fromarray(pixels(5, 16)), tiny.size) if from_picture else None
    lane = lane_for(tiny, asked, start=start)
    Live(tiny, [lane]).finish()
    for data in (lane.png(), to_json([lane.record()]).encode()):
        receipt = read_receipt(data)
        values = restored(receipt)
        assert not receipt.messages and values["seed"] == 3 and values["sampler"] == "ddpm"
        begin = to_tensor(receipt.start, tiny.size) if from_picture else None
        again = lane_for(tiny, values, start=begin)
        Live(tiny, [again]).finish()
        assert same_picture(to_pixels(again.final), receipt.final).startswith("The same picture, to the last bit")


@pytest.fixture
def values(tiny):
    return {"checkpoint": tiny.checkpoint.name, "style": "flat", "prompt": "cat", "seed": 3, "steps": 3}


def finished(run):
    run.finish()
    return run, [to_pixels(lane.final) for lane in run.lanes]


def test_a_report_of_an_endpoint_brings_all_settings_back(values):
    files, used = answer(pictures(values | {"count": 3, "sampler": "dpmpp_2m", "guidance_scale": 1.5}))
    receipt = read_receipt(json.dumps(used).encode())
    assert not receipt.messages
    wanted = {**values, "count": 3, "sampler": "dpmpp_2m", "guidance_scale": 1.5, "start": "noise"}
    assert {name: receipt.settings[name] for name in wanted} == wanted
    _, again = finished(pictures(restored(receipt)))
    assert receipt.compared(again).startswith("The same picture, to the last bit")
    _, other = finished(pictures(restored(receipt) | {"seed": 9}))
    assert receipt.compared(other).startswith("Another")


@pytest.mark.parametrize("make", [
    guidance_pair, lambda values: interpolation(values | {"other_seed": 8}, 4),
    lambda values: duel(values, [{"sampler": "ddim"}, {"sampler": "euler_ancestral", "steps": 4, "eta": 0.5}]),
    lambda values: editing(values, Image.new("RGB", (16, 16), "teal"), [0.4, 1.0]),
    lambda values: between_pictures(values, (Image.fromarray(pixels(5, 16)), Image.fromarray(pixels(6, 16))),
                                    [0.25, 0.5], [0.4, 0.8]),
], ids=["pair", "between", "duel", "editing", "mixing"])  # fmt: skip
def test_any_picture_of_a_run_is_known_again(values, make):
    """Its receipt, dropped, and the same button pressed: not only the first picture of them is recognised."""
    run, first = finished(make(values))
    for lane, final in zip(run.lanes, first, strict=True):
        receipt = read_receipt(lane.png())
        told = {message.template for message in receipt.messages}
        assert told == ({"The picture lies between two seeds: the button for that makes it again."}
                        if "share" in lane.settings else set())  # fmt: skip
        again = restored(receipt)
        if "lane_count" in again and "sampler_1" in receipt.settings:
            numbers = range(1, receipt.settings["lane_count"] + 1)
            lanes = [{name: receipt.settings.get(f"{name}_{k}") for name in OF_A_LANE} for k in numbers]
            made = duel(again, lanes)
        elif receipt.other is not None:
            strengths = [receipt.settings[f"strength_{k}"] for k in (1, 2)]
            made = between_pictures(again, (receipt.start, receipt.other), [0.25, 0.5], strengths)
        elif "strength_2" in receipt.settings:
            assert receipt.settings["steered"]
            made = editing(again, receipt.start, [receipt.settings[f"strength_{k}"] for k in (1, 2)])
        else:
            made = make({name: again[name] for name in (*values, "guidance_scale")})
        assert receipt.compared(finished(made)[1]).startswith("The same picture")
        assert same_picture(final, receipt.final).startswith("The same picture, to the last bit")


def test_a_report_of_a_grid_is_of_no_row_of_seeds(values):
    run = between_pictures(values, (Image.new("RGB", (16, 16), "teal"), Image.new("RGB", (16, 16))), [0, 1], [0.5])
    _, used = answer(run)
    used["grid"] = [{name: lane.settings[name] for name in ("strength", "mix")} for lane in run.lanes]
    receipt = read_receipt(json.dumps(used).encode())
    assert not receipt.messages and "count" not in receipt.settings


def test_a_picture_that_was_steered_comes_back_steered(values):
    image = Image.new("RGB", (16, 16), "teal")
    for steered in (True, False):
        run = prepared(values | {"start": "picture", "image": image, "steered": steered, "strength": 0.5})
        receipt = read_receipt(finished(run)[0].lanes[0].png())
        assert (receipt.settings["start"], receipt.settings["steered"]) == ("picture", steered)
    run, _ = finished(prepared(values | {"start": "noise"}))
    assert read_receipt(run.lanes[0].png()).settings["start"] == "noise"  # where a picture was chosen since


def test_settings_that_nobody_knows_are_named():
    receipt = read_receipt(json.dumps({"seed": 3, "cfg_scale": 7, "lora": "x"}).encode())
    assert receipt.settings == {"seed": 3}
    assert [str(message) for message in receipt.messages] == ["Not known here, and left out: cfg_scale, lora."]


@pytest.mark.parametrize("from_picture", [False, True])
def test_the_notebook_runs_and_makes_the_same_picture(tiny, from_picture, capsys):
    start = to_tensor(Image.fromarray(pixels(5, 16)), tiny.size) if from_picture else None
    lane = lane_for(tiny, {"prompt": "red", "style": "round", "seed": 1, "steps": 4}, start=start)
    Live(tiny, [lane]).finish()
    notebook = json.loads(files([lane.record()])[f"{lane.record().name}.ipynb"])
    assert notebook["nbformat"] == 4 and len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    space = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), space)
    assert "The same picture, to the last bit." in capsys.readouterr().out


# ---------------------------------------------------------------- hostile files


def with_text(text, key=KEYWORD, **options):
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt(key, text, **options)
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG", pnginfo=chunks)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"[]", b"{}", b"null", b"7", b'"seed"', b"\xff\xfe", b"[" * 100_000,
     b'{"a":' * 100_000, b"\x89PNG\r\n\x1a\n",
     b'{"settings": 5}', b'{"pictures": [5], "settings": []}', b'{"steps_per_second": 3}',
     to_json([record()]).encode()[:-200], png(record())[:-300], with_text("{"), with_text("[]"), with_text("7"),
     with_text(""),
     with_text("{" * 100_000), with_text(" " * 3_000_000, zip=True), with_text("{}", key="other"),
     b'{"seed": ' + b"9" * 5000 + b"}", b'{"height": 8, "width": 8, "final": "!!!", "settings": {"seed": 1}}',
     b'{"height": 8, "width": 8, "final": "AAAA", "settings": {"seed": 1}}'],
    ids=lambda data: repr(data[:30]) + str(len(data)),
)  # fmt: skip
def test_what_is_no_receipt_is_refused_in_a_sentence(data):
    with pytest.raises(UserError) as caught:
        read_receipt(data)
    assert str(caught.value).endswith(".")


def test_bad_settings_are_named_and_left_out():
    hostile = {"seed": -1, "steps": "<script>", "prompt": "x" * 9999, "sampler": ["ddim"], "eta": 0.5,
               "checkpoint": "../../x", "evil": "__import__('os')", "tab": "generate", "T": True,
               "schedule": None}  # fmt: skip
    for data in (json.dumps(hostile).encode(), with_text(json.dumps(hostile))):
        receipt = read_receipt(data)
        assert receipt.settings == {"eta": 0.5, "checkpoint": check("checkpoint", "../../x")}
        assert len(receipt.messages) == 6 and str(receipt.messages[-1]).endswith("evil.")
    bad_start = json.dumps({"settings": {"seed": 1}, "start": base64.b64encode(b"no picture").decode()}).encode()
    assert read_receipt(bad_start).settings == {"seed": 1} and len(read_receipt(bad_start).messages) == 1


def test_files_too_large_are_refused(tmp_path):
    (tmp_path / "big.json").write_bytes(b" " * (MAX_JSON + 1))
    with pytest.raises(UserError, match="too large"):
        read_receipt(tmp_path / "big.json")
    with pytest.raises(UserError):
        read_receipt(tmp_path / "missing.json")


def test_damaged_receipts_end_in_a_receipt_or_a_sentence():
    chance = random.Random(1)
    for data in (png(record(start=True)), to_json([record(start=True)]).encode()):
        for _ in range(300):
            broken = bytearray(data)
            for _ in range(chance.randrange(1, 5)):
                broken[chance.randrange(min(len(broken), 2000))] = chance.randrange(256)
            try:
                read_receipt(bytes(broken[: chance.choice((len(broken), chance.randrange(len(broken))))]))
            except UserError:
                pass


def test_a_path_in_a_setting_opens_nothing(tiny):
    receipt = read_receipt(json.dumps({"checkpoint": "../../etc", "picture": "/etc/passwd"}).encode())
    with pytest.raises(UserError):
        engine_for(receipt.settings["checkpoint"])
