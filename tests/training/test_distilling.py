"""A student lands where many steps of its teacher do: against a teacher whose flow is known in closed form."""

import json
import math
import signal

import pytest
import torch
from PIL import Image
from torch import nn

from playground import distil as command
from playground import train
from playground.checkpoints import load, outline
from playground.errors import UserError
from playground.models.denoiser import UNetDenoiser
from playground.training.data import PictureSet
from playground.training.distilling import Distillation, Distiller, ddim_step, distil, recipe_of, secant
from playground.training.quality import generate
from playground.training.recipe import Recipe
from playground.training.trainer import Trainer

SPREAD = 0.3  # of the teacher's pictures round their mean
MEANS = torch.tensor([0.0, 0.4, -0.4])  # without a style, and of the two styles


class Gaussian(nn.Module):
    """Pictures of a style are N(mean, SPREAD²) in every pixel: what a net has to say of them is known exactly."""

    def __init__(self, schedule) -> None:
        super().__init__()
        self.alpha_bar = schedule.alpha_bar.float()

    def embed(self, words, styles, lines=None):
        return (MEANS[styles],)

    def model(self, x, t, mean):
        mean, alpha_bar = mean[:, None, None, None].float(), self.alpha_bar[t.long()][:, None, None, None]
        a, s = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        x0 = mean + a * SPREAD**2 / (a**2 * SPREAD**2 + s**2) * (x - a * mean)
        return (a * x - x0) / s  # v


def moved(x, mean, here, there):
    """The flow's exact solution: x keeps its place within the distribution, which is Gaussian at every level."""
    (a, s), (a2, s2) = here, there
    scale = ((a2**2 * SPREAD**2 + s2**2) / (a**2 * SPREAD**2 + s**2)).sqrt()
    return a2 * mean + scale * (x - a * mean)


@pytest.fixture
def made(float32):
    pictures = PictureSet(torch.full((8, 3, 8, 8), 128, dtype=torch.uint8), [""] * 8, ["a", "b"] * 4, torch.ones(8))
    sizes = dict(size=8, dims=(32,), attention=(0,), batch=16, held_out=0, sketch=0, drop_style=0.0, drop_all=0.0)

    def distiller(**plan) -> Distiller:
        trainer = Trainer(Recipe(**sizes), pictures, torch.device("cpu"))
        return Distiller(trainer, Gaussian(trainer.net.schedule), Distillation(pool=32, **plan))

    return distiller


def test_the_teachers_trajectories_are_the_flow(made):
    distiller = made(guidance=1.0, steps=4, teacher_steps=200)
    _, told = distiller.trainer.pictures(32, distiller.trainer.draws())
    x = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(0)).clamp(-2, 2)
    path = distiller.trajectories(told, x)
    mean = MEANS[told.styles][:, None, None, None]
    for k in (50, 100, 150, 200):
        exact = moved(x, mean, distiller.at(0), distiller.at(k))
        assert (path[k] - exact).abs().max() < 0.02  # of first order: 200 steps


def test_guidance_pulls_away_from_what_is_drawn_without_a_condition(made):
    ends = {}
    for scale in (0.0, 1.0, 2.0):
        distiller = made(guidance=scale)
        _, told = distiller.trainer.pictures(32, distiller.trainer.draws())
        x = torch.randn(32, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        means = distiller.trajectories(told, x)[-1].mean(dim=(1, 2, 3))
        ends[scale] = (means * MEANS[told.styles].sign()).mean().item()
    assert ends[0.0] == pytest.approx(0.0, abs=0.05) and ends[1.0] == pytest.approx(0.4, abs=0.05)
    assert ends[2.0] == pytest.approx(0.8, abs=0.1)


def test_a_step_with_the_secant_lands_where_the_flow_does(made):
    distiller = made()
    x, mean = torch.randn(4, 3, 8, 8), torch.full((4, 1, 1, 1), 0.4)
    here, there = distiller.at(5), distiller.at(10)
    landed = moved(x, mean, here, there)
    torch.testing.assert_close(ddim_step(x, secant(x, landed, here, there), here, there), landed)


def test_what_the_student_is_to_believe_takes_it_to_its_next_level(made):
    distiller = made(guidance=1.0, steps=4, teacher_steps=200, own=0.0, between=0.3)
    distiller.draw_pool()
    x, index, target, told = distiller.batch()
    to = (index + 50).clamp(max=200)
    exact = moved(x, MEANS[told.styles][:, None, None, None], distiller.at(index), distiller.at(to))
    inside = target.abs() < 1  # elsewhere it was clipped
    landed = ddim_step(x, target, distiller.at(index), distiller.at(to))
    assert inside.float().mean() > 0.8 and (landed - exact)[inside].abs().max() < 0.03
    assert (index % 50 > 0).any() and (index % 50 == 0).any()
    again = distiller.batch()
    assert torch.equal(x, again[0]) and torch.equal(index, again[1])


def test_starts_of_its_own_are_where_the_student_got_to(made):
    distiller = made(own=1.0, between=0.0)
    distiller.draw_pool()
    path, own, _ = distiller.pools[0]
    assert path.shape == (21, 32, 3, 8, 8) and own.shape == (5, 32, 3, 8, 8)
    x, index, target, _ = distiller.batch()
    step = int(index[0]) // 5
    assert any(torch.equal(x[0], row.float()) for row in own[step])
    torch.testing.assert_close(target.abs().clamp(max=1), target.abs())


def test_a_distillation_that_was_stopped_goes_on(made, tmp_path):
    out, runs, seen = tmp_path / "student", tmp_path / "runs", {}
    first, again = made(updates=3), made(updates=3)

    def stopped_in_the_fourth(progress, step=first.train_step):
        if first.trainer.step == 3:
            signal.raise_signal(signal.SIGTERM)
        return step(progress)

    def watched(draw=again.draw_pool):
        seen.setdefault(again.drawn, [weight.clone() for weight in again.trainer.net.parameters()])
        draw()

    first.train_step, again.draw_pool = stopped_in_the_fourth, watched
    with pytest.raises(SystemExit, match="stopped at step 4"):
        distil(first, out, runs, 96, math.inf)
    distil(again, out, runs, 96, math.inf)
    assert list(seen) == [1] and again.trainer.step == 6
    assert all(map(torch.equal, seen[1], first.trainer.net.parameters()))
    with pytest.raises(UserError, match="other settings"):
        distil(made(updates=4), out, runs, 96, math.inf)
    (runs / "state.safetensors").unlink()
    (out / "model.safetensors").touch()
    with pytest.raises(UserError, match="holds a model already"):
        distil(made(updates=3), out, runs, 96, math.inf)


def test_steps_that_do_not_divide_and_models_of_other_kinds_are_refused(made):
    with pytest.raises(UserError, match="multiple"):
        made(steps=3)
    config = {"unet": {"dims": [16], "attention": [0]}, "size": 8, "schedule": "cosine", "T": 1000, "prediction": "v"}
    assert recipe_of(config, batch=4).dims == (16,)
    with pytest.raises(UserError, match="distilled already"):
        recipe_of(config | {"guidance": 2.0})
    with pytest.raises(UserError, match="own last estimate"):
        recipe_of(config | {"unet": {"self_condition": True}})


def test_the_commands_train_a_teacher_with_all_conditions_and_distil_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = []
    (tmp_path / "data").mkdir()
    for k in range(12):
        colour = ("red", "blue", "green")[k % 3]
        Image.new("RGB", (8, 8), colour).save(tmp_path / "data" / f"{k}.png")
        words = [f"{colour} square", "flat square", "small"]
        rows.append({"file_name": f"{k}.png", "text": f"{colour} square", "words": words, "style": "ab"[k % 2]})
    (tmp_path / "data" / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    small = "--size 8 --dims 32 --attention 0 --cross 1 --text transformer --lines 0.3 --sketch 0 --patch 1"
    small += " --emb-dim 32 --condition-dim 48"
    train.main(f"--data data --out teacher {small} --batch 4 --held-out 2 --images 40 --device cpu".split())
    written = json.loads((tmp_path / "teacher" / "history.json").read_text())
    assert [p["progress"] for p in written["points"]] == sorted(p["progress"] for p in written["points"])
    assert written["points"][0]["step"] == 0 and written["points"][-1]["images"] == 40
    with Image.open(tmp_path / "teacher" / "history.webp") as strips:
        side, pictures = written["samples"]["side"], written["samples"]["pictures"]
        assert strips.size == (side * len(pictures), side * len(written["points"]))
    command.main("--teacher teacher --data data --out student --pool 8 --updates 2 --batch 4 --images 12 "
                "--device cpu".split())  # fmt: skip
    student = load(tmp_path / "student")
    assert student.conditions == ("style", "text", "lines") and (student.guidance, student.steps) == (2.0, 4)
    assert student.teacher == outline(str(tmp_path / "student")).teacher == "teacher"
    assert "in place of 40" in student.card and "the weights of teacher" in student.card
    command.main("--teacher teacher --start student --data data --out further --pool 8 --updates 1 --batch 4 "
                 "--adversary 0.5 --images 4 --device cpu".split())  # fmt: skip
    card = load(tmp_path / "further").card
    assert "the weights of student" in card and "judge_weight 0.5" in card
    condition = student.parse("red square", "a", torch.ones(8, 8))[0]
    pictures, nfe = generate(UNetDenoiser(student), [condition], [0], "ddim", 4, 7.0)
    assert pictures.shape == (1, 3, 8, 8) and nfe == 4
