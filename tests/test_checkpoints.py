"""Checkpoints: what is saved comes back, and whatever else lies in a folder is refused in a sentence."""

import json
import os
import shutil
import threading

import pytest
import torch

from playground import checkpoints
from playground.checkpoints import (
    Checkpoint,
    list_checkpoints,
    load,
    locate,
    offer,
)
from playground.errors import UserError
from playground.models import checkpoint as checkpoint_module
from playground.models.conditioning import Condition
from playground.models.publishing import writable


@pytest.fixture
def folder(tiny_checkpoint, tmp_path):
    """A copy of the tiny checkpoint that a test may damage."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "mine")


def test_saved_and_loaded_it_says_the_same(folder):
    checkpoint = load(folder)
    again = folder.parent / "again"
    checkpoint.save(again, "# a card")
    twin = load(again)
    assert (twin.name, twin.size, twin.T, twin.prediction_kind) == ("again", 16, 1000, "v")
    assert (twin.vocabulary.words, twin.styles) == (checkpoint.vocabulary.words, checkpoint.styles)
    assert twin.card.startswith("# a card")
    assert not twin.training
    x, t = torch.randn(2, 3, 16, 16), torch.tensor([3.0, 700.0])
    conditions = [Condition(("cat",), "flat"), Condition()]
    with torch.no_grad():
        ours = checkpoint.model(x, t, *checkpoint.encode(conditions))
        theirs = twin.model(x, t, *twin.encode(conditions))
    assert torch.equal(ours, theirs)  # fp16 on disk both times: nothing more is lost


def test_half_precision_costs_less_than_a_grey_level(folder):
    torch.manual_seed(1)
    exact = load(folder)
    with torch.no_grad():
        for parameter in exact.parameters():
            parameter.mul_(1 + 1e-4 * torch.randn_like(parameter))  # weights that fp16 cannot hold
    exact.save(folder.parent / "half", "# half")
    half = load(folder.parent / "half")
    x, t, c = torch.randn(4, 3, 16, 16), torch.tensor([1.0, 300.0, 600.0, 1000.0]), [Condition(("red",), "round")] * 4
    with torch.no_grad():
        difference = exact.model(x, t, *exact.encode(c)) - half.model(x, t, *half.encode(c))
    assert 0 < difference.abs().max() < 2 / 255


def contents(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("failing", ["weights", "a rename"])
def test_a_save_that_fails_leaves_the_checkpoint_as_it_was(folder, monkeypatch, failing):
    before, checkpoint = contents(folder), load(folder)

    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    if failing == "weights":
        monkeypatch.setattr(checkpoint_module, "save_file", full)
    else:
        monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(folder, "# another card")
    assert contents(folder) == before


def test_while_it_is_saved_a_checkpoint_can_be_loaded(folder):
    checkpoint, done = load(folder), threading.Event()

    def save():
        for _ in range(30):
            checkpoint.save(folder, "# a card")
        done.set()

    thread = threading.Thread(target=save)
    thread.start()
    loaded = 0
    while not done.is_set():
        load(folder)
        loaded += 1
    thread.join()
    assert loaded > 1 and not [file for file in folder.iterdir() if file.name.startswith(".")]


def test_a_folder_that_cannot_be_written_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="Nothing can be written to"):
        writable(tmp_path / "file" / "mine")


def test_unconditional(tmp_path):
    net = Checkpoint(size=8, unet={"dims": [32], "attention": [False], "emb_dim": 16})
    net.save(tmp_path / "plain", "# plain")
    plain = load(tmp_path / "plain")
    assert plain.encode([Condition()]) == ()
    assert plain.parse("cat", "noto") == (Condition(), ())


def test_parse_names_unknown_words_and_refuses_unknown_styles(folder):
    checkpoint = load(folder)
    assert checkpoint.parse("blue cats, zeppelin", "flat") == (Condition(("blue", "cat"), "flat"), ("zeppelin",))
    assert checkpoint.parse("", "") == (Condition(), ())
    with pytest.raises(UserError, match="no style “cubist”; it knows flat, round"):
        checkpoint.parse("cat", "cubist")


def damage(folder, what):
    weights, config = folder / "model.safetensors", folder / "config.json"
    if what == "cut off":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif what == "header of rubbish":
        weights.write_bytes(b"\xff" * 4000)
    elif what == "empty":
        weights.write_bytes(b"")
    elif what == "no config":
        config.unlink()
    elif what == "no weights":
        weights.unlink()
    elif what == "pickled":
        weights.unlink()
        torch.save({}, folder / "pytorch_model.bin")
    elif what == "config of rubbish":
        config.write_text("{rubbish")
    elif what == "config of another kind":
        config.write_text(json.dumps({"_class_name": "DiTTransformer2DModel", "sample_size": 32}))
    elif what == "config is a list":
        config.write_text("[1, 2]")
    else:
        values = json.loads(config.read_text())
        values["unet"]["dims"] = [16, 48]
        config.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("cut off", "cut off or damaged"),
        ("header of rubbish", "cut off or damaged"),
        ("empty", "cut off or damaged"),
        ("no config", "has no config.json"),
        ("no weights", "has no model.safetensors"),
        ("pickled", "has no model.safetensors"),
        ("config of rubbish", "is not a checkpoint of this playground"),
        ("config of another kind", "is a DiTTransformer2DModel"),
        ("config is a list", "is not a checkpoint of this playground"),
        ("another net", "is not a checkpoint of this playground"),
    ],
)
def test_damage_is_told_in_a_sentence(folder, what, sentence):
    damage(folder, what)
    with pytest.raises(UserError, match=sentence):
        load(folder)


def test_nothing_is_unpickled(folder):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    damage(folder, "no weights")
    torch.save(Trap(), folder / "pytorch_model.bin")
    with pytest.raises(UserError):
        load(folder)
    with pytest.raises(UserError, match="pickled"):
        # where the mixin goes when a Hub repository has no safetensors
        Checkpoint._load_as_pickle(Checkpoint(), str(folder / "pytorch_model.bin"), "cpu", True)


@pytest.mark.parametrize("name", ["nowhere", "../../etc", "", "a/b/c", "/etc", "owner/not-there"])
def test_what_is_not_there_is_told_in_a_sentence(name):
    with pytest.raises(UserError):
        load(name)


def test_what_is_said_of_its_words_is_read_or_nothing(folder):
    empty = {"kinds": {}, "exclusive": [], "styles": {}, "examples": []}
    assert checkpoints.vocabulary(str(folder)) == empty == checkpoints.vocabulary("nowhere")
    told = {"kinds": {"hair": ["red hair"]}, "exclusive": [["a", "b"]], "styles": {"flat": ["a"]}, "examples": ["red"]}
    (folder / "vocabulary.json").write_text(json.dumps(told))
    assert checkpoints.vocabulary(str(folder)) == told
    for damaged in ("{", "[]", '{"kinds": 3}', json.dumps(told | {"exclusive": ["ab"]})):
        (folder / "vocabulary.json").write_text(damaged)
        assert checkpoints.vocabulary(str(folder)) == empty
    (folder / "styles.webp").write_bytes(b"picture")
    assert checkpoints.beside(str(folder), "styles.webp") == b"picture"
    assert checkpoints.beside(str(folder), "config.json") == b""  # only what is meant to be shown


def test_offered_folders_join_the_list(folder, monkeypatch):
    monkeypatch.setattr(checkpoints, "_offered", {})
    before = list_checkpoints()
    assert offer(str(folder)) == "mine"
    assert list_checkpoints() == [*before, "mine"]
    assert locate("mine") == folder
    assert offer("mine") == "mine"


def test_shipped_checkpoint():
    assert list_checkpoints()[0] == checkpoints.DEFAULT == "avatars-64"
    checkpoint = load("emoji-32")
    assert (checkpoint.size, checkpoint.channels, checkpoint.T, checkpoint.schedule.name) == (32, 3, 1000, "cosine")
    assert {"noto", "blob", "emojitwo", "fluent-3d", "fluent-flat"} == set(checkpoint.styles)
    assert sum(file.stat().st_size for file in (checkpoints.FOLDER / "emoji-32").iterdir()) < 20e6
    assert checkpoint.parse("cat face with heart eyes")[1] == ()
