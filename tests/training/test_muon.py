"""Muon, against a singular value decomposition, the published iteration and PyTorch's own."""

import pytest
import torch
from torch import nn

from playground.training.muon import COEFFICIENTS, Muon, orthogonal


def matrix(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(rows))


@pytest.mark.parametrize("shape", [(24, 200), (200, 24), (32, 32)])
def test_orthogonal_keeps_the_directions_and_levels_the_sizes(shape):
    given = matrix(*shape)
    u, s, vt = torch.linalg.svd(given, full_matrices=False)
    within = u.T @ orthogonal(given) @ vt.T  # diagonal where the singular vectors are the same
    sizes = within.diagonal()[s > 0.05 * s[0]]  # five rounds do not lift the very smallest all the way
    assert 0.6 < sizes.min() and sizes.max() < 1.25
    assert (within - within.diagonal().diag()).abs().max() < 1e-3


def test_the_factors_multiplied_first_are_the_published_iteration():
    a, b, c = COEFFICIENTS
    x = given = matrix(48, 432)
    x = x.double() / x.double().norm()
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    torch.testing.assert_close(orthogonal(given).double(), x, atol=1e-5, rtol=0)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="PyTorch has a Muon from 2.9 on")
def test_its_steps_are_those_of_pytorch():
    """Theirs computes in bfloat16, and the iteration feels that: the same step to a hundredth."""
    ours, theirs = (nn.Parameter(matrix(40, 90)) for _ in range(2))
    options = {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.9}
    one = Muon([ours], **options)
    two = torch.optim.Muon([theirs], **options, adjust_lr_fn="match_rms_adamw")
    for k in range(4):
        before, ours.grad = ours.detach().clone(), matrix(40, 90) + k
        theirs.data, theirs.grad = before.clone(), ours.grad.clone()
        one.step()
        two.step()
        step, wanted = ours.detach() - before, theirs.detach() - before
        assert torch.cosine_similarity(step.flatten(), wanted.flatten(), dim=0) > 0.999
        assert (step.norm() / wanted.norm()).item() == pytest.approx(1, abs=0.01)


def test_several_of_one_shape_take_the_steps_that_each_takes_alone():
    given = [matrix(24, 60), 3 * matrix(24, 60).flip(0), matrix(60, 24).T.contiguous(), matrix(16, 60)]
    together = [nn.Parameter(each.clone()) for each in given]
    alone = [nn.Parameter(each.clone()) for each in given]
    optimisers = [Muon(together, lr=0.1), *(Muon([each], lr=0.1) for each in alone)]
    for k in range(2):
        for one, other in zip(together, alone, strict=True):
            one.grad = other.grad = (k + 1) * one.detach().roll(k, 1)
        for optimiser in optimisers:
            optimiser.step()
    for one, other, before in zip(together, alone, given, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
        assert (one - before).abs().max() > 0.01


def test_convolutions_are_matrices_of_their_outputs():
    flat = nn.Parameter(matrix(16, 36))
    folded = nn.Parameter(flat.detach().reshape(16, 4, 3, 3).clone(memory_format=torch.channels_last))
    flat.grad = matrix(16, 36).flip(0)
    folded.grad = flat.grad.reshape(16, 4, 3, 3).contiguous(memory_format=torch.channels_last)
    Muon([flat, folded]).step()
    torch.testing.assert_close(folded.detach().flatten(1), flat.detach())
