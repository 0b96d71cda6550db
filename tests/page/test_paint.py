"""Paint through its endpoints and the easel's questions: what is known stays, what is wrong is told in a sentence."""

from __future__ import annotations

import base64
import threading

import numpy as np
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from playground import checkpoints
from playground.images import bundled, to_pixels, to_tensor
from playground.page.parts import easel as easel_part
from playground.runs import experiments

SIDE = 16


@pytest.fixture(scope="module")
def name(tiny_checkpoint):
    return checkpoints.offer(str(tiny_checkpoint))


@pytest.fixture(scope="module")
def ask(client, name):
    common = {"checkpoint": name, "style": "flat", "prompt": "cat", "seed": 3, "steps": 4}
    return lambda api_name, **values: client.predict(**common | values, api_name=api_name)


@pytest.fixture
def files(tmp_path):
    """(the cat, a mask of its upper half) as files."""
    bundled.picture("cat", 100).save(tmp_path / "cat.png")
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:8] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return handle_file(tmp_path / "cat.png"), handle_file(tmp_path / "mask.png")


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_what_is_masked_is_made_anew_and_the_rest_stays_to_the_last_bit(ask, files):
    image, mask = files
    made, used = ask("/inpaint", image=image, mask=mask, resamplings=2, jump=2)
    before = to_pixels(to_tensor(bundled.picture("cat", 100), SIDE))[0]
    assert len(made) == 2 and used["resamplings"] == 2 and [p["nfe"] for p in used["pictures"]] == [8, 12]
    for each in made:
        assert np.array_equal(pixels(each)[8:], before[8:]) and not np.array_equal(pixels(each)[:8], before[:8])
    with pytest.raises(AppError, match="Nothing is masked"):
        ask("/inpaint", image=image, mask=handle_file(_black(files)))


def _black(files) -> str:
    path = files[0]["path"].replace("cat.png", "black.png")
    Image.new("L", (SIDE, SIDE)).save(path)
    return path


def test_between_two_pictures_is_a_grid(ask, files):
    made, used = ask("/interpolate_pictures", image=files[0], shares=[0, 0.5, 1], strengths=[0.5, 1])
    assert len(made) == 6 and used["grid"][4] == {"strength": 1, "mix": 0.5}
    gap = pixels(made[3]).astype(int) - pixels(made[5])
    assert np.abs(gap).max() <= 8  # from pure noise there is next to nothing left of either, but for bf16's roundings
    assert not np.array_equal(pixels(made[0]), pixels(made[2]))
    for wrong, sentence in ({"shares": []}, "0 pictures"), ({"strengths": ["x"]}, "Strength"), ({"shares": [7]}, "λ"):
        with pytest.raises(AppError, match=sentence):
            ask("/interpolate_pictures", **wrong)


def test_editing_goes_from_the_picture_to_the_prompt(ask, files):
    image = files[0]
    files, used = ask("/edit", image=image, strengths=[0, 0.3, 1], steps=10)
    assert used["strengths"] == [0, 0.3, 1]
    made = [np.asarray(Image.open(file)).astype(float) for file in files]
    clean = to_pixels(to_tensor(bundled.picture("cat", 100), SIDE))[0].astype(float)
    gaps = [np.abs(pixels - clean).mean() for pixels in made]
    assert gaps[0] == 0 and gaps[0] < gaps[1] < gaps[2]
    with pytest.raises(AppError, match="Strength"):
        ask("/edit", image=image, strengths=[2])
    with pytest.raises(AppError, match="one to eight"):
        ask("/edit", image=image, strengths=[0.1] * 9)


# ---------------------------------------------------------------- the easel


@pytest.fixture
def easel(name):
    """(answer, ground, trace) and a question that can be answered."""
    picture = np.asarray(bundled.picture("cat", SIDE))
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[4:12, 4:12] = 255
    asked = {"paint_mode": "picture", "checkpoint": name, "prompt": "cat", "style": "flat", "seed": 3, "strength": 0.5}
    asked |= {"paint_sampler": "ddim", "paint_steps": 4, "guidance_scale": 2.0, "n": SIDE, "seq": 5, "who": "me"}
    asked |= {"picture": base64.b64encode(picture).decode(), "mask": base64.b64encode(mask).decode()}
    return easel_part.questions("cpu"), asked


def shown(answer: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(answer["pixels"]), np.uint8).reshape(answer["n"], answer["n"], 3)


def test_a_stroke_is_answered_by_the_picture_that_the_run_makes(easel):
    (answer, *_), asked = easel
    told = answer(asked)
    assert (told["n"], told["seq"], told["nfe"], told["unknown"]) == (SIDE, 5, 4, [])
    values = asked | {"sampler": "ddim", "steps": 4}
    run = experiments.editing(values, bundled.picture("cat", SIDE), [0.5])
    run.finish()
    assert np.abs(shown(told).astype(int) - to_pixels(run.lanes[0].final)).max() <= 1
    filled = answer(asked | {"paint_mode": "fill"})
    kept = np.ones((SIDE, SIDE), bool)
    kept[4:12, 4:12] = False
    assert np.array_equal(shown(filled)[kept], np.asarray(bundled.picture("cat", SIDE))[kept])
    assert filled["nfe"] == 8


def test_a_picture_is_traced_and_a_model_without_lines_says_so(easel):
    (answer, _ground, trace), asked = easel
    told = trace(asked)
    lines = np.frombuffer(base64.b64decode(told["lines"]), np.uint8)
    assert told["n"] == SIDE and set(lines) == {0, 255} and 0.05 < (lines > 0).mean() < 0.6
    refused = answer(asked | {"paint_mode": "lines", "lines": told["lines"]})
    assert "lines" in refused["error"]


def test_the_easel_mixes_with_another_picture(easel):
    (answer, *_), asked = easel
    mixed = {share: shown(answer(asked | {"paint_mode": "mix", "mix": share, "strength": 0})) for share in (0, 0.5, 1)}
    cat = np.asarray(bundled.picture("cat", SIDE)).astype(int)
    sunset = to_pixels(to_tensor(bundled.picture("sunset", easel_part.LARGEST), SIDE))[0].astype(int)
    for share, picture in mixed.items():
        assert np.abs(picture - ((1 - share) * cat + share * sunset)).max() <= 1
    assert "no picture “x”" in answer(asked | {"paint_mode": "mix", "other_picture": "x"})["error"]


@pytest.mark.parametrize(("wrong", "sentence"), [
    ({"n": 0}, "no picture"), ({"n": 10**6}, "no picture"), ({"n": "16"}, "no picture"),
    ({"picture": None}, "no picture"), ({"picture": "AAAA"}, "no picture"),
    ({"picture": "A" * 10**6}, "no picture"), ({"picture": "***"}, "no picture"),
    ({"seed": -1}, "Seed must be"), ({"strength": "x"}, "Strength must be"), ({"paint_mode": "magic"}, "one of"),
    ({"paint_steps": 10**9}, "Steps of an answer"), ({"paint_sampler": "magic"}, "one of"),
    ({"checkpoint": "../x"}, ""),
    ({"paint_mode": "fill", "mask": base64.b64encode(bytes(SIDE * SIDE)).decode()}, "Nothing is masked"),
    ({"paint_mode": "fill", "resamplings": 20, "jump": 1, "paint_steps": 50}, "evaluations for every stroke"),
])  # fmt: skip
def test_what_the_easel_may_send_is_answered_or_refused_in_a_sentence(easel, wrong, sentence):
    (answer, ground, trace), asked = easel
    assert sentence in answer(asked | wrong)["error"]
    assert "error" not in answer(asked)  # nothing is left hanging
    for nonsense in (None, [], "x", 7, {}):
        assert "error" in answer(nonsense)
        assert "error" not in ground({}) and "error" in ground({"picture": "../x"}) and "error" in trace(nonsense)


def test_one_easel_has_one_question_in_work(easel, monkeypatch):
    (answer, *_), asked = easel
    begun, go_on = threading.Event(), threading.Event()
    last = easel_part.last

    def slow(live):
        begun.set()
        assert go_on.wait(10)
        return last(live)

    monkeypatch.setattr(easel_part, "last", slow)
    told = []
    thread = threading.Thread(target=lambda: told.append(answer(asked)))
    thread.start()
    assert begun.wait(10)
    assert answer(asked) == {"busy": True}
    go_on.set()
    assert "pixels" in answer(asked | {"who": "you"})  # somebody else's is answered meanwhile
    thread.join()
    assert "pixels" in told[0] and "pixels" in answer(asked)
