"""Training: it learns, what it writes loads, and a run that was interrupted ends as one that was not."""

import json
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch
from PIL import Image

from playground import train
from playground.checkpoints import load
from playground.errors import UserError
from playground.models.autoencoder import Autoencoder
from playground.models.devices import bf16
from playground.models.unet import Sketch
from playground.predictions import Prediction, q_sample
from playground.schedules import SCHEDULES
from playground.training import session
from playground.training import trainer as training
from playground.training.data import read_pictures
from playground.training.recipe import Recipe
from playground.training.trainer import Trainer

TINY = dict(
    size=8, dims=(32,), attention=(0,), emb_dim=32, condition_dim=32, sketch=32, sketch_batch=8, batch=8, held_out=4,
    warmup=2, lr=3e-3,
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """24 pictures: three colours in four shades, in two styles, with captions."""
    folder = tmp_path_factory.mktemp("data")
    rows = []
    for name, rgb in {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}.items():
        for k, shade in enumerate((120, 160, 200, 240)):
            for style in ("plain", "framed", "dotted"):
                image = Image.new("RGB", (8, 8), tuple(shade * c for c in rgb))
                if style == "framed":
                    image.paste("white", (0, 0, 8, 1))
                image.save(folder / f"{name}-{k}-{style}.png")
                rows.append({"file_name": f"{name}-{k}-{style}.png", "text": f"{name} {k}", "style": style})
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def share(those: torch.Tensor) -> float:
    return those.float().mean().item()


def trainer(data, **settings) -> Trainer:
    return Trainer(Recipe(**TINY | settings), read_pictures(data, 8), torch.device("cpu"))


@pytest.mark.parametrize(
    "settings", [{}, {"prediction": "eps", "loss": "l1"}, {"prediction": "x0"}, {"self_condition": True}]
)
def test_it_learns(data, settings):
    run = trainer(data, lr=1e-2, **settings)
    before = run.errors()
    for _ in range(80):
        assert math.isfinite(run.train_step(0.0))
    after = run.errors()
    for level in (-6.0, -4.0, -2.0):  # on pictures held out, with the running mean of the weights
        assert after[level] < 0.6 * before[level]


def test_a_start_is_its_seeds_alone_whoever_draws_at_that_moment(data, tmp_path):
    """Neither it nor a checkpoint that is loaded draws from torch's own generator, which all threads share."""
    busy = True

    def draw():
        while busy:
            torch.rand(7)

    first = trainer(data, text="transformer", cross=(1,), condition_dim=24)
    thread = threading.Thread(target=draw)
    thread.start()
    try:
        again = trainer(data, text="transformer", cross=(1,), condition_dim=24)
    finally:
        busy = False
        thread.join()
    one, two = first.net.state_dict(), again.net.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    first.net.save(tmp_path / "net", "")
    before = torch.get_rng_state()
    other = trainer(data, text="transformer", cross=(1,), condition_dim=24, seed=1)
    load(tmp_path / "net")
    assert torch.equal(torch.get_rng_state(), before)
    name = "model.stem.weight"
    assert not torch.equal(other.net.state_dict()[name], one[name])


@pytest.mark.parametrize("kind", ["eps", "x0", "v"])
def test_a_perfect_net_has_no_loss(data, kind):
    """The target, taken as the net's output, gives back the very picture and noise, so a wrong pair would show."""
    run = trainer(data, prediction=kind)
    x0, eps, t, _ = run.batch()
    levels = [run.net.schedule.level(float(each)) for each in t]
    x = q_sample(x0.double(), levels, eps.double())
    seen = {}

    def forward(given, times, condition, *, sketch):
        seen.update(x=given, t=times)
        target = {"eps": eps, "x0": x0, "v": Prediction(x0.double(), eps.double(), levels).v.float()}[kind]
        return target + 0 * run.net.model.head.weight.sum()  # so that there is something to differentiate

    run.twins, run.forwards = run.twins[:1], [forward]
    assert run.train_step(0.0) < 1e-10
    torch.testing.assert_close(seen["x"].double(), x, atol=1e-5, rtol=1e-5)
    assert torch.equal(seen["t"], t.float())


def test_every_batch_is_a_function_of_seed_and_step(data):
    one, two = trainer(data), trainer(data)
    two.step = one.step = 17
    for a, b in zip(one.batch(), two.batch(), strict=True):
        pairs = [(a, b)] if isinstance(a, torch.Tensor) else [(a.words, b.words), (a.styles, b.styles)]
        assert all(torch.equal(one, other) for one, other in pairs)
    two.step = 18
    assert not torch.equal(one.batch()[1], two.batch()[1])


def test_captions_for_the_sketch_are_others_than_those_of_the_batch(data):
    run = trainer(data, sketch_batch=2000, drop_words=0.0, drop_prompt=0.25, drop_style=0.4, drop_all=0.0)
    first, told = run.sketched()
    assert len(first) == 2000 and torch.equal(first, run.sketched()[0])
    assert share(told.words[:, 0] == 0) == pytest.approx(0.25, abs=0.04)
    assert not torch.equal(told.words[:8], run.batch()[3].words)
    run.step += 1
    assert not torch.equal(first, run.sketched()[0])
    assert trainer(data, sketch=0).sketched() is trainer(data, sketch_batch=0).sketched() is None


def test_dropout_is_a_function_of_seed_and_step_and_keeps_the_mean(data):
    run = trainer(data, sketch_batch=2000, sketch_dropout=0.3)
    masks = run.masks()
    assert masks.shape == (2008, 2, 32) and torch.equal(masks, run.masks())
    assert (masks == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert masks.mean().item() == pytest.approx(1.0, abs=0.02)
    run.step += 1
    assert not torch.equal(masks, run.masks())
    assert trainer(data, sketch_dropout=0.0).masks() is trainer(data, sketch=0).masks() is None


def test_the_sketch_becomes_the_picture_where_the_condition_tells_it(data):
    run = trainer(data, drop_words=0.0, drop_prompt=0.0, drop_style=0.0, drop_all=0.0, sketch_batch=32, lr=3e-2)
    for _ in range(60):
        run.train_step(0.0)
    net, seen = run.net.eval(), run.training
    conditions = [net.parse(text, style)[0] for text, style in zip(seen.texts, seen.styles, strict=True)]
    with torch.no_grad():
        drawn = net.model.sketch(*net.encode(conditions))
    truth = Sketch.of(seen.x0())
    assert (drawn - truth).square().mean() < 0.1 * (truth - truth.mean(dim=0)).square().mean()


def test_conditions_are_dropped_as_often_as_asked(data):
    run = trainer(data, batch=8000, drop_words=0.0, drop_prompt=0.25, drop_style=0.4, drop_all=0.0)
    told = run.batch()[3]
    assert share(told.words[:, 0] == 0) == pytest.approx(0.25, abs=0.03)
    assert share(told.styles == 0) == pytest.approx(0.4, abs=0.03)
    assert set((told.words > 0).sum(dim=1).tolist()) == {0, 2}
    together = trainer(data, batch=8000, drop_words=0.0, drop_prompt=0.0, drop_style=0.0, drop_all=0.2).batch()[3]
    nothing = (together.words[:, 0] == 0) & (together.styles == 0)
    assert share(nothing) == share(together.words[:, 0] == 0) == share(together.styles == 0)
    assert share(nothing) == pytest.approx(0.2, abs=0.03)
    halved = trainer(data, batch=8000, drop_words=0.5, drop_prompt=0.0, drop_style=0.0, drop_all=0.0).batch()[3].words
    assert share(halved > 0) == pytest.approx(0.5, abs=0.03)
    assert not ((halved[:, 0] == 0) & (halved[:, 1] > 0)).any()  # what is left closes up


def test_learning_rate(data):
    run = trainer(data, lr=1.0, warmup=10, cooldown=0.5)
    assert run.learning_rate(0.0) == pytest.approx(0.1)
    run.step = 50
    assert run.learning_rate(0.3) == 1.0
    assert run.learning_rate(0.75) == pytest.approx(0.5)
    assert run.learning_rate(1.0) == pytest.approx(0.0, abs=1e-12)


def interrupted_and_resumed(data, state) -> tuple[str, ...]:
    """Weights that differ by so much as a bit after six steps, and after three, a state written and read, and three."""
    whole, first = trainer(data), trainer(data)
    for _ in range(6):
        whole.train_step(0.0)
    for _ in range(3):
        first.train_step(0.0)
    first.running = torch.tensor(0.25)
    first.save(state)
    second = trainer(data)
    second.resume(state)
    assert (second.step, second.images) == (3, 24) and second.loss == first.loss
    for _ in range(3):
        second.train_step(0.0)
    ends = [
        run.net.state_dict() | {f"mean.{k}": v for k, v in run.mean.state_dict().items()} for run in (whole, second)
    ]
    return tuple(name for name, weight in ends[0].items() if not torch.equal(weight, ends[1][name]))


def test_interrupted_and_resumed_ends_in_the_same_weights_to_the_bit(data, tmp_path):
    """In a process of its own, on one core: a thread that changes how many threads arithmetic may take changes
    it for all of a process, and then sums are grouped otherwise."""
    alone = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), torch.set_num_threads, (1,))
    with alone:
        assert alone.submit(interrupted_and_resumed, data, tmp_path / "state.safetensors").result() == ()


def test_a_foreign_state_is_refused(data, tmp_path):
    state = tmp_path / "state.safetensors"
    trainer(data).save(state)
    with pytest.raises(UserError, match="other settings"):
        trainer(data, lr=1e-4).resume(state)
    state.write_bytes(state.read_bytes()[:50])
    with pytest.raises(UserError, match="not a training state"):
        trainer(data).resume(state)


@pytest.mark.parametrize("what", ["caption", "picture", "autoencoder"])
def test_a_state_of_other_data_is_refused(data, tmp_path, what):
    run = trainer(data)
    run.save(tmp_path / "state.safetensors")
    pictures = read_pictures(data, 8)
    if what == "caption":  # as many words, but each with another number
        pictures.texts[:] = [text.replace("red", "azure") for text in pictures.texts]
    elif what == "picture":
        pictures.pixels[3, 0, 0, 0] ^= 1
    space = Autoencoder([8], 1) if what == "autoencoder" else None
    other = Trainer(Recipe(**TINY), pictures, torch.device("cpu"), autoencoder=space)
    with pytest.raises(UserError, match="other pictures, captions or another autoencoder"):
        other.resume(tmp_path / "state.safetensors")


def test_ctrl_c_within_a_step_waits_for_its_end(data, tmp_path, monkeypatch):
    run, step = trainer(data, optimiser="adamw"), Trainer.train_step

    def interrupted(self, progress):
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, progress)

    monkeypatch.setattr(Trainer, "train_step", interrupted)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit, match="stopped at step 3"):
        session.train(run, tmp_path / "mine", tmp_path / "runs", 800, math.inf, "squares")
    assert signal.getsignal(signal.SIGINT) is before
    again = trainer(data, optimiser="adamw")
    again.resume(tmp_path / "runs" / "state.safetensors")
    steps = {int(state["step"]) for state in again.optimisers[0].state.values()}
    assert again.step == 3 and steps == {3}


def test_a_model_whose_training_is_elsewhere_is_not_written_over(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert session.runs_of(tmp_path / "v1" / "emoji") != session.runs_of(tmp_path / "v3" / "emoji")
    assert session.runs_of(tmp_path / "v1" / "emoji") == session.runs_of(tmp_path / "v2" / ".." / "v1" / "emoji")
    run = trainer(data)
    run.mean.save(tmp_path / "emoji", "# good")
    with pytest.raises(UserError, match="holds a model already"):
        session.train(run, tmp_path / "emoji", session.runs_of(tmp_path / "emoji"), 8, math.inf, "squares")
    assert load(tmp_path / "emoji").card.startswith("# good")


def test_fewer_pictures_than_cores(data, monkeypatch):
    monkeypatch.setattr(training, "threads", lambda: 4)
    run = trainer(data, batch=2, sketch_batch=0)
    assert len(run.twins) == 2 and math.isfinite(run.train_step(0.0))


def test_the_command_trains_writes_and_goes_on(data, tmp_path, monkeypatch, capsys):
    options = "--size 8 --dims 32 --attention 0 --emb-dim 16 --condition-dim 16 --sketch 16 --batch 8 --held-out 4"
    command = ["--data", str(data), "--out", str(tmp_path / "mine"), "--device", "cpu", *options.split()]
    call = [sys.executable, "-m", "playground.train", *command, "--images", "32"]
    path = str(train.__file__).rsplit("/", 2)[0]
    environment = {"PYTHONPATH": path, "PATH": "", "OMP_NUM_THREADS": "1"}
    first = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert first.returncode == 0, first.stderr
    checkpoint = load(tmp_path / "mine")
    assert checkpoint.vocabulary.words == ("0", "1", "2", "3", "blue", "green", "red")
    assert "32 pictures for training, 4 held out" in checkpoint.card
    (runs,) = (tmp_path / "runs").glob("mine-*")
    with Image.open(next(runs.glob("samples-*.png"))) as grid:
        assert grid.width == 3 * 8
    monkeypatch.chdir(tmp_path)
    train.main([*command, "--images", "64"])
    assert "going on from step 4, 32 images" in capsys.readouterr().out
    assert json.loads((runs / "log.jsonl").read_text().splitlines()[-1])["images"] == 64


def test_the_command_says_which_file_is_no_picture(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_text("no picture")
    with pytest.raises(SystemExit, match="playground.train: x.png: That file is not a picture"):
        train.main(["--data", str(tmp_path / "bad"), "--out", str(tmp_path / "n")])


def test_estimate_for_self_conditioning_is_x0(data):
    """With a net that answers rightly, the first guess is the picture."""
    schedule = SCHEDULES["cosine"].make(T=1000)
    for kind in ("eps", "x0", "v"):
        run = trainer(data, prediction=kind)
        x0, eps, t, _ = run.batch()
        t = t.clamp(max=900)  # further on, ε tells x0 only within float32's reach
        alpha_bar = schedule.alpha_bar[t].float()[:, None, None, None]
        x = alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * eps
        truth = {"eps": eps, "x0": x0, "v": alpha_bar.sqrt() * eps - (1 - alpha_bar).sqrt() * x0}[kind]
        guess = run.estimate_x0(lambda _, truth=truth: truth, x, t)
        torch.testing.assert_close(guess, x0, atol=1e-3, rtol=0)


def test_shares_of_a_batch_make_the_gradient_of_the_whole(data, monkeypatch, float32):
    runs = []
    for cores in (1, 3):
        monkeypatch.setattr(training, "threads", lambda cores=cores: cores)
        runs.append(trainer(data, optimiser="adamw"))
        assert len(runs[-1].twins) == (1 if cores == 1 else 2 * cores)
        losses = [runs[-1].train_step(0.0).item() for _ in range(2)]
        runs[-1].losses = losses
    assert runs[0].losses == pytest.approx(runs[1].losses, rel=1e-4)
    for a, b in zip(runs[0].net.parameters(), runs[1].net.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-5, rtol=1e-3)


def test_bf16_leaves_the_gradient_its_direction(data, monkeypatch):
    if not bf16():
        pytest.skip("this processor does not compute in bf16")
    gradients = {}
    for switch in ("0", "1"):
        monkeypatch.setenv("PLAYGROUND_BF16", switch)
        run = trainer(data)
        assert run.autocast == (switch == "1")
        for _ in range(3):  # the last layers start at zero, and nothing before them learns at first
            run.train_step(0.0)
        gradients[switch] = torch.cat([weight.grad.flatten() for weight in run.net.parameters()])
    assert 0.99 < torch.cosine_similarity(gradients["0"], gradients["1"], dim=0) < 1.0


def test_a_training_can_begin_with_the_weights_of_another(data, tmp_path):
    first = trainer(data)
    first.train_step(0.0)
    first.net.save(tmp_path / "begun", "")
    pictures, cpu = read_pictures(data, 8), torch.device("cpu")
    second = Trainer(Recipe(**TINY), pictures, cpu, start=load(tmp_path / "begun"))
    for a, b in zip(first.net.parameters(), second.mean.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-3)  # fp16 on disk
    for other in ({"dims": (64,)}, {"blocks": 2}, {"sketch": 0}):
        with pytest.raises(UserError, match="another net"):
            Trainer(Recipe(**TINY | other), pictures, cpu, start=load(tmp_path / "begun"))


def test_a_net_from_before_there_were_sketches_gets_one(data, tmp_path):
    first = trainer(data, sketch=0)
    first.train_step(0.0)
    first.net.save(tmp_path / "begun", "")
    begun = load(tmp_path / "begun")
    second = Trainer(Recipe(**TINY), read_pictures(data, 8), torch.device("cpu"), start=begun)
    x, t, told = torch.randn(2, 3, 8, 8), torch.tensor([10.0, 900.0]), second.batch()[3][:2]
    outputs = [net.model(x, t, *net.embed(told.words, told.styles)) for net in (begun, second.net.eval())]
    torch.testing.assert_close(*outputs)
    assert second.net.model.sketch is not None


def test_a_sketch_is_widened_without_drawing_anything_else(data, tmp_path, float32):
    first = trainer(data, sketch=16)
    for _ in range(5):
        first.train_step(0.0)
    first.net.save(tmp_path / "begun", "")
    begun = load(tmp_path / "begun")
    second = Trainer(Recipe(**TINY), read_pictures(data, 8), torch.device("cpu"), start=begun)
    told = second.batch()[3]
    sketches = [net.model.sketch(*net.embed(told.words, told.styles)) for net in (begun, second.net)]
    assert [net.model.sketch[0].out_features for net in (begun, second.net)] == [16, 32]
    torch.testing.assert_close(*sketches)
    before = second.net.model.sketch[4].weight.detach().clone()
    second.train_step(0.0)
    assert (second.net.model.sketch[4].weight - before)[:, 16:].abs().min() > 0  # the new units learn
    second.net.save(tmp_path / "wide", "")
    with pytest.raises(UserError, match="another net"):
        narrow = Recipe(**TINY | {"sketch": 16})
        Trainer(narrow, read_pictures(data, 8), torch.device("cpu"), start=load(tmp_path / "wide"))
