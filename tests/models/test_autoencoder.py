"""Latent diffusion: the autoencoder learns, and pictures enter and leave a latent model through it."""

from __future__ import annotations

import base64
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from playground import autoencode, train
from playground.checkpoints import Checkpoint, load
from playground.engine import Engine
from playground.errors import UserError
from playground.images import to_pixels, to_tensor
from playground.images.bundled import picture
from playground.models.autoencoder import (
    WITHIN,
    Autoencoder,
    Pixels,
    load_autoencoder,
)
from playground.models.denoiser import UNetDenoiser, clipped, guided
from playground.models.devices import bf16
from playground.runs import Live, lane_for
from playground.runs.assay import assays
from playground.runs.forward import seen
from playground.runs.receipts import read_receipt
from playground.runs.records import sha256
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, spaced
from playground.theory.objective import prior_kl
from playground.training.data import in_latents, read_pictures
from playground.training.quality import generate, psnr

SIDE, DIMS = 16, [8, 16]
BRIEFLY = ["--images", "4000", "--batch", "16", "--lr", "8e-3"]
UNET = ["--size", "4", "--patch", "1", "--dims", "32", "--attention", "0"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """60 pictures of half a disc each: its edge is lost in a thumbnail of a quarter of the side."""
    folder, draw = tmp_path_factory.mktemp("discs"), np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    for k in range(60):
        centre, radius = draw.uniform(4, 12, 2), draw.uniform(3, 7)
        inside = (np.hypot(x - centre[0], y - centre[1]) < radius) & (x < centre[0])
        pixels = np.where(inside[..., None], draw.integers(0, 120, 3), 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{k:02d}.png")
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """What the command writes for them."""
    out = tmp_path_factory.mktemp("autoencoder") / "discs"
    sizes = ["--size", str(SIDE), "--dims", *map(str, DIMS), "--blocks", "1"]
    autoencode.main(["--data", str(data), "--out", str(out), *sizes, *BRIEFLY, "--held-out", "12"])
    return out


@pytest.fixture(scope="module")
def model(trained, data, tmp_path_factory):
    """A checkpoint trained on its latents, far too briefly to draw discs."""
    home = tmp_path_factory.mktemp("latent")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)  # for runs/
        arguments = ["--data", str(data), "--out", "latent", "--autoencoder", str(trained), *UNET]
        train.main([*arguments, "--images", "160", "--batch", "16", "--held-out", "12", "--device", "cpu"])
    return home / "latent"


@pytest.fixture(scope="module")
def engine(model):
    engine = Engine(load(model), "cpu")
    yield engine
    engine.close()


def test_latents_start_as_thumbnails_and_stay_within_bounds():
    torch.manual_seed(0)
    net, pictures = Autoencoder(DIMS).eval(), torch.rand(3, 3, SIDE, SIDE) * 2 - 1
    latents = net.encode(pictures)
    assert latents.shape == (3, 3, SIDE // 4, SIDE // 4)
    assert torch.allclose(latents, WITHIN * F.avg_pool2d(pictures, 4), atol=1e-6)
    torch.nn.init.normal_(net.encoder[-1].weight)
    assert 0.9 < net.encode(pictures).abs().max() <= 1
    drawn = net.decode(3 * torch.randn(2, 3, 4, 4).double())
    assert drawn.shape == (2, 3, SIDE, SIDE) and drawn.dtype == torch.float64 and drawn.abs().max() <= 1


def test_enlarged_keeps_every_number_as_it_is():
    x = torch.arange(3 * 4 * 4).view(3, 4, 4).double()
    enlarged = Autoencoder(DIMS).enlarged(x)
    assert (enlarged == torch.from_numpy(np.kron(x.numpy(), np.ones((1, 4, 4))))).all()


def test_pixels_are_what_they_are_and_grey_is_the_mean():
    pictures = torch.rand(2, 3, 8, 8)
    for space in (Pixels(3), Checkpoint(size=8).space):
        assert space.encode(pictures) is pictures and space.decode(pictures) is pictures and space.factor == 1
        assert space.enlarged(pictures) is pictures
    assert torch.allclose(Pixels(1).encode(pictures)[:, 0], pictures.sum(dim=1) / 3)


def test_it_gives_back_more_than_its_thumbnail(trained, data):
    net = load_autoencoder(trained)
    x0 = read_pictures(data, SIDE).x0()
    thumbnails = F.interpolate(F.avg_pool2d(x0, 4), scale_factor=4, mode="bicubic").clamp(-1, 1)
    plain = 10 * np.log10(4 / (thumbnails - x0).square().mean().item())
    assert psnr(net, x0) > plain + 2


def test_psnr_is_that_of_the_mean_square(trained, data):
    net, x0 = load_autoencoder(trained), read_pictures(data, SIDE).x0()[:5]
    gap = (net.decode(net.encode(x0)) - x0).numpy()
    assert psnr(net, x0) == pytest.approx(-10 * np.log10(((gap / 2) ** 2).mean()), abs=1e-4)


def test_a_set_in_latents_is_eight_bits_of_them(trained, data):
    net, pictures = load_autoencoder(trained), read_pictures(data, SIDE)
    latents = in_latents(pictures, net)
    assert latents.pixels.dtype == torch.uint8 and latents.texts == pictures.texts
    assert (latents.x0() - net.encode(pictures.x0())).abs().max() <= 1 / 255 + 1e-5


def test_training_leaves_the_autoencoder_as_it_is(model, trained):
    checkpoint, net = load(model), load_autoencoder(trained)
    assert (checkpoint.size, checkpoint.picture_size, checkpoint.space.factor) == (4, SIDE, 4)
    for key, weight in net.state_dict().items():
        assert torch.equal(checkpoint.space.state_dict()[key], weight.half().float()), key
    text = (model / "README.md").read_text()
    assert "16 × 16 RGB pictures" in text and "latents of 4 × 4 × 3 numbers" in text and "(latents in" in text


def test_frames_show_the_latents_and_what_is_decoded_of_them(engine):
    settings = {"seed": 3, "sampler": "ddim", "steps": 4}
    run = Live(engine, [lane_for(engine, settings)])
    opened, *rest = run.messages()
    assert (opened["start"]["size"], opened["start"]["latent"]) == (SIDE, 4)
    (lane,) = run.lanes
    denoise, space = clipped(guided(UNetDenoiser(engine.checkpoint), 1.0)), engine.checkpoint.space
    x, level = noise_of(3)((1, 3, 4, 4)), spaced(engine.schedule, 4)[0]
    prediction, first = denoise(x, level), lane.frames[0]
    for shown, latent in ((first.x, x), (first.eps_hat, prediction.eps)):
        assert np.abs(shown.astype(int) - np.kron(to_pixels(latent[0]), np.ones((4, 4, 1)))).max() <= 1
    assert np.abs(first.x0_hat.astype(int) - to_pixels(space.decode(prediction.x0))[0]).max() <= 1
    assert lane.final.shape == (3, SIDE, SIDE) and (lane.frames[-1].x == to_pixels(lane.final)).all()
    receipt = read_receipt(base64.b64decode(rest[-1]["end"]["lanes"][0]["png"]))
    assert receipt.sha256 == sha256(to_pixels(lane.final))


def test_a_picture_is_edited_in_its_latent(engine):
    start, space = to_tensor(picture("cat", SIDE), SIDE), engine.checkpoint.space
    settings = {"seed": 3, "sampler": "ddim", "steps": 4}
    whole = Live(engine, [lane_for(engine, settings | {"strength": 0}, start=start)])
    whole.finish()
    there_and_back = to_pixels(space.decode(space.encode(start)))[0]
    assert np.abs(to_pixels(whole.lanes[0].final).astype(int) - there_and_back).max() <= 1
    half = Live(engine, [lane_for(engine, settings | {"strength": 0.5}, start=start)], curve="error")
    opened, *_ = half.messages()
    told = np.frombuffer(base64.b64decode(opened["start"]["truth"]["x0"]), np.uint8).astype(int)
    assert np.abs(told - there_and_back.ravel()).max() <= 1  # what the model can give back at best
    level, eps = spaced(engine.schedule, 4)[2], noise_of(3)((1, 3, 4, 4))
    x = level.signal_rate * space.encode(start.double()) + level.noise_rate * eps
    frame = half.lanes[0].frames[0]
    assert np.abs(frame.x.astype(int) - to_pixels(space.enlarged(x))[0]).max() <= 1
    believed = clipped(UNetDenoiser(engine.checkpoint))(x, level).x0
    gap = (space.decode(believed) - space.decode(space.encode(start.double())))[0]
    assert frame.error == pytest.approx(gap.square().mean().sqrt().item(), rel=1e-4)
    assert frame.gap.shape == (SIDE, SIDE)
    assert (half.lanes[0].record().start == to_pixels(start)[0]).all()


def test_one_look_at_a_picture_is_decoded(engine):
    space, image = engine.checkpoint.space, picture("cat", 64)
    views = seen(engine, image, SCHEDULES["cosine"].make(), 300, 5)
    x0 = space.encode(to_tensor(image, SIDE).double())
    assert {view.shape for view in views.values()} == {(3, SIDE, SIDE)}
    assert torch.allclose(views["x0"], space.decode(x0)[0], atol=1e-5)


def test_the_bound_is_that_of_the_latents(engine):
    *_, assay = assays(engine, picture("cat", 64), 0, "beta_tilde")
    x0 = engine.checkpoint.space.encode(to_tensor(picture("cat", 64), SIDE).double())
    assert assay.done and assay.prior == pytest.approx(prior_kl(x0, engine.schedule).mean().item())


def test_measured_pictures_are_decoded(engine):
    denoise = UNetDenoiser(engine.checkpoint)
    conditions = [engine.checkpoint.parse()[0]] * 2
    made, _ = generate(denoise, conditions, [3, 4], "ddim", 4)
    run = Live(engine, [lane_for(engine, {"seed": seed, "sampler": "ddim", "steps": 4}) for seed in (3, 4)])
    run.finish()
    for ours, lane in zip(made, run.lanes, strict=True):
        assert np.abs(to_pixels(ours).astype(int) - to_pixels(lane.final)).max() <= 1


@pytest.mark.parametrize("content", [None, b"", b"half", "pickle"])
def test_what_is_no_autoencoder_is_told_in_a_sentence(tmp_path, trained, content):
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "config.json").write_bytes((trained / "config.json").read_bytes())
    if content == "pickle":
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"encoder": 1}))
    elif content is not None:
        (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="holds no autoencoder"):
        load_autoencoder(folder)


def test_a_size_that_cannot_be_halved_is_told(data, tmp_path):
    with pytest.raises(SystemExit, match="multiple of 4"):
        autoencode.main(["--data", str(data), "--out", str(tmp_path / "x"), "--size", "18"])
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("allowed", ["1", "0"])
def test_decoding_in_bfloat16_changes_pictures_by_next_to_nothing(monkeypatch, allowed):
    monkeypatch.setenv("PLAYGROUND_BF16", allowed)
    space = load("avatars-64-turbo").space
    latents = space.encode(to_tensor(picture("cat", 64), 64).double())
    before, weights = space.decode(latents), list(space.state_dict())
    space.speed_up()
    after = space.decode(latents)
    assert after.dtype == torch.float64 and list(space.state_dict()) == weights
    assert torch.equal(before, after) == (not bf16()) and (before - after).square().mean() < 4e-4  # 40 dB
    among = torch.cat([latents.flip(-1), latents, latents.flip(-2)])
    assert not bf16() or torch.equal(space.decode(among)[1:2], after)  # to the bit, whichever are decoded with it
