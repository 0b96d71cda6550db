"""Digits drawn by code, and the slips that a training on them may make on purpose."""

import pytest
import torch

from playground.samplers.ancestral import ddpm
from playground.schedules import SCHEDULES, Level
from playground.training.digits import DIGITS, digits
from playground.training.plans import digits_recipe
from playground.training.slips import SLIPS, Slipped, ddpm_without_denominator, wrong_scale
from tests.digit_reader import read

RECIPE = digits_recipe("eps", "mse", "cosine", 100, False, 0.1, 0)


def trainer(*slips):
    return Slipped(RECIPE, digits(200), torch.device("cpu"), slips)


def awake(net):
    """The net without the zeros that it starts from, which would hide what a test looks for."""
    torch.manual_seed(0)
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)


def test_digits_are_what_they_are_called_and_the_seeds_alone():
    drawn = digits(500, seed=3)
    assert drawn.pixels.shape == (500, 1, 16, 16) and drawn.texts[:12] == [*DIGITS, "0", "1"]
    assert torch.equal(drawn.pixels, digits(500, seed=3).pixels)
    assert not torch.equal(drawn.pixels, digits(500, seed=4).pixels)
    right = sum(a == b for a, b in zip(read(drawn.x0()), drawn.texts, strict=True))
    assert right >= 0.99 * 500
    assert len({bytes(picture) for picture in drawn.pixels.flatten(1).numpy()}) == 500  # no two alike
    ink = (1 - drawn.x0()) / 2
    assert 0.05 < ink.mean() < 0.3 and (ink.flatten(1).amax(1) > 0.5).all()
    edge = torch.cat([ink[..., 0, :], ink[..., -1, :], ink[..., 0], ink[..., -1]])
    assert edge.mean() < 0.01  # they stay within their pictures


def test_a_slip_of_the_input_or_the_target_is_just_that():
    x0, eps, t, _ = (part[:4] for part in trainer().batch())
    x, target = trainer().question(x0, eps, t)
    assert torch.equal(target, eps) and not torch.equal(x, x0)
    assert torch.equal(trainer("clean_input").question(x0, eps, t)[0], x0)
    assert torch.equal(trainer("noisy_target").question(x0, eps, t)[1], x)


def test_pictures_left_in_zero_to_one():
    draw = torch.Generator().manual_seed(0)
    left, _ = trainer("range").pictures(8, draw)
    right, _ = trainer().pictures(8, torch.Generator().manual_seed(0))
    assert 0 <= left.min() and torch.allclose(left, (right + 1) / 2)


def test_without_the_running_mean_the_last_weights_are_drawn_with():
    for slips, same in ((("ema",), True), ((), False)):
        made = trainer(*slips)
        for _ in range(3):
            made.train_step(0.5)
        own = torch.cat([p.flatten() for p in made.net.parameters()])
        mean = torch.cat([p.flatten() for p in made.mean.parameters()])
        assert torch.equal(own, mean) is same


def test_t_off_by_one():
    made, right = trainer("t"), trainer()
    x, t = torch.randn(2, 1, 16, 16), torch.tensor([40.0, 7.0])
    awake(made.net)
    right.net.load_state_dict(made.net.state_dict())
    seen = [made.forwards[0](x, t), right.forwards[0](x, t - 1), right.forwards[0](x, t)]
    assert torch.allclose(seen[0], seen[1]) and not torch.allclose(seen[0], seen[2])


def test_the_attentions_wrong_scale_is_in_the_weights_that_are_kept():
    made = trainer("attention")
    awake(made.mean)
    right = trainer()
    right.mean.load_state_dict(made.mean.state_dict())
    x, t = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(1)), torch.tensor([40.0, 7.0])
    with torch.no_grad():
        slipped, without = made.mean.model(x, t), right.mean.model(x, t)
        made.finish()
        assert torch.allclose(made.mean.model(x, t), slipped, atol=1e-4)
        right.mean.load_state_dict(made.mean.state_dict())  # a file knows of weights alone
        assert torch.allclose(right.mean.model(x, t), slipped, atol=1e-4)
    assert not torch.allclose(slipped, without, atol=1e-2)
    assert wrong_scale(32) * 32**-0.5 == pytest.approx(32 * -0.5)


def test_the_lost_denominator_makes_the_noise_smaller_by_what_was_lost():
    schedule = SCHEDULES["cosine"].make(T=100)
    levels = [schedule.level(60), schedule.level(40)]
    x, noise = torch.zeros(1, 1, 2, 2, dtype=torch.float64), lambda shape: torch.ones(shape, dtype=torch.float64)

    def after(sampler):
        steps = sampler(x, levels, noise)
        _x, level = next(steps)
        assert isinstance(level, Level)
        belief = type("", (), {"x0": x, "eps": x})()
        try:
            steps.send(belief)
        except StopIteration as end:
            return end.value.flatten()[0].item()

    ratio = after(ddpm_without_denominator) / after(ddpm)
    assert ratio == pytest.approx((1 - levels[0].alpha_bar) ** 0.5)


def test_the_settings_know_every_slip():
    from playground.page.parts.slips import SLIPS as TOLD
    from playground.runs.settings import DEFAULTS

    assert DEFAULTS["slips"].choices == SLIPS == tuple(TOLD)
