"""Pictures made from pixels: filling a hole and mixing two pictures, against their papers written down plainly."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from playground.checkpoints import Checkpoint
from playground.engine import Engine
from playground.errors import UserError
from playground.images import bundled, to_pixels, to_tensor
from playground.models.denoiser import UNetDenoiser, clipped, guided
from playground.runs import experiments
from playground.runs.experiments import between_pictures, drawing_of, drawn, filling, mask_of, painted
from playground.runs.notebooks import notebook
from playground.samplers.noise import noise_of
from playground.schedules import spaced

SIDE, SEED, STEPS = 16, 3, 5
SETTINGS = {"prompt": "cat face", "style": "flat", "seed": SEED, "sampler": "ddpm", "steps": STEPS}
CAT, SUN = (bundled.picture(name, 64) for name in ("cat", "sunset"))


@pytest.fixture(scope="module")
def latent():
    """An engine of latents of 8 × 8, whose weights are drawn at random."""
    torch.manual_seed(1)
    unet = {"dims": [16, 32], "attention": [False, True], "emb_dim": 32, "head_dim": 16}
    space = {"dims": [8], "blocks": 1}
    engine = Engine(Checkpoint(size=SIDE // 2, words=("cat", "face"), styles=("flat",), unet=unet, autoencoder=space))
    yield engine
    engine.close()


@pytest.fixture(params=["pixels", "latents"])
def model(request, engine, monkeypatch):
    """An engine, and the experiments asking it whatever the settings say."""
    chosen = engine if request.param == "pixels" else request.getfixturevalue("latent")
    monkeypatch.setattr(experiments, "engine_for", lambda *_: chosen)
    return chosen


def asked_by_hand(model):
    condition, _ = model.checkpoint.parse("cat face", "flat")
    denoise = clipped(guided(UNetDenoiser(model.checkpoint), 2.0))
    return lambda x, level: denoise(x, level, [condition])


def ddpm_step(x, x0, here, there, z):
    """Ho et al. 2020, eq. 6 and 7."""
    alpha, left = here.alpha_bar / there.alpha_bar, 1 - here.alpha_bar
    mean = (there.signal_rate * (1 - alpha) * x0 + alpha**0.5 * (1 - there.alpha_bar) * x) / left
    return mean + ((1 - alpha) * (1 - there.alpha_bar) / left) ** 0.5 * z


def corner() -> Image.Image:
    """A mask: the upper left quarter, and one pixel beside it."""
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[:8, :8] = pixels[11, 11] = 255
    return Image.fromarray(pixels)


def test_a_hole_is_filled_as_the_paper_says_and_the_rest_is_what_it_was(model):
    mask = mask_of(corner(), SIDE)
    run = filling(SETTINGS, CAT, mask)
    run.finish()
    (lane,) = run.lanes

    start = to_tensor(CAT, SIDE)
    x0, noise, ask = model.space.encode(start.double()), noise_of(SEED), asked_by_hand(model)
    touched = mask.view(1, 1, SIDE, SIDE)
    if model.space.factor == 2:  # a latent is made anew wherever the mask touches its square
        touched = touched[..., ::2, ::2] | touched[..., 1::2, ::2] | touched[..., ::2, 1::2] | touched[..., 1::2, 1::2]
    x = noise(x0.shape)
    for here, there in zip(spaced(model.schedule, STEPS), spaced(model.schedule, STEPS)[1:], strict=False):
        known = here.signal_rate * x0 + here.noise_rate * noise(x.shape)
        x = torch.where(touched, x, known)
        x = ddpm_step(x, ask(x, here).x0, here, there, noise(x.shape) if there.t else torch.zeros_like(x))
    x = torch.where(touched, x, x0)
    made = to_pixels(model.space.decode(x)[0]).astype(int)

    got, before = to_pixels(lane.final), to_pixels(start[0])
    assert np.array_equal(got[~mask], before[~mask]) and not np.array_equal(got[mask], before[mask])
    assert np.abs(got[mask] - made[mask]).max() <= 1
    assert (lane.frames[-1].x == got).all() and lane.truth is None


def test_repaint_stands_beside_replacement(model):
    run = filling(SETTINGS | {"resamplings": 3, "jump": 2}, CAT, mask_of(None, SIDE))
    run.finish()
    once, often = run.lanes
    assert (once.nfe, often.nfe) == (2 * STEPS, 2 * (2 * 2 * 3 + 1)) and often.label[0] == "resampled"
    mask = mask_of(None, SIDE)
    assert torch.equal(once.final[:, ~mask], often.final[:, ~mask]) and not torch.equal(once.final, often.final)


@pytest.mark.parametrize("make", [
    lambda: filling(SETTINGS, CAT, mask_of(corner(), SIDE)),
    lambda: between_pictures(SETTINGS, (CAT, SUN), [0.25], [0.6]),
], ids=["filled", "mixed"])  # fmt: skip
def test_what_was_given_pictures_is_a_notebook_that_makes_it_again(model, monkeypatch, capsys, make):
    run = make()
    run.finish()
    cells = ["".join(cell["source"]) for cell in json.loads(notebook([run.lanes[0].record()]))["cells"]]
    code = "\n".join(cell for cell in cells if not cell.startswith("#") or "import base64" in cell)
    monkeypatch.setattr("playground.runs.engine_for", lambda *_: model)
    exec(code, {})
    assert "The same picture, to the last bit." in capsys.readouterr().out


@pytest.fixture
def draws(monkeypatch):
    """An engine whose model takes lines, and the experiments asking it."""
    torch.manual_seed(2)
    unet = {"dims": [16, 32], "attention": [False, True], "emb_dim": 32, "head_dim": 16, "patch": 1, "lines": 2}
    told = {"condition_dim": 32, "text": {"heads": 2, "length": 6}}
    space = {"dims": [8], "blocks": 1}
    made = Checkpoint(size=SIDE // 2, words=("cat", "face"), styles=("flat",), unet=unet, autoencoder=space, **told)
    for weight in made.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
    chosen = Engine(made)
    monkeypatch.setattr(experiments, "engine_for", lambda *_: chosen)
    yield chosen
    chosen.close()


def test_a_drawing_becomes_a_picture_with_its_lines_and_a_notebook(draws, monkeypatch, capsys):
    paper = np.full((SIDE, SIDE), 255, np.uint8)
    paper[4, 2:14] = paper[4:12, 8] = 0
    lines = drawing_of(Image.fromarray(paper), SIDE)
    assert np.array_equal(lines.numpy(), paper == 0) and drawing_of(None, SIDE).any()
    run = drawn(SETTINGS, lines)
    run.finish()
    condition, _ = draws.checkpoint.parse("cat face", "flat", lines.double())
    assert run.lanes[0].job.condition == condition and condition.lines.count(b"\xff") == int(lines.sum())
    denoise, noise = clipped(guided(UNetDenoiser(draws.checkpoint), 2.0)), noise_of(SEED)
    x = noise((1, 3, SIDE // 2, SIDE // 2))
    for here, there in zip(spaced(draws.schedule, STEPS), spaced(draws.schedule, STEPS)[1:], strict=False):
        x0 = denoise(x, here, [condition]).x0
        x = ddpm_step(x, x0, here, there, noise(x.shape) if there.t else torch.zeros_like(x))
    assert np.abs(to_pixels(run.lanes[0].final).astype(int) - to_pixels(draws.space.decode(x)[0])).max() <= 1
    blank = drawn(SETTINGS, torch.zeros(SIDE, SIDE, dtype=torch.bool))
    blank.finish()
    assert not torch.equal(blank.lanes[0].final, run.lanes[0].final)
    cells = ["".join(cell["source"]) for cell in json.loads(notebook([run.lanes[0].record()]))["cells"]]
    monkeypatch.setattr("playground.runs.engine_for", lambda *_: draws)
    exec("\n".join(cell for cell in cells if not cell.startswith("#") or "import base64" in cell), {})
    assert "The same picture, to the last bit." in capsys.readouterr().out
    with pytest.raises(UserError, match="Nothing is drawn"):
        drawing_of(Image.new("RGB", (8, 8), "white"), SIDE)


def test_what_is_painted_is_noised_and_denoised_from_there(model):
    """SDEdit (Meng et al. 2022), algorithm 2 with DDPM's step."""
    run = painted(SETTINGS | {"strength": 0.6}, CAT)
    run.finish()
    ask, levels, noise = asked_by_hand(model), spaced(model.schedule, STEPS)[2:], noise_of(SEED)
    x0 = model.space.encode(to_tensor(CAT, SIDE).double())
    x = levels[0].signal_rate * x0 + levels[0].noise_rate * noise(x0.shape)
    for here, there in zip(levels, levels[1:], strict=False):
        x = ddpm_step(x, ask(x, here).x0, here, there, noise(x.shape) if there.t else torch.zeros_like(x))
    assert np.abs(to_pixels(run.lanes[0].final).astype(int) - to_pixels(model.space.decode(x)[0])).max() <= 1


def test_two_pictures_are_noised_alike_mixed_and_denoised(model):
    """labml's evaluation: both noised to t with the same noise, mixed by λ, denoised."""
    run = between_pictures(SETTINGS, (CAT, SUN), [0, 0.25, 1], [0.6, 1.0])
    run.finish()
    assert [lane.label[1]["share"] for lane in run.lanes] == ["0", "0.25", "1"] * 2
    one, two = (model.space.encode(to_tensor(image, SIDE).double()) for image in (CAT, SUN))
    ask, levels = asked_by_hand(model), spaced(model.schedule, STEPS)[2:]
    noise = noise_of(SEED)
    eps = noise(one.shape)
    x = 0.75 * (levels[0].signal_rate * one + levels[0].noise_rate * eps)
    x = x + 0.25 * (levels[0].signal_rate * two + levels[0].noise_rate * eps)
    for here, there in zip(levels, levels[1:], strict=False):
        x = ddpm_step(x, ask(x, here).x0, here, there, noise(x.shape) if there.t else torch.zeros_like(x))
    assert np.abs(to_pixels(run.lanes[1].final).astype(int) - to_pixels(model.space.decode(x)[0])).max() <= 1
    # from t = T nothing of either is left: whatever the mix, it is the picture of the seed
    ends = [to_pixels(lane.final).astype(int) for lane in run.lanes[3:]]
    assert max(np.abs(end - ends[0]).max() for end in ends) <= 2


def test_what_cannot_be_is_said_in_a_sentence(model):
    with pytest.raises(UserError, match="Nothing is masked"):
        mask_of(Image.new("L", (8, 8)), SIDE)
    with pytest.raises(UserError, match="Resamplings, r must be"):
        filling(SETTINGS | {"resamplings": 0}, CAT, mask_of(None, SIDE))
    with pytest.raises(UserError, match="17 pictures"):
        between_pictures(SETTINGS, (CAT, SUN), [0.5] * 17, [1])
    with pytest.raises(UserError, match="λ must be"):
        between_pictures(SETTINGS, (CAT, SUN), [1.5], [1])
