"""A person's own pictures: read within bounds, learnt from nothing or from another net, compared with what it draws."""

import io
import zipfile

import pytest
import torch
from PIL import Image

from playground.checkpoints import Checkpoint, load
from playground.errors import UserError
from playground.training import own, plans, watched
from playground.training.classroom import Classroom
from playground.training.looks import nearest
from playground.training.own import own_pictures
from playground.training.plans import pictures_plan, pictures_recipe
from playground.training.recipe import Recipe
from playground.training.watched import merged

COLOURS = ("red", "green", "blue", "white", "black", "gold")
SMALL = dict(size=8, dims=(32,), attention=(0,), emb_dim=16, condition_dim=16, batch=4, sketch=0, sketch_batch=0,
             held_out=0, warmup=2)  # fmt: skip


def png(colour):
    file = io.BytesIO()
    Image.new("RGB", (12, 8), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def files(tmp_path):
    """Two pictures and a zip with four, among what computers leave in zips."""
    for colour in COLOURS[:2]:
        (tmp_path / f"{colour}.png").write_bytes(png(colour))
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        for colour in COLOURS[2:]:
            archive.writestr(f"album/{colour}.png", png(colour))
        for name in ("album/notes.txt", "__MACOSX/album/blue.png", ".hidden.png"):
            archive.writestr(name, b"none")
    return [tmp_path / "red.png", tmp_path / "green.png", tmp_path / "more.zip"]


def test_files_and_zips_are_one_set_with_a_word_or_without(files):
    found = own_pictures(files, 8, "My Cat")
    assert found.texts == ["my cat"] * 6 and found.pixels.shape == (6, 3, 8, 8)
    assert found.pixels[0, :, 0, 0].tolist() == [255, 0, 0]
    assert {tuple(picture[:, 4, 4].tolist()) for picture in found.pixels} == {
        (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (255, 215, 0),
    }  # fmt: skip
    assert own_pictures(files, 8).texts == [""] * 6


def test_what_is_too_few_too_many_too_large_or_no_picture_is_said(files, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="fewest"):
        own_pictures(files[:1], 8)
    with pytest.raises(UserError, match="at most"):
        own_pictures(files, 8, "one two three four")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="bad.png: That file is not a picture"):
        own_pictures([*files, tmp_path / "bad.png"], 8)
    monkeypatch.setattr(own, "MOST", 5)
    with pytest.raises(UserError, match="6 pictures are more"):
        own_pictures(files, 8)
    monkeypatch.setattr(own, "MAX_BYTES", 20)
    with pytest.raises(UserError, match="album/.*too large"):
        own_pictures(files[2:], 8)


def test_the_nearest_picture_and_how_far_it_is():
    known = torch.rand(5, 3, 4, 4)
    distances, which = nearest(known[[3, 1]] + 0.01, known)
    assert which.tolist() == [3, 1] and distances.tolist() == pytest.approx([0.01, 0.01], rel=1e-3)
    apart, other = nearest(known, known, leave_own=True)
    for k in range(5):
        by_hand = [(known[k] - each).square().mean().sqrt().item() for each in known]
        by_hand[k] = 9.0
        assert other[k] == min(range(5), key=by_hand.__getitem__) and apart[k] == pytest.approx(min(by_hand), rel=1e-4)


@pytest.fixture
def room(monkeypatch):
    monkeypatch.setattr(watched, "MARKS", 4)
    room = Classroom()
    yield room
    room.close()


def trained(room, plan):
    there = room.ask(plan, "me")
    return there, merged(list(there.follow("me", lambda: room.place(there))))


def test_from_nothing_for_so_long_with_copies_looked_for(room, files):
    there, told = trained(room, pictures_plan(Recipe(**SMALL), files, "cat", 0.01))
    assert told["end"]["status"] == "done" and there.plan.key is None
    first, last = told["looks"][0], told["looks"][-1]
    assert (first["images"], told["start"]["images"]) != (0, 0) and last["images"] > 0
    assert len(last["distances"]) == plans.COLUMNS and told["start"]["apart"] > 0
    net = load(there.folder)
    assert net.vocabulary.words == ("cat",) and net.name.startswith("my-pictures-")
    assert "6 pictures of somebody's own" in net.card
    folder = there.folder
    room.leave(there, "me")
    assert not folder.exists()  # nobody else's, and gone with its person


def test_going_on_keeps_all_that_the_net_knew_and_adds_the_word(files, tmp_path):
    torch.manual_seed(3)
    unet = {"dims": [32], "attention": [False], "emb_dim": 16}
    before = Checkpoint(size=8, words=("dog", "ape"), styles=("flat",), condition_dim=16, unet=unet)
    for weight in before.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
    before.save(tmp_path / "before", "")
    recipe = pictures_recipe("eps", "mse", "linear", 50, 1)
    trainer, shown = pictures_plan(recipe, files, "cat", 1.0, str(tmp_path / "before")).make()
    net = trainer.mean
    assert net.vocabulary.words == ("dog", "ape", "cat") and net.styles == ["flat"]
    assert (net.T, net.prediction_kind, net.schedule.name) == (1000, "v", "cosine") and len(shown.known) == 6
    start, x, t = load(tmp_path / "before"), torch.randn(2, 3, 8, 8), torch.tensor([10.0, 700.0])
    for prompt in ("ape", "dog", ""):
        asked = [each.encode([each.parse(prompt, "flat")[0]] * 2) for each in (start, net)]
        outputs = [each.model(x, t, *told) for each, told in zip((start, net), asked, strict=True)]
        torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-4)
    asked = [net.parse(prompt)[0] for prompt in ("cat", "")]
    torch.testing.assert_close(*(net.encode([each])[0] for each in asked))  # a new word begins as none at all
    with pytest.raises(UserError, match="Only models that were trained here"):
        Checkpoint(size=8, condition_dim=16, unet=unet, guidance=2.0, steps=4).save(tmp_path / "student", "")
        pictures_plan(recipe, files, "", 1.0, str(tmp_path / "student"))
