"""The U-Net: shapes, gradients, what it sees, and that it can learn one batch by heart."""

import pytest
import torch
import torch.nn.functional as F

from playground.models.unet import Sketch, UNet

SMALL = dict(dims=(16, 32), attention=(False, True), emb_dim=32, head_dim=16)


def noisy(net: UNet) -> UNet:
    """The net with every zero-initialised weight drawn at random, as if it had been trained."""
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return net


@pytest.mark.parametrize("size", [(1, 16, 16), (3, 32, 24)])
@pytest.mark.parametrize("patch", [1, 2, 4])
@pytest.mark.parametrize("blocks", [1, 2])
def test_shapes_and_gradients(size, patch, blocks):
    net = noisy(UNet(channels=size[0], patch=patch, blocks=blocks, condition_dim=5, sketch=8, **SMALL))
    x = torch.randn(2, *size)
    out = net(x, torch.tensor([1.0, 999.5]), torch.randn(2, 5))
    assert out.shape == x.shape
    out.square().mean().backward()
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_time_counts_in_shares_of_T():
    torch.manual_seed(0)
    short = noisy(UNet(T=100, **SMALL)).eval()
    long = UNet(T=1000, **SMALL).eval()
    long.load_state_dict(short.state_dict())
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(short(x, torch.tensor([10.0, 70.0])), long(x, torch.tensor([100.0, 700.0])))


def test_self_conditioning_uses_the_estimate_and_zeros_without_one():
    net = noisy(UNet(self_condition=True, **SMALL)).eval()
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([5.0, 500.0])
    torch.testing.assert_close(net(x, t), net(torch.cat([x, torch.zeros_like(x)], 1), t))
    assert not torch.allclose(net(x, t), net(torch.cat([x, torch.ones_like(x)], 1), t))


def test_a_new_sketch_changes_nothing_and_a_condition_left_out_has_none():
    torch.manual_seed(0)
    plain = noisy(UNet(condition_dim=4, **SMALL)).eval()
    sketching = UNet(condition_dim=4, sketch=8, **SMALL).eval()
    missing, unknown = sketching.load_state_dict(plain.state_dict(), strict=False)
    assert not unknown and all(key.startswith(("sketch.", "stem_sketch.")) for key in missing)
    x, t, c = torch.randn(2, 3, 8, 8), torch.tensor([5.0, 500.0]), torch.randn(2, 4)
    assert torch.equal(sketching(x, t, c), plain(x, t, c))
    noisy(sketching)
    assert not torch.allclose(sketching(x, t, c), plain(x, t, c))
    assert torch.equal(sketching(x, t), plain(x, t))


def test_a_sketch_shows_averages():
    x0 = torch.randn(2, 3, 64, 32)
    expected = x0.reshape(2, 3, 16, 4, 16, 2).mean(dim=(3, 5))
    torch.testing.assert_close(Sketch.of(x0), expected)
    assert Sketch(4, 8, 3)(torch.randn(5, 4)).shape == (5, 3, 16, 16)


def test_rows_do_not_touch_each_other():
    net = noisy(UNet(condition_dim=4, sketch=8, **SMALL)).eval()
    x, t, c = torch.randn(3, 3, 8, 8), torch.tensor([1.0, 500.0, 1000.0]), torch.randn(3, 4)
    together = net(x, t, c)
    for k in range(3):
        torch.testing.assert_close(net(x[k : k + 1], t[k : k + 1], c[k : k + 1])[0], together[k])


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="divisible by 4"):
        UNet(**SMALL)(torch.randn(1, 3, 10, 8), torch.tensor([1.0]))
    with pytest.raises(ValueError, match="resolutions"):
        UNet(dims=(16, 32), attention=(True,))


def test_learns_one_batch_by_heart():
    torch.manual_seed(0)
    net = UNet(condition_dim=4, **SMALL)
    x, t, c, target = torch.randn(4, 3, 8, 8), torch.rand(4) * 1000, torch.randn(4, 4), torch.randn(4, 3, 8, 8)
    optimiser = torch.optim.AdamW(net.parameters(), lr=4e-3)
    for _ in range(60):
        loss = F.mse_loss(net(x, t, c), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.02  # of a target with variance 1
