"""The U-Net as a denoiser, guidance and clipping, against the formulas written out."""

from itertools import pairwise

import pytest
import torch

from playground.checkpoints import Checkpoint, load
from playground.engine import Engine, job_for
from playground.models.conditioning import Condition
from playground.models.denoiser import (
    UNetDenoiser,
    clipped,
    evaluations,
    guided,
)
from playground.predictions import Prediction, clip
from playground.samplers import ddim, run
from playground.samplers.noise import noise_of
from playground.schedules import spaced
from playground.theory.exact import gaussian

CAT, FLAT = Condition(("cat",)), Condition(("face",), "flat")


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint):
    return load(tiny_checkpoint)


@pytest.fixture(scope="module")
def denoise(checkpoint):
    return UNetDenoiser(checkpoint)


@pytest.fixture
def x():
    return torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def assert_same(a: Prediction, b: Prediction, tolerance: float = 0.0) -> None:
    torch.testing.assert_close(a.x0, b.x0, rtol=0, atol=tolerance)
    torch.testing.assert_close(a.eps, b.eps, rtol=0, atol=tolerance)


def test_is_the_network_with_every_row_at_its_own_level_and_condition(checkpoint, denoise, x):
    levels = [checkpoint.schedule.level(t) for t in (1000, 333.5, 2)]
    conditions = [CAT, Condition(), FLAT]
    seen = denoise(x, levels, conditions)
    assert seen.x0.dtype == torch.float64 and not seen.x0.requires_grad and not seen.x0.is_inference()
    for k, (level, condition) in enumerate(zip(levels, conditions, strict=True)):
        with torch.no_grad():
            v = checkpoint.model(x[k : k + 1].float(), torch.tensor([level.t]), *checkpoint.encode([condition]))
        x0 = level.signal_rate * x[k] - level.noise_rate * v[0].double()  # Salimans & Ho 2022
        eps = level.noise_rate * x[k] + level.signal_rate * v[0].double()
        torch.testing.assert_close(seen.x0[k], x0, rtol=0, atol=1e-5)
        torch.testing.assert_close(seen.eps[k], eps, rtol=0, atol=1e-5)


def test_one_level_serves_all_rows_and_two_for_three_rows_are_refused(checkpoint, denoise, x):
    level = checkpoint.schedule.level(500)
    assert_same(denoise(x, level), denoise(x, [level] * 3, [Condition()] * 3))
    with pytest.raises(ValueError, match="2 levels for 3"):
        denoise(x, [level] * 2)


def test_guidance_is_eps_u_plus_w_times_the_difference_row_by_row(checkpoint, denoise, x):
    level = checkpoint.schedule.level(700)
    conditions, scales = [CAT, FLAT, CAT], [2.5, 1.0, -3.0]
    got = guided(denoise, scales)(x, level, conditions)
    told, untold = denoise(x, level, conditions), denoise(x, level)
    w = torch.tensor(scales, dtype=torch.float64)[:, None, None, None]
    torch.testing.assert_close(got.eps, untold.eps + w * (told.eps - untold.eps), rtol=0, atol=2e-5)
    torch.testing.assert_close(got.x0, untold.x0 + w * (told.x0 - untold.x0), rtol=0, atol=2e-5)
    rates = level.signal_rate, level.noise_rate
    torch.testing.assert_close(rates[0] * got.x0 + rates[1] * got.eps, x, rtol=0, atol=1e-9)


def test_guidance_of_one_and_of_zero_are_the_plain_models_exactly(checkpoint, denoise, x):
    level = checkpoint.schedule.level(700)
    conditions = [CAT, FLAT, CAT]
    assert_same(guided(denoise, 1)(x, level, conditions), denoise(x, level, conditions))
    assert_same(guided(denoise, 0)(x, level, conditions), denoise(x, level))


@pytest.mark.parametrize(
    ("condition", "scale", "rows"), [(CAT, 2.0, 2), (CAT, 1, 1), (CAT, 0.0, 1), (Condition(), 7.5, 1)]
)
def test_guidance_asks_no_more_often_than_it_must(condition, scale, rows):
    asked = []
    model = gaussian(torch.zeros(3, 16, 16), 1.0)

    def count(x, levels, conditions=None):
        asked.append(len(x))
        return model(x, levels)

    level = load_level()
    guided(count, scale)(torch.zeros(1, 3, 16, 16, dtype=torch.float64), level, [condition])
    assert asked == [rows] == [evaluations(condition, scale)]


def load_level():
    from playground.schedules import SCHEDULES

    return SCHEDULES["cosine"].make().level(500)


def test_clipping_keeps_x0_in_range_and_x_the_same_picture(checkpoint, denoise, x):
    level = checkpoint.schedule.level(300)
    free, kept = denoise(10 * x, level), clipped(denoise)(10 * x, level)
    assert free.x0.abs().max() > 1 >= kept.x0.abs().max()
    torch.testing.assert_close(kept.x0, free.x0.clamp(-1, 1))
    torch.testing.assert_close(level.signal_rate * kept.x0 + level.noise_rate * kept.eps, 10 * x)


def test_clipping_can_differ_from_row_to_row(checkpoint, denoise, x):
    level = checkpoint.schedule.level(300)
    limits = torch.tensor([1.0, torch.inf, 0.5], dtype=torch.float64)[:, None, None, None]
    free, kept = denoise(10 * x, level), clipped(denoise, limits)(10 * x, level)
    assert torch.equal(kept.x0[1], free.x0[1]) and torch.equal(kept.eps[1], free.eps[1])
    assert kept.x0[0].abs().max() == 1 and kept.x0[2].abs().max() == 0.5


def test_a_self_conditioned_net_is_given_its_last_belief():
    """Chen et al. 2022, algorithm 2, written out, against the engine."""
    torch.manual_seed(3)
    unet = {"dims": [16], "attention": [False], "emb_dim": 16, "head_dim": 16, "self_condition": True}
    net = Checkpoint(size=8, unet=unet).eval()
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    levels = spaced(net.schedule, 4)
    x = start = noise_of(5)((1, 3, 8, 8))
    x0 = torch.zeros_like(x)
    with torch.no_grad():
        for here, there in pairwise(levels):
            output = net.model(torch.cat([x, x0], 1).float(), torch.tensor([here.t])).double()
            prediction = clip(Prediction.from_output("v", output, x, here))
            x0 = prediction.x0
            x = there.signal_rate * x0 + there.noise_rate * prediction.eps
    engine = Engine(net, "cpu", warm=False)
    try:
        final = [step for step in engine.run([job_for(engine, steps=4, seed=5)])][-1].final
    finally:
        engine.close()
    torch.testing.assert_close(final, x[0], atol=1e-5, rtol=0)
    forgetful = run(ddim(start, levels, None), clipped(UNetDenoiser(net)))
    assert not torch.allclose(final, forgetful[0], atol=1e-3)
