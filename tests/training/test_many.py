"""Training by several processes: the step of one, whoever goes on with it, and an end for all when one is gone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from playground import train
from playground.errors import UserError
from playground.training import trainer as training
from playground.training.data import read_pictures
from playground.training.many import Team
from playground.training.recipe import Recipe
from playground.training.session import runs_of
from playground.training.trainer import Trainer

RECIPE = Recipe(size=8, dims=(32,), attention=(0,), batch=9, held_out=4, warmup=2, lr=3e-3, sketch=32, sketch_batch=7)
FLAGS = "--size 8 --dims 32 --attention 0 --batch 9 --held-out 4 --warmup 2 --lr 3e-3 --sketch 32 --sketch-batch 7"
# Two of them, until one is killed within the sixth step; the state after three is kept.
TOGETHER = """
import os, signal, sys
from pathlib import Path
from playground import train
from playground.training.trainer import Trainer

step = Trainer.train_step

def killed(self, progress):
    if self.step == 3 and self.team.leads:
        self.save(Path("third.safetensors"))
    if self.step == 5 and not self.team.leads:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, progress)

Trainer.train_step = killed
train.main([*sys.argv[1:], "--images", "900"])
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """24 pictures of plain colours with captions."""
    folder = tmp_path_factory.mktemp("data")
    rows = []
    for k in range(24):
        Image.new("RGB", (8, 8), tuple((120 + 5 * k) * (c == k % 3) for c in range(3))).save(folder / f"{k}.png")
        rows.append({"file_name": f"{k}.png", "text": f"{'red green blue'.split()[k % 3]} {k // 3}"})
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def weights(run: Trainer) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in run.net.parameters()])


def trainer(data, **more) -> Trainer:
    return Trainer(RECIPE, read_pictures(data, 8), torch.device("cpu"), **more)


def gradients(run: Trainer) -> torch.Tensor:
    """Of one step's batch, as far as it is this process's."""
    given = run.batch(), run.sketched(), run.masks()
    run.loss_seen = sum(run.backward(twin, *given) for twin in range(len(run.twins)))
    return sum(torch.cat([weight.grad.flatten() for weight in twin.parameters()]) for twin in run.twins)


@pytest.mark.parametrize("size, accumulate", [(1, 3), (2, 1), (2, 2), (4, 1)])
def test_the_shares_of_all_are_the_batch(data, monkeypatch, float32, size, accumulate):
    """Nine pictures and seven captions, which no number of processes divides."""
    alone = trainer(data)
    whole, run = gradients(alone), trainer(data, accumulate=accumulate)
    monkeypatch.setattr(training, "threads", lambda: 1)
    total, loss = 0.0, 0.0
    for rank in range(size):
        run = trainer(data, accumulate=accumulate)
        run.team = Team(rank, size)
        total, loss = total + gradients(run), loss + run.loss_seen
    assert loss.item() == pytest.approx(alone.loss_seen.item(), rel=1e-5)
    torch.testing.assert_close(total, whole, atol=1e-5, rtol=1e-3)


def test_a_batch_that_is_too_small_to_share_is_refused(data):
    with pytest.raises(UserError, match="larger --batch"):
        trainer(data, accumulate=8)


def test_two_processes_and_then_one_take_the_steps_of_one(data, tmp_path, monkeypatch, float32):
    """Within 1e-4 of a weight after six steps; and when one is killed, the other ends with a sentence."""
    home = Path(train.__file__).parents[1]
    script = tmp_path / "together.py"
    script.write_text(TOGETHER)
    call = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", script]
    call += ["--data", data, "--out", "mine", "--device", "cpu", *FLAGS.split()]
    environment = os.environ | {"PYTHONPATH": str(home), "OMP_NUM_THREADS": "1", "PLAYGROUND_BF16": "0"}
    done = subprocess.run([*map(str, call)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode and "Another process of this training has ended" in done.stderr, done.stderr
    monkeypatch.chdir(tmp_path)
    assert not (runs_of(Path("mine")) / "log.jsonl").exists() and not Path("mine/model.safetensors").exists()

    alone, further = trainer(data), trainer(data)
    further.resume(tmp_path / "third.safetensors")
    begun = weights(alone)
    for _ in range(6):
        alone.train_step(0.0)
    for _ in range(3):
        further.train_step(0.0)
    assert further.step == 6 and (weights(alone) - begun).abs().max() > 5e-3
    torch.testing.assert_close(weights(further), weights(alone), atol=1e-4, rtol=0)
    assert further.loss == pytest.approx(alone.loss, rel=1e-4)
