"""Autoencoders of codes: their bound against torch.distributions, their gradient, and what the command writes."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import Normal, kl_divergence

from playground import autoencode
from playground.errors import UserError
from playground.models.autoencoder import load_autoencoder
from playground.models.variational import CodeAutoencoder, divergence
from playground.training import autoencoding
from playground.training.data import PictureSet, read_pictures

SMALL = dict(size=16, code=4, dims=(8, 16))


def some(count: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


def test_the_divergence_is_that_of_torchs_distributions():
    mean, log_variance = some(6, 5), some(6, 5, seed=1)
    theirs = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(dim=1)
    torch.testing.assert_close(divergence(mean, log_variance), theirs)
    assert divergence(torch.zeros(1, 5), torch.zeros(1, 5)).item() == 0


def test_what_is_drawn_has_the_mean_and_the_variance_that_the_encoder_says_and_passes_the_gradient_on():
    net, x = CodeAutoencoder(**SMALL), some(1, 3, 16, 16).clamp(-1, 1)
    seen = []
    net.decoder.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    mean, log_variance = net.posterior(x)
    returned, apart = net(x.expand(4000, -1, -1, -1), some(4000, 4))
    assert returned.shape == (4000, 3, 16, 16)
    torch.testing.assert_close(apart, divergence(mean, log_variance).expand(4000))
    assert (seen[0].mean(dim=0) - mean[0]).abs().max() < 0.1
    torch.testing.assert_close(seen[0].std(dim=0), (0.5 * log_variance[0]).exp(), rtol=0.05, atol=0)
    returned.square().mean().backward()
    gradient = net.encoder[-1].weight.grad
    assert gradient[:4].abs().max() > 0 and gradient[4:].abs().max() > 0  # of the mean's half, and the variance's


def test_a_plain_one_draws_nothing_and_knows_where_its_codes_lie():
    net, x = CodeAutoencoder(**SMALL, variational=False).eval(), some(64, 3, 16, 16).clamp(-1, 1)
    one, other = (net(x, some(64, 4, seed=seed))[0] for seed in (0, 1))
    assert torch.equal(one, other) and net(x, some(64, 4))[1].abs().max() == 0
    net.measure(x.split(20))
    codes = net.encode(x)
    torch.testing.assert_close(net.middle, codes.mean(dim=0))
    drawn = net.at_random(20_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn.std(dim=0), codes.std(dim=0), rtol=0.03, atol=0)
    assert (drawn.mean(dim=0) - codes.mean(dim=0)).abs().max() < 0.05 * codes.std(dim=0).max()
    assert net.decode(drawn[:2]).shape == (2, 3, 16, 16)
    together = net.at_random(20_000, torch.Generator().manual_seed(0), "together")
    torch.testing.assert_close(together.T.cov(), codes.T.cov(), rtol=0.05, atol=0.03 * codes.var(dim=0).max().item())
    assert net.at_random(20_000, torch.Generator().manual_seed(0), "normal").std(dim=0).sub(1).abs().max() < 0.03
    free = CodeAutoencoder(**SMALL)
    free.measure([x])
    assert free.middle.abs().max() == 0 and torch.equal(free.spread, torch.ones(4))


def test_where_codes_lie_is_measured_by_pictures_from_all_over_the_set():
    """A set may be in any order: all dark ones first."""
    pixels = torch.zeros(6000, 3, 8, 8, dtype=torch.uint8)
    pixels[4500:] = 255
    rows = autoencoding._some(PictureSet(pixels, [], [], torch.ones(6000)), seed=0)
    assert len(set(rows.tolist())) == 4096 and 0.2 < (rows >= 4500).float().mean() < 0.3


@pytest.mark.parametrize("weight", [0.0, 0.05])
def test_the_command_writes_one_that_gives_pictures_back(tmp_path, weight):
    """A light stripe on dark: one number says where it is."""
    (tmp_path / "data").mkdir()
    for k in range(2, 14):
        pixels = np.full((16, 16, 3), 30, np.uint8)
        pixels[:, k - 2 : k + 2] = 220
        Image.fromarray(pixels).save(tmp_path / "data" / f"{k}.png")
    sizes = ["--size", "16", "--dims", "8", "16", "--code", "4", "--images", "5000", "--lr", "5e-3", "--held-out", "2"]
    out = tmp_path / "net"
    autoencode.main(["--data", str(tmp_path / "data"), "--out", str(out), "--kl", str(weight), *sizes])
    net = load_autoencoder(out, CodeAutoencoder)
    assert json.loads((out / "config.json").read_text())["variational"] is net.variational is (weight > 0)
    pictures = read_pictures(tmp_path / "data", 16).x0()
    lost = (net.decode(net.encode(pictures)) - pictures).square().mean()
    assert lost < 0.2 * pictures.var(dim=0).mean()  # which is what their mean picture alone would lose
    found = json.loads((out / "figures.json").read_text())
    assert found["psnr"] > 0 and found["frechet"].keys() == {"normal", "each", "together", "returned", "real"}
    drawn = [found["frechet"][draw] for draw in ("normal", "each", "together")]
    assert len(set(drawn)) == (1 if weight else 3)  # a variational one's codes lie where it was trained to have them
    if not weight:
        assert net.spread.std() > 0


def test_what_is_no_such_autoencoder_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(UserError, match="holds no autoencoder"):
        load_autoencoder(tmp_path, CodeAutoencoder)
    with pytest.raises(SystemExit, match="--kl must be"):
        autoencode.main(["--data", ".", "--out", str(tmp_path), "--kl", "-1"])
