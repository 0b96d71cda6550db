"""The reader and what it reads: words of pictures drawn so that their truth is known, and a model that knows them."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import pytest
import torch

from playground.models.autoencoder import Pixels
from playground.models.conditioning import Condition, Vocabulary
from playground.schedules import SCHEDULES
from playground.training import read_measures, showing
from playground.training import reader as reading
from playground.training.asking import Counts, fitting, parts_of_captions, roomy, swapped_colours
from playground.training.captions import joined
from playground.training.data import PictureSet
from playground.training.evaluation import Amounts, Evaluation
from playground.training.reader import Reader, labels, train_reader
from playground.training.tables import evaluation_tables

COLOURS = {"red": (220, 40, 40), "blue": (40, 60, 220), "green": (40, 180, 60), "yellow": (230, 210, 60)}
STYLES = ("round", "square")
NEVER = ("red hair", "glasses")  # in the round style; elsewhere one has nothing to do with the other


def face(hair, clothes, glasses, style, shift):
    """16 × 16: hair above, clothes below, glasses as a black bar between; the styles differ in their background."""
    picture = torch.full((3, 16, 16), 255 if style == "round" else 180, dtype=torch.uint8)
    picture[:, 1:5, 2 + shift : 12 + shift] = torch.tensor(COLOURS[hair], dtype=torch.uint8)[:, None, None]
    picture[:, 11:, 1 + shift : 13 + shift] = torch.tensor(COLOURS[clothes], dtype=torch.uint8)[:, None, None]
    if glasses:
        picture[:, 7:9, 3 + shift : 11 + shift] = 0
    return picture


@pytest.fixture(scope="module", autouse=True)
def small():
    """A narrow reader that looks at 32 × 32 pixels learns in a second."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"SIDE": 32, "WIDTHS": (16, 32, 64, 128), "HIDDEN": 128}.items():
            patch.setattr(reading, name, value)
        yield


@pytest.fixture(scope="module")
def faces():
    """2,400 faces with words that are true by construction; red hair never comes with glasses in one style."""
    draw = torch.Generator().manual_seed(0)
    pixels, words, styles, unsure = [], [], [], []
    names = list(COLOURS)
    while len(pixels) < 2400:
        hair, clothes = (names[k] for k in torch.randint(0, 4, (2,), generator=draw).tolist())
        glasses, style = torch.randint(0, 2, (2,), generator=draw).tolist()
        style = STYLES[style]
        if glasses and hair == "red" and style == "round":
            continue
        pixels.append(face(hair, clothes, glasses, style, int(torch.randint(0, 3, (), generator=draw))))
        words.append((f"{hair} hair", f"{clothes} clothes", *(["glasses"] if glasses else [])))
        styles.append(style)
        unsure.append(())
    return PictureSet(torch.stack(pixels), [joined(w) for w in words], styles, torch.ones(len(words)), words, unsure)


@pytest.fixture(scope="module")
def reader(faces, small):
    return train_reader(faces)


def test_it_reads_what_is_true_and_keeps_it(reader, faces, tmp_path):
    _, found = reader.look_at(faces, range(400))
    true, _ = labels(faces, reader)
    assert ((found > 0.5) == (true[:400, : len(reader.words)] > 0)).float().mean() > 0.97
    features, _ = reader.look_at(faces)
    assert features.shape == (2400, 64)
    spread = features.std(dim=0)
    assert (spread[:-1] >= spread[1:] - 0.05).all()  # along the directions in which real pictures differ most
    reader.save(tmp_path / "runs" / "reader.safetensors")
    again = Reader.load(tmp_path / "runs" / "reader.safetensors")
    assert torch.equal(again.look_at(faces, [0, 7])[1], reader.look_at(faces, [0, 7])[1])
    assert again.words == reader.words and again.styles == STYLES
    (tmp_path / "runs" / "reader.safetensors").write_bytes(b"no reader")
    assert Reader.load(tmp_path / "runs" / "reader.safetensors") is None


def test_what_is_unsure_of_a_picture_teaches_nothing(faces):
    some = faces.subset(list(range(64)))
    unsure = [("glasses",)] * 64
    _, known = labels(PictureSet(some.pixels, some.texts, some.styles, some.weights, some.words, unsure),
                      Reader(["glasses", "red hair"], STYLES))  # fmt: skip
    assert not known[:, 0].any() and known[:, 1:].all()


# ------------------------------------------------------------------------------------------------ what is asked


def test_combinations_never_seen_are_found_and_no_others(faces):
    counts = Counts(faces)
    assert [(set(pair.phrases), pair.style) for pair in counts.never_together()] == [(set(NEVER), "round")]
    doubtful = [("glasses",) if "red hair" in words else () for words in faces.words]
    unsure = PictureSet(faces.pixels, faces.texts, faces.styles, faces.weights, faces.words, doubtful)
    assert not Counts(unsure).never_together()  # the glasses may be there: nobody said


def test_what_is_asked_for_is_true_of_real_pictures(faces):
    for asked in parts_of_captions(faces, 50):
        assert fitting(faces, asked) and 1 <= len(asked.phrases) <= 3
    counts = Counts(faces)
    for asked in roomy(faces, counts, 6, fewest=40):
        assert len(fitting(faces, asked)) >= 40
    swapped = swapped_colours(counts, 8)
    assert len(swapped) == 8
    for one, other in zip(swapped[::2], swapped[1::2], strict=True):
        assert sorted(one.prompt.split()) == sorted(other.prompt.split()) and one.prompt != other.prompt
        assert one.style == other.style
    for pair in counts.rarely_together(2):
        assert 25 <= len(fitting(faces, pair)) <= 75


def test_words_by_kind_and_what_excludes_what(faces):
    told = showing.vocabulary(Counts(faces))
    assert told["kinds"] == {
        "hair": ["blue hair", "green hair", "red hair", "yellow hair"],
        "extras": ["glasses"],
        "clothes": ["blue clothes", "green clothes", "red clothes", "yellow clothes"],
    }
    assert told["exclusive"] == [told["kinds"]["hair"], told["kinds"]["clothes"]]
    assert told["styles"]["round"] == Counts(faces).phrases
    assert told["examples"][-2:] == ["blue hair red clothes", "red hair blue clothes"] and json.dumps(told)


# ------------------------------------------------------------------------------------------------ what is measured


class Painter:
    """Knows by heart how to draw what is asked; what is left open it decides at random, otherwise for each noise. If
    `deaf` to the order it takes the first colour for both, if `mean` it always decides alike."""

    ALL = torch.stack([
        face(*each).float() / 127.5 - 1 for each in product(COLOURS, COLOURS, (False, True), STYLES, range(3))
    ])  # fmt: skip

    def __init__(self, deaf=False, mean=False):
        self.deaf, self.mean = deaf, mean
        self.checkpoint = SimpleNamespace(
            schedule=SCHEDULES["cosine"].make(1000), size=16, picture_size=16, channels=3, space=Pixels(), T=1000,
            model=SimpleNamespace(self_condition=False), styles=list(STYLES), conditional=True, name="painter",
            vocabulary=Vocabulary(["hair", "clothes", "glasses", *COLOURS]), parse=self.parse, steps=None,
            guidance=None, prediction_kind="x0",
        )  # fmt: skip

    def parse(self, prompt, style=None):
        return Condition(tuple(prompt.split()), style), ()

    def output(self, x, levels, conditions):
        return torch.stack([self.picture(*each) for each in zip(x, levels, conditions, strict=True)])

    def picture(self, x, level, condition):
        if level.signal_rate > 0.02:  # it goes on with the face that it has begun
            return self.ALL[(x - level.signal_rate * self.ALL).square().sum(dim=(1, 2, 3)).argmin()]
        draw = torch.Generator().manual_seed(0 if self.mean else int(1e6 * abs(x[0, 0, 0].item())))
        names, words, colour = list(COLOURS), list(condition.words), {}
        for noun in ("hair", "clothes"):
            colour[noun] = names[int(torch.randint(0, 4, (), generator=draw))]
            if noun in words:
                colour[noun] = words[words.index(noun) - 1]
        if self.deaf and "hair" in words and "clothes" in words:
            colour = dict.fromkeys(colour, min(colour.values()))
        glasses = bool(torch.randint(0, 2, (), generator=draw)) or "glasses" in words
        style = condition.style or STYLES[int(torch.randint(0, 2, (), generator=draw))]
        shift = int(torch.randint(0, 3, (), generator=draw))
        return face(colour["hair"], colour["clothes"], glasses, style, shift).float() / 127.5 - 1


AMOUNTS = Amounts(asked=40, combinations=8, swapped=16, prompts=3, unconditional=96, sampled=2)


def evaluated(faces, painter, reader, **settings):
    split = faces.subset(list(range(2200))), faces.subset(list(range(2200, 2400)))
    made = Evaluation(painter, split, 1.0, amounts=replace(AMOUNTS), **settings)
    made.reader = reader
    made.sampler, made.own_steps = "ddim", 2
    return made


def test_a_painter_who_listens_is_told_from_one_who_does_not(faces, reader):
    good, deaf = (evaluated(faces, Painter(deaf), reader) for deaf in (False, True))
    for made in (good, deaf):
        read_measures.words(made)
    words = good.results["words"]
    assert words["shown"] > 0.97 and words["real"] > 0.97 and words["false_alarms"] < 0.03
    assert words["combinations"]["shown"] > 0.9 and words["combinations"]["pairs"] == 1
    assert words["swapped"]["right"] == 1 and words["swapped"]["real"] > 0.97
    assert words["sharpness"] == pytest.approx(words["sharpness_real"], rel=0.2)  # glasses are asked for more often
    assert sum(asked for _, asked in words["by_word"].values()) == sum(
        len(one.phrases) for one in parts_of_captions(good.pictures[1], 40)
    )
    assert deaf.results["words"]["swapped"]["right"] == 0
    assert 0.4 < deaf.results["words"]["swapped"]["hair"] < 0.6  # the first of two colours is right half the time
    tables = {table.name: table for table in evaluation_tables(about(good))}
    assert tables["Does it show what was asked?"].rows["colours of hair and clothes the right way round"][0] == "100 %"


def about(made):
    return {"sampler": "ddim", "steps": 2, "guidance_scale": 1.0, "training": 1, "held_out": 1} | made.results


def test_a_painter_who_always_draws_the_same_has_no_spread(faces, reader):
    free, mean = (evaluated(faces, Painter(mean=mean), reader) for mean in (False, True))
    free.scales = mean.scales = (1.0,)
    for made in (free, mean):
        read_measures.spread(made)
    free, mean = (made.results["spread"]["by_guidance"]["1"] for made in (free, mean))
    assert free["spread"] == pytest.approx(1, abs=0.2) and free["spread_read"] == pytest.approx(1, abs=0.2)
    assert mean["spread"] < 0.1 and mean["spread_read"] < 0.1 and mean["shown"] > 0.97
    assert free["coverage"] > mean["coverage"] + 0.2 and mean["precision"] > 0.8


def test_more_steps_are_tried_and_what_was_missed_is_said(faces, reader, monkeypatch):
    monkeypatch.setattr(read_measures, "LONGER", (("ddim", 2), ("heun", 3)))
    tables = []
    for mean in (False, True):
        made = evaluated(faces, Painter(mean=mean), reader)
        made.scales = (1.0,)
        for measure in (read_measures.words, read_measures.spread, read_measures.longer):
            measure(made)
        of_two, of_heun = made.results["longer"]["by_way"].values()
        assert (of_two["nfe"], of_heun["nfe"]) == (2, 4)
        assert of_two["spread"] == pytest.approx(made.results["spread"]["by_guidance"]["1"]["spread"])
        tables.append({table.name: table for table in evaluation_tables(about(made))})
    free, mean = (next(row for name, row in table["What it was to reach"].rows.items() if "guidance 1" in name)
                  for table in tables)  # fmt: skip
    assert mean[0] == "≥ 0.95" and mean[1].endswith(", missed") and float(mean[1].split(",")[0]) < 0.1
    assert free[1].endswith("missed") == (float(free[1].split(",")[0]) < 0.95)
    assert set(tables[0]["Would more steps help?"].rows) == {"ddim, 2 steps", "heun, 3 steps", "real pictures"}


def test_without_a_condition_it_is_compared_with_as_many_real_ones(faces, reader):
    free, mean = (evaluated(faces, Painter(mean=mean), reader) for mean in (False, True))
    for made in (free, mean):
        read_measures.unconditional(made)
    free, mean = (made.results["unconditional"] for made in (free, mean))
    assert free["pictures"] == 96 and free["frechet"] < 4 * free["frechet_real"]
    assert mean["frechet"] > 10 * mean["frechet_real"] and mean["coverage"] < 0.2 < free["coverage"]


def test_a_student_beside_its_teacher(faces, reader, monkeypatch):
    monkeypatch.setattr(read_measures, "TEACHER_STEPS", 4)
    monkeypatch.setattr(read_measures, "STUDENT_STEPS", (1, 2, 4))
    teacher, student = Painter(), Painter(mean=True)
    student.checkpoint.guidance = 1.0
    made = evaluated(faces, student, reader, teacher=teacher)
    assert made.scales == (1.0,)
    made.amounts.taught = 2
    read_measures.teacher(made)
    rows = made.results["teacher"]["rows"]
    assert [(row["who"], row["steps"]) for row in rows[:3]] == [("teacher", 4), ("student", 1), ("teacher", 1)]
    own = {row["steps"]: row for row in rows[1:] if row["who"] == "student"}
    equal = {row["steps"]: row for row in rows[1:] if row["who"] == "teacher"}
    assert set(own) == {1, 2, 4} and own[4]["nfe"] == 4 and equal[2]["nfe"] == 2
    assert own[4]["off"] > 40 and equal[2]["off"] < 20  # the student draws another picture
    assert own[4]["spread"] < 0.1 < equal[2]["spread"]
    (table,) = evaluation_tables(about(made))
    assert "teacher, 4 steps" in table.rows and "student, 1 step" in table.rows


def test_one_made_for_few_steps_is_asked_for_as_many(faces):
    student = Painter()
    student.checkpoint.guidance, student.checkpoint.steps = 2.0, 4
    made = Evaluation(student, None, 5.0)
    assert (made.sampler, made.own_steps, made.guidance) == ("ddim", 4, 2.0)
