"""The forward process from plain settings: against closed forms, and against the network asked directly."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from playground.checkpoints import load
from playground.engine import Engine
from playground.errors import UserError
from playground.images.bundled import picture
from playground.predictions import Prediction, q_sample
from playground.runs.forward import (
    chosen_picture,
    numbers_of,
    schedule_of,
    seen,
    walk,
)
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, Level


def test_the_given_picture_comes_before_the_named_one():
    red = Image.new("RGB", (40, 30), (255, 0, 0))
    x0 = chosen_picture(red, "cat", 8)
    assert x0.shape == (1, 3, 8, 8) and x0.dtype == torch.float64
    assert (x0[0, 0] == 1).all() and (x0[0, 1:] == -1).all()
    cat = np.asarray(picture("cat", 8)).transpose(2, 0, 1)
    assert np.allclose(chosen_picture(None, "cat", 8)[0], cat / 127.5 - 1, atol=1e-7)
    assert torch.equal(chosen_picture(None, "", 8), chosen_picture(None, "sunset", 8))
    with pytest.raises(UserError, match="no picture “dog”"):
        chosen_picture(None, "dog", 8)


def test_schedule_settings_reach_the_schedule():
    made, used = schedule_of({"schedule": "linear", "T": 50, "beta_end": 0.05, "offset": 0.1})
    truth = np.concatenate([[1], np.cumprod(1 - np.linspace(1e-4, 0.05, 50))])
    assert np.allclose(made.alpha_bar, truth)
    assert used == {"schedule": "linear", "T": 50, "zero_terminal_snr": False, "beta_start": 1e-4, "beta_end": 0.05}
    assert schedule_of({"schedule": "linear", "zero_terminal_snr": True})[0].alpha_bar[-1] == 0
    assert schedule_of({})[1]["schedule"] == "cosine"
    with pytest.raises(UserError):
        schedule_of({"T": 0})
    with pytest.raises(UserError):
        schedule_of({"schedule": "linear", "beta_end": 7})


def test_numbers_of_a_level():
    told = numbers_of(Level(600, 0.08))
    assert told["signal_rate"] == pytest.approx(math.sqrt(0.08))
    assert told["snr_db"] == pytest.approx(10 * math.log10(0.08 / 0.92))
    assert numbers_of(Level(0, 1.0))["snr_db"] is None and numbers_of(Level(9, 0.0))["snr_db"] is None


@pytest.mark.parametrize("t", [0, 1, 40, 300])
def test_the_chain_and_the_jump_have_the_distribution_theory_says(t):
    """Over many pixels of one colour, where x_t is exactly N(√ᾱ·m, 1 − ᾱ); five standard errors are allowed."""
    schedule = SCHEDULES["linear"].make(T=300)
    x0 = torch.full((1, 3, 100, 100), 0.6, dtype=torch.float64)
    chain, jump, told = walk(x0, schedule, t, seed=3)
    spread, count = math.sqrt(1 - schedule.alpha_bar[t].item()), x0.numel()
    for x, name in ((chain, "chain"), (jump, "jump")):
        assert told[name]["mean"] == x.mean().item()
        assert abs(x.mean().item() - 0.6 * schedule.level(t).signal_rate) <= 5 * spread / math.sqrt(count) + 1e-12
        assert abs(x.std().item() - spread) <= 5 * spread / math.sqrt(2 * count) + 1e-12
    assert told["theory"]["std"] == pytest.approx(spread)
    assert told["theory"]["mean"] == pytest.approx(0.6 * schedule.level(t).signal_rate)
    if t:
        assert not torch.allclose(chain, jump), "the chain has noise of its own"


def test_what_a_network_sees_is_its_own_answer_at_the_level_in_hand(tiny_checkpoint):
    """Also where the page's schedule is another than the network's: the noise is the page's, the clock its own."""
    checkpoint = load(tiny_checkpoint)
    engine = Engine(checkpoint, "cpu")
    try:
        schedule = SCHEDULES["linear"].make(T=400)
        views = seen(engine, picture("cat", 64), schedule, 200, seed=5)
    finally:
        engine.close()
    level = schedule.level(200)
    x0 = chosen_picture(picture("cat", 64), None, checkpoint.size)
    x = q_sample(x0, level, noise_of(5)(x0.shape))
    assert torch.equal(views["x"], x[0]) and torch.equal(views["x0"], x0[0])
    t = checkpoint.schedule.level_at(level.log_snr).t
    assert abs(t - 200) > 5
    with torch.no_grad():
        output = checkpoint.model(x.float(), torch.tensor([t]), *checkpoint.encode([checkpoint.parse("")[0]]))
    x0_hat = Prediction.from_output(checkpoint.prediction_kind, output.double(), x, level).x0.clamp(-1, 1)
    assert torch.allclose(views["x0_hat"], x0_hat[0], atol=2e-2)  # the engine may compute in half precision
    assert views["x0_hat"].std() > 0.05
