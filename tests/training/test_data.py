"""Pictures to train on: every layout is read, what is wrong is named, and held-out pairs stay out."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from playground.errors import UserError
from playground.training.data import (
    SKIN_TONE_WEIGHT,
    PictureSet,
    held_out,
    read_pictures,
)


def png(colour, size=(6, 4), mode="RGB", **options) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG", **options)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    """Three pictures in the imagefolder layout, one of them half transparent."""
    (tmp_path / "noto").mkdir()
    (tmp_path / "noto" / "red.png").write_bytes(png((255, 0, 0)))
    (tmp_path / "noto" / "glass.png").write_bytes(png((0, 0, 0, 128), mode="RGBA"))
    (tmp_path / "hand.png").write_bytes(png((0, 255, 0)))
    rows = [
        {"file_name": "noto/red.png", "text": "red square", "style": "noto"},
        {"file_name": "noto/glass.png", "text": "glass", "style": "noto"},
        {"file_name": "hand.png", "text": "hand", "skin_tone": True},
    ]
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    return tmp_path


def zipped(folder, name="all.zip"):
    with zipfile.ZipFile(folder.parent / name, "w") as archive:
        for file in folder.rglob("*"):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return folder.parent / name


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_imagefolder(folder, pack):
    pictures = read_pictures(pack(folder), 8)
    assert pictures.texts == ["red square", "glass", "hand"]
    assert pictures.styles == ["noto", "noto", ""]
    assert pictures.weights.tolist() == pytest.approx([1, 1, SKIN_TONE_WEIGHT])
    assert pictures.pixels.shape == (3, 3, 8, 8)
    assert pictures.pixels[0, :, 0, 0].tolist() == [255, 0, 0]
    assert pictures.pixels[1].unique().tolist() == [127]  # half black over white
    torch.testing.assert_close(pictures.x0()[0, :, 3, 3], torch.tensor([1.0, -1, -1]))


def test_plain_folder_is_cropped_upright_and_centred(tmp_path):
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, 2:6] = 200
    Image.fromarray(wide).save(tmp_path / "b.png")
    turned = Image.new("RGB", (4, 4), "black")
    turned.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[274] = 6  # "rotate by 90° to see me": the top left corner belongs to the top right
    turned.save(tmp_path / "a.png", exif=exif)
    pictures = read_pictures(tmp_path, 4)
    assert pictures.pixels[1].unique().tolist() == [200]
    assert pictures.pixels[0, 0, 0].tolist() == [0, 0, 0, 255]
    assert (pictures.texts, pictures.styles) == (["", ""], ["", ""])


def spoil(folder, what):
    if what == "text":
        (folder / "hand.png").write_text("I am not a picture")
    elif what == "cut off":
        (folder / "hand.png").write_bytes((folder / "noto" / "red.png").read_bytes()[:40])
    elif what == "missing":
        (folder / "hand.png").unlink()
    elif what == "line":
        with open(folder / "metadata.jsonl", "a") as table:
            table.write("{not json\n")
    elif what == "no name":
        with open(folder / "metadata.jsonl", "a") as table:
            table.write('{"text": "cat"}\n')
    elif what == "empty":
        (folder / "metadata.jsonl").write_text("")


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("text", "hand.png: That file is not a picture"),
        ("cut off", "hand.png: That file is not a picture"),
        ("missing", "names hand.png, which is not there"),
        ("line", "Line 5 of metadata.jsonl"),
        ("no name", "Line 5 of metadata.jsonl"),
        ("empty", "metadata.jsonl is empty"),
    ],
)
def test_bad_data_names_the_file(folder, what, sentence):
    spoil(folder, what)
    with pytest.raises(UserError, match=sentence):
        read_pictures(folder, 8)


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("16 bits.png", Image.fromarray(np.full((4, 4), 32768, np.uint16))),
        ("float.tif", Image.fromarray(np.full((4, 4), 0.5, np.float32))),
        ("new.avif", Image.new("RGB", (16, 16), (128, 128, 128))),
    ],
)
def test_every_kind_of_picture_comes_through_the_same_door_as_on_the_page(tmp_path, kind, made):
    made.save(tmp_path / kind)
    pixels = read_pictures(tmp_path, 4).pixels.float()
    assert pixels.mean().item() == pytest.approx(128, abs=2)


def test_the_metadata_of_every_split_are_read(tmp_path):
    for split, colour in (("train", "red"), ("test", "blue")):
        (tmp_path / split).mkdir()
        (tmp_path / split / "a.png").write_bytes(png(colour))
        (tmp_path / split / "metadata.jsonl").write_text(json.dumps({"file_name": "a.png", "text": colour}))
    assert sorted(read_pictures(tmp_path, 4).texts) == ["blue", "red"]


def test_a_table_with_commas_is_read_too(tmp_path):
    (tmp_path / "a.png").write_bytes(png("red"))
    (tmp_path / "b.png").write_bytes(png("blue"))
    table = 'file_name,text,style,weight,skin_tone\na.png,"red, round",flat,2.5,False\nb.png,hand,,,True\n'
    (tmp_path / "metadata.csv").write_text(table, encoding="utf-8-sig")
    pictures = read_pictures(tmp_path, 4)
    assert (pictures.texts, pictures.styles) == (["red, round", "hand"], ["flat", ""])
    assert pictures.weights.tolist() == pytest.approx([2.5, SKIN_TONE_WEIGHT])
    (tmp_path / "metadata.jsonl").write_text("{}")
    with pytest.raises(UserError, match="keep one of them"):
        read_pictures(tmp_path, 4)


def test_a_text_may_begin_with_a_byte_order_mark_and_hold_unicodes_line_ends(folder):
    row = {"file_name": "hand.png", "text": "two\u2028lines"}
    text = json.dumps(row, ensure_ascii=False)
    (folder / "metadata.jsonl").write_text(text, encoding="utf-8-sig")
    assert read_pictures(folder, 4).texts == ["two\u2028lines"]
    (folder / "metadata.jsonl").write_text('{"file_name": "hand.png", "text": "café"}', encoding="latin-1")
    with pytest.raises(UserError, match="metadata.jsonl is not a text in UTF-8"):
        read_pictures(folder, 4)


@pytest.mark.parametrize(("weight", "kept"), [("null", 1.0), ("0.25", 0.25), ('"3"', 3.0)])
def test_a_weight_that_is_left_out_is_one(folder, weight, kept):
    rows = f'{{"file_name": "hand.png", "weight": {weight}}}\n{{"file_name": "noto/red.png"}}'
    (folder / "metadata.jsonl").write_text(rows)
    assert read_pictures(folder, 4).weights.tolist() == [kept, 1.0]


@pytest.mark.parametrize("weight", ["NaN", "-1", "Infinity", '"much"', "[1]", "1e999"])
def test_a_weight_that_is_none_is_named_by_its_line(folder, weight):
    (folder / "metadata.jsonl").write_text(f'{{"file_name": "hand.png", "weight": {weight}}}\n')
    with pytest.raises(UserError, match="The weight in line 1 of metadata.jsonl"):
        read_pictures(folder, 4)


def test_weights_of_zero_alone_are_refused(folder):
    (folder / "metadata.jsonl").write_text('{"file_name": "hand.png", "weight": 0}\n')
    with pytest.raises(UserError, match="weight 0"):
        read_pictures(folder, 4)


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped])
def test_what_computers_leave_among_pictures_is_passed_over(tmp_path, pack):
    folder = tmp_path / "mine"
    for name in ("a.png", "._a.png", "__MACOSX/._a.png", ".ipynb_checkpoints/a-checkpoint.png", "deep/.hidden/b.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png("red") if name == "a.png" else b"no picture")
    assert len(read_pictures(pack(folder), 4)) == 1


def test_no_data(tmp_path):
    with pytest.raises(UserError, match="no pictures there"):
        read_pictures(tmp_path, 8)
    with pytest.raises(UserError, match="no folder or zip"):
        read_pictures(tmp_path / "nowhere", 8)
    (tmp_path / "a.zip").write_text("no zip")
    with pytest.raises(UserError, match="neither a folder nor a zip"):
        read_pictures(tmp_path / "a.zip", 8)


def test_held_out_pairs_are_new_but_their_parts_are_not():
    texts = [f"thing {i // 4}" for i in range(160)]
    styles = ["abcd"[i % 4] for i in range(160)]
    pictures = PictureSet(torch.arange(160).byte()[:, None, None, None], texts, styles, torch.ones(160))
    training, held = held_out(pictures, 20, seed=3)
    assert (len(training), len(held)) == (140, 20)
    pairs = set(zip(training.texts, training.styles, strict=True))
    for text, style in zip(held.texts, held.styles, strict=True):
        assert (text, style) not in pairs and text in training.texts and style in training.styles
    assert torch.equal(held_out(pictures, 20, seed=3)[1].pixels, held.pixels)
    assert not torch.equal(held_out(pictures, 20, seed=4)[1].pixels, held.pixels)


def test_what_is_held_out_is_known_in_two_styles_more_and_is_no_variant_of_another():
    texts = [f"thing {i // 3}" for i in range(90)]
    styles = ["abc"[i % 3] if i < 60 else "ab"[i % 2] for i in range(90)]  # the last ten things in two styles
    weights = torch.ones(90)
    weights[1:60:3] = SKIN_TONE_WEIGHT
    pictures = PictureSet(torch.arange(90).byte()[:, None, None, None], texts, styles, weights)
    _training, held = held_out(pictures, 10, seed=0)
    assert len(held) == 10
    assert all(int(text.split()[1]) < 20 for text in held.texts) and (held.weights == 1).all()
