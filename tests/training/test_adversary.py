"""A judge tells a student's pictures from real ones and pulls them that way; and a finish that was stopped goes on."""

import copy
import math

import pytest
import torch

from playground.training.adversary import Finish, Finisher, beside
from playground.training.data import PictureSet
from playground.training.distilling import Distillation, distil
from playground.training.recipe import Recipe
from playground.training.trainer import Trainer

BRIGHT = 191  # every real picture: 0.5 in [−1, 1]


@pytest.fixture
def made(float32):
    grey = torch.full((8, 3, 8, 8), BRIGHT, dtype=torch.uint8)
    pictures = PictureSet(grey, [""] * 8, ["a", "b"] * 4, torch.ones(8))
    sizes = dict(size=8, dims=(32, 32), attention=(0, 0), batch=2, held_out=0, sketch=0, patch=1, emb_dim=32, lr=1e-3,
                 condition_dim=16, optimiser="adamw", warmup=1, drop_all=0.0)  # fmt: skip

    def finisher(**finish) -> Finisher:
        trainer = Trainer(Recipe(**sizes), pictures, torch.device("cpu"))
        teacher = copy.deepcopy(trainer.mean)
        teacher.load_state_dict(trainer.net.state_dict())
        plan = Distillation(pool=4, updates=2, guidance=1.0)
        return Finisher(trainer, teacher, plan, Finish(**{"noises": 4, "ahead": 0, "ramp": 1} | finish))

    return finisher


def test_a_judge_learns_to_tell_two_kinds_apart_and_pulls_towards_the_real_one(made):
    finisher = made(lr=1e-2)
    trainer, draw = finisher.trainer, torch.Generator().manual_seed(0)
    x0, told = trainer.pictures(4, draw)
    inputs = finisher.teacher.embed(told.words, told.styles)

    def score(x, to):
        with torch.no_grad():
            seen = finisher.judge.seen(finisher.teacher.model, x, finisher.t[to], inputs)
            return finisher.judge(seen, inputs[0]).mean(dim=1)

    for level in (20, 10):  # a picture, and the middle of the noise axis
        (signal, noise), to = finisher.at(level), torch.full((4,), level)
        for _ in range(15):
            dark = signal * -x0 + noise * torch.randn(x0.shape, generator=draw)
            pull = finisher.judged(dark, to, x0, told, draw)
        real = signal * x0 + noise * torch.randn(x0.shape, generator=draw)
        assert score(real, to).min() > score(dark, to).max()
        assert (score(dark - 0.02 * pull / pull.square().mean().sqrt(), to) > score(dark, to)).all()


def test_a_student_is_drawn_to_the_real_pictures(made):
    finisher = made(weight=10.0, lr=1e-2, others=0.0)
    trainer = finisher.trainer
    _, told = trainer.pictures(8, trainer.draws(3))
    x = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    before = finisher.rollout(told, x)[-1].mean().item()
    finisher.draw_pool()
    for _ in range(20):
        finisher.train_step(0.0)
    after = finisher.rollout(told, x)[-1].mean().item()
    assert abs(before) < 0.1 and after > before + 0.1


def test_it_is_judged_where_it_has_got_to_by_itself(made):
    finisher = made(others=0.0)
    _, told = finisher.trainer.pictures(6, torch.Generator().manual_seed(0))
    x, here, there = finisher.starts(told, torch.Generator().manual_seed(5))
    draw = torch.Generator().manual_seed(5)
    torch.rand((), generator=draw)
    path = finisher.rollout(told, torch.randn(6, 3, 8, 8, generator=draw))
    assert here[:6].tolist() == [15] * 6 and there[:6].tolist() == [20] * 6 and len(x) == 12
    assert set(here[6:].tolist()) <= {0, 5, 10} and torch.equal(there, here + 5)
    for row, level in enumerate(here.tolist()):
        torch.testing.assert_close(x[row], path[level // 5, row % 6])
    finisher.finish = Finish(others=1.0, strides=(20,))
    x, here, there = finisher.starts(told, draw)
    assert len(x) == 6 and here.tolist() == [0] * 6 and there.tolist() == [20] * 6


def test_a_finish_goes_on_with_the_judge_that_it_had(made, tmp_path):
    out, runs = tmp_path / "student", tmp_path / "runs"
    first, again = made(), made()
    distil(first, out, runs, 8, math.inf)
    assert beside(runs / "state.safetensors").is_file()
    distil(again, out, runs, 8, math.inf)  # has no steps left to take
    assert again.trainer.step == 4
    assert all(map(torch.equal, first.judge.state_dict().values(), again.judge.state_dict().values()))
    for finisher in (first, again):
        finisher.pools, finisher.drawn = [], 2
        finisher.draw_pool()
        finisher.train_step(0.5)
    for one, two in ((first.judge, again.judge), (first.trainer.net, again.trainer.net)):
        for a, b in zip(one.parameters(), two.parameters(), strict=True):
            torch.testing.assert_close(a, b)
