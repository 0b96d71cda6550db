"""Which weights are trained by which optimiser: all of them once, and only matrices within the net by Muon."""

import pytest
import torch

from playground.checkpoints import Checkpoint
from playground.training.muon import Muon
from playground.training.optimisers import optimisers
from playground.training.recipe import Recipe

UNET = {"dims": [16, 32], "attention": [False, True], "emb_dim": 32, "head_dim": 16}


@pytest.fixture(scope="module")
def net():
    return Checkpoint(size=16, words=("cat", "red"), styles=("flat",), condition_dim=16, unet=UNET)


def names_of(net, optimiser) -> set[str]:
    held = {id(weight) for group in optimiser.param_groups for weight in group["params"]}
    return {name for name, weight in net.named_parameters() if id(weight) in held}


def test_words_styles_and_the_nets_ends_are_adamws(net):
    adamw, muon = optimisers(net, Recipe(optimiser="muon"))
    assert isinstance(adamw, torch.optim.AdamW) and isinstance(muon, Muon)
    by_adamw, by_muon = names_of(net, adamw), names_of(net, muon)
    assert not by_adamw & by_muon and by_adamw | by_muon == {name for name, _weight in net.named_parameters()}
    assert {"conditioner.word.weight", "conditioner.style.weight", "model.stem.weight", "model.head.weight"} <= by_adamw
    shapes = {name: weight.ndim for name, weight in net.named_parameters()}
    assert all(shapes[name] >= 2 for name in by_muon) and len(by_muon) > 10


def test_without_muon_adamw_has_all(net):
    (adamw,) = optimisers(net, Recipe(optimiser="adamw"))
    assert names_of(net, adamw) == {name for name, _weight in net.named_parameters()}
