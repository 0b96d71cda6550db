"""Latents, seen, against the autoencoder asked by hand."""

import math

import pytest
import torch

from playground.checkpoints import load
from playground.engine import Engine
from playground.errors import UserError
from playground.images import to_tensor
from playground.images.bundled import picture
from playground.images.measures import peak_signal_to_noise, sharpness
from playground.runs import latent
from playground.samplers.noise import noise_of


def near(found, truth):
    """Equal but for how float32 sums are grouped, which another thread may change."""
    torch.testing.assert_close(found, truth, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def model():
    engine = Engine(load("emoji-64-latent"), "cpu")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def x():
    return to_tensor(picture("cat", 64), 64).double()


def test_there_and_back(model, x):
    found = latent.trip(model.space, x)
    near(found.back, model.space.decode(model.space.encode(x)))
    assert latent.shapes(found) == {"picture": [3, 64, 64], "latent": [3, 16, 16]}
    assert found.decibels == pytest.approx(10 * math.log10(4 / float(((found.back - x) ** 2).mean())))
    assert 15 < found.decibels < 60 and peak_signal_to_noise(x, x) == math.inf


def test_noised_it_is_what_the_model_is_shown(model, x):
    z, decoded, pixels = latent.noised(model, x, 400, seed=5)
    level = model.schedule.level(400)
    clean = model.space.encode(x)
    noise = noise_of(5)(clean.shape)
    near(z, level.signal_rate * clean + level.noise_rate * noise)
    near(decoded, model.space.decode(z))
    near(pixels, level.signal_rate * x + level.noise_rate * noise_of(5)(x.shape))
    nothing, *_rest = latent.noised(model, x, 0, seed=5)
    near(nothing, clean)


def test_a_walk_is_straight_and_ends_where_it_should(model, x):
    other = to_tensor(picture("sunset", 64), 64).double()
    decoded, pixels = latent.walk(model.space, x, other, 5)
    ends = model.space.decode(model.space.encode(torch.cat([x, other])))
    near(decoded[[0, -1]], ends)
    middle = model.space.decode((model.space.encode(x) + model.space.encode(other)) / 2)
    near(decoded[2:3], middle)
    near(pixels[1:2], 0.75 * x + 0.25 * other)


def test_one_channel_is_changed_and_no_other(model, x):
    z, decoded = latent.bent(model.space, x, 1, -0.5)
    apart = z - model.space.encode(x)
    near(apart[:, 1], torch.full_like(apart[:, 1], -0.5))
    assert apart[:, [0, 2]].abs().max() < 1e-5
    near(decoded, model.space.decode(z))


def test_numbers_drawn_each_by_itself_are_the_same_for_the_same_seed(model):
    drawn = latent.at_random(model, seed=3, count=2)
    assert drawn.shape == (2, 3, 64, 64) and drawn.abs().max() <= 1
    assert torch.equal(drawn, latent.at_random(model, seed=3, count=2))
    assert not torch.equal(drawn, latent.at_random(model, seed=4, count=2))


def test_of_a_model_of_pixels_it_is_said_that_there_are_none(engine):
    with pytest.raises(UserError, match="works on pixels"):
        latent.latent_space(engine)


def test_random_codes_are_those_of_the_two_nets_and_all_ways_begin_with_the_same_numbers():
    drawn = latent.codes(seed=3, count=4)
    assert {way: each.shape for way, each in drawn.items()} == dict.fromkeys(latent.WAYS, (4, 3, 32, 32))
    z = torch.randn(4, 64, generator=torch.Generator().manual_seed(3))
    plain, free = (latent._coder(name) for name in ("plain", "variational"))
    near(drawn["variational"], free.decode(z))
    near(drawn["plain"], plain.decode(z))
    near(drawn["each"], plain.decode(plain.middle + plain.spread * z))
    near(drawn["together"], plain.decode(plain.middle + z @ plain.root.T))


def test_what_the_page_says_of_them_is_what_was_measured():
    told = latent.figures()
    free, plain = (told[name]["frechet"] for name in ("variational", "plain"))
    assert free["normal"] < 0.5 * plain["normal"]  # faces, and spots of paint
    assert 0.8 < plain["each"] / free["normal"] < 1.25 and plain["together"] < 0.8 * free["normal"]
    assert told["variational"]["psnr"] < told["plain"]["psnr"] - 1 and told["plain"]["far"] > 1
    assert told["latents"]["avatars-64"]["frechet"] > 2 * plain["normal"] and free["real"] < 0.1 * plain["together"]


def test_the_figures_are_of_these_nets():
    """Without the pictures themselves: spots of paint have far more edges than faces, whatever these look like."""
    drawn = latent.codes(seed=0, count=256)
    sharp = {way: sharpness(each) for way, each in drawn.items()}
    assert sharp["plain"] > 1.3 * sharp["together"] > 1.3 * 0.9 * sharp["variational"]
