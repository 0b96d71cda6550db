"""The Train tab: what the page's own training is given, and that its fixture is PyTorch's."""

import json
import shutil
import zipfile
from dataclasses import replace

import pytest
from PIL import Image

from playground import checkpoints
from playground.engine import forget
from playground.errors import UserError
from playground.page.parts.slips import SLIPS, slips_told
from playground.page.tabs import train
from playground.page.tabs.train import origins, own_plan, plan_of, points_of
from playground.runs import engine_for
from playground.training import plans, watched
from playground.training.digits import digits
from playground.training.plans import digits_recipe
from tests import points


def test_the_fixture_of_the_pages_net_is_what_pytorch_says_now():
    kept, now = json.loads(points.FILE.read_text(encoding="utf-8")), points.fixture()
    assert [case.keys() for case in kept["cases"]] == [case.keys() for case in now["cases"]]
    for old, new in zip(kept["cases"], now["cases"], strict=True):
        assert old["after"] == pytest.approx(new["after"], abs=1e-9)
        assert old["losses"] == pytest.approx(new["losses"], abs=1e-9)
    assert kept["alpha_bar"] == pytest.approx(now["alpha_bar"], abs=1e-12)


def test_points_are_given_as_the_settings_say():
    value = points_of({"dataset": "rings", "T": 50, "prediction": "v", "width": 16, "learning_rate": 0.01})
    assert value["cloud"] == "rings" and value["T"] == 50
    assert value["settings"] == {
        "prediction": "v", "width": 16, "layers": 3, "seed": 7, "loss": "mse", "batch": 64, "rate": 0.01,
    }  # fmt: skip
    assert points_of({"dataset": "draw"})["points"] == []
    with pytest.raises(UserError):
        points_of({"width": 5000})


def test_a_plan_is_the_settings_and_shared_only_in_a_class():
    values = {"seen": 4000, "target": "x0", "slips": ["ema", "t"], "dropped": 0.0}
    first, again = (plan_of(values, "class") for _ in range(2))
    assert first.key == again.key is not None and first.images == 4000
    assert plan_of({**values, "slips": ["t", "ema"]}, "class").key == first.key
    assert plan_of({**values, "dropped": 0.1}, "class").key != first.key
    assert plan_of(values, "own").key is None
    with pytest.raises(UserError):
        plan_of({}, "off")
    for wrong in ({"schedule": "custom"}, {"seen": 10**9}, {"slips": ["x"]}):
        with pytest.raises(UserError):
            plan_of(wrong, "class")


def test_own_pictures_are_learnt_as_the_settings_say(tmp_path):
    files = [str(tmp_path / f"{k}.png") for k in range(2)]
    for file in files:
        Image.new("RGB", (9, 9)).save(file)
    plan = own_plan({"files": files, "minutes": 0.5})
    assert plan.key is None and plan.images is None and (plan.minutes, plan.name) == (0.5, "my-pictures")
    names = [name for _label, name in origins()]
    assert names[0] == "" and "emoji-32" in names and "avatars-64-turbo" not in names
    wrong = [{"files": None}, {"origin": "avatars-64-turbo"}, {"origin": str(tmp_path)}, {"minutes": 60}]
    for values in [*wrong, {"called": "a b c d"}]:
        with pytest.raises(UserError):
            own_plan({"files": files} | values)


def test_every_slip_has_a_symptom_and_a_mending():
    told = slips_told(list(SLIPS))
    for title, symptom, mending in SLIPS.values():
        assert all(part.key in told for part in (title, symptom, mending))
    assert slips_told([]) == ""


def test_what_was_lent_is_a_model_until_it_is_taken_back(tiny_checkpoint, tmp_path):
    folder = tmp_path / "my-digits-0123456789abcdef"
    shutil.copytree(tiny_checkpoint, folder)
    with pytest.raises(UserError):
        engine_for(folder.name)
    checkpoints.lend(folder)
    assert engine_for(folder.name).checkpoint.name == folder.name
    assert folder.name not in checkpoints.list_checkpoints()  # in nobody else's list
    checkpoints.take_back(folder.name)
    forget(folder.name)
    with pytest.raises(UserError):
        engine_for(folder.name)


def test_the_endpoint_gives_a_film_the_losses_and_the_checkpoint(client, tmp_path, monkeypatch):
    few, small = digits(200), dict(dims=(32,), attention=(0,), emb_dim=16, condition_dim=16, batch=96)
    monkeypatch.setattr(plans, "drawn", lambda: few)
    monkeypatch.setattr(train, "digits_recipe", lambda *given: replace(digits_recipe(*given), **small))
    monkeypatch.setattr(watched, "MARKS", 5)
    files, told = client.predict(seen=2000, seed=3, api_name="/train_digits")
    strip, archive = files
    assert Image.open(strip).height == 10 * 16 and Image.open(strip).width % 16 == 0
    zipfile.ZipFile(archive).extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    assert checkpoints.load(folder).size == 16
    assert told["images"] == 2016 and told["losses"][-1][0] == 2016 and told["seconds"] > 0 and told["seed"] == 3
