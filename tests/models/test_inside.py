"""Inside a net, against hooks of the test's own, the modules asked by hand, and the net's own answer."""

from types import SimpleNamespace

import pytest
import torch
from einops import rearrange

from playground.checkpoints import Checkpoint, load
from playground.errors import UserError
from playground.models.conditioning import Condition
from playground.models.denoiser import UNetDenoiser
from playground.models.inside import LINES, blocks_of, code, look, module_of
from playground.models.unet import UNet
from tests.models.test_conditions import everything

TOLD = Condition(("red", "hair"), "a")


@pytest.fixture(scope="module")
def model():
    return everything(unet=dict(
        dims=(16, 32), attention=(True, True), cross=(False, True), emb_dim=32, head_dim=16, patch=1, lines=2, blocks=2
    ))  # fmt: skip


@pytest.fixture(scope="module")
def x():
    return torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def asked_by_hand(model, x, condition, level):
    """{name: (inputs, output)} of every module of the net, by hooks."""
    said = {}
    hooks = [
        module.register_forward_hook(lambda _module, given, out, name=name: said.update({name: (given, out)}))
        for name, module in model.model.named_modules()
    ]
    with torch.no_grad():
        model.model(x.float(), torch.tensor([float(level.t)]), *model.encode([condition]))
    for hook in hooks:
        hook.remove()
    return said


@pytest.mark.parametrize("name", ["mixed", "emoji-32", "emoji-64-latent", "avatars-64", "avatars-64-turbo", "tiny"])
def test_the_blocks_are_those_of_the_net_in_its_order_and_with_its_shapes(name, model, tiny_checkpoint):
    checkpoint = {"mixed": lambda: model, "tiny": lambda: load(tiny_checkpoint)}.get(name, lambda: load(name))()
    x, level = torch.randn(1, 3, checkpoint.size, checkpoint.size), checkpoint.schedule.level(300)
    condition = Condition(checkpoint.vocabulary.words[:2], checkpoint.styles[0])
    said = asked_by_hand(checkpoint, x, condition, level)
    blocks = look(checkpoint, x, level, condition).blocks
    assert [b.name for b in blocks] == [b.name for b in blocks_of(checkpoint)]
    of_the_net = [block for block in blocks if block.name != "conditioner"]
    assert all(block.shape == tuple(said[block.name][1].shape[1:]) for block in of_the_net)
    in_order = [block.name for block in blocks if block.part != "inputs"]
    assert [name for name in said if name in in_order] == in_order  # `said` is in the order of the answers
    known = {id(p) for block in blocks for p in module_of(checkpoint, block.name).parameters()}
    left = [name for name, p in checkpoint.model.named_parameters() if id(p) not in known]
    assert all(name.startswith(("norm_out", "stem_sketch")) for name in left)  # nothing else is without a block
    for block in blocks:
        lines = code(checkpoint, block.name).splitlines()
        assert 1 <= len(lines) <= LINES + 1 and "self" in "".join(lines) and '"""' not in "".join(lines)


def test_what_is_laid_beside_an_input_is_what_the_arrow_says(model, x):
    level = model.schedule.level(300)
    said = asked_by_hand(model, x, TOLD, level)
    skips = [(block.name, block.skip) for block in blocks_of(model) if block.skip]
    assert len(skips) == 4
    for name, skip in skips:
        (given, *_), _out = said[name]
        assert torch.equal(given[:, given.shape[1] // 2 :], said[skip][1])


@pytest.mark.parametrize("kind", ["attention", "cross"])
def test_attention_adds_up_to_one_and_makes_what_the_block_says(model, x, kind):
    level = model.schedule.level(300)
    said = asked_by_hand(model, x, TOLD, level)
    for block in (block for block in blocks_of(model) if block.kind == kind):
        found = look(model, x, level, TOLD, block.name)
        module, (given, *rest) = module_of(model, block.name), said[block.name][0]
        torch.testing.assert_close(found.attention.sum(dim=-1), torch.ones(found.attention.shape[:2]))
        with torch.no_grad():
            _q, _k, v = module.heads(given, rest[0]) if kind == "cross" else module.heads(given)
            v = v[:, :, : found.attention.shape[-1]]  # what only fills the row of words is not looked at
            out = rearrange(found.attention[None] @ v, "b h (y x) d -> b (h d) y x", y=found.grid[0])
            torch.testing.assert_close(given + module.to_out(out), said[block.name][1], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found.output, said[block.name][1][0])
        assert found.to_words == (kind == "cross") and found.attention.shape[1] == found.grid[0] * found.grid[1]


def test_the_map_of_a_word_is_the_one_that_the_net_gives(model, x):
    level = model.schedule.level(300)
    names = [block.name for block in blocks_of(model) if block.kind == "cross"]
    found = torch.stack([look(model, x, level, TOLD, name).attention.mean(dim=0) for name in names]).mean(dim=0)
    words, maps = UNetDenoiser(model).attention_maps(x, level, TOLD)
    assert words == ("", "red", "hair")
    torch.testing.assert_close(found.mT.reshape(maps.shape), maps)


def test_the_head_says_what_the_net_says_and_nothing_is_left_on_it(model, x):
    level, net = model.schedule.level(300), model.model
    before = UNetDenoiser(model)(x, level, [TOLD])
    found = look(model, x, level, TOLD, "head")
    output = rearrange(found.output[None], "b (c p q) h w -> b c (h p) (w q)", p=net.patch, q=net.patch)
    assert (before.v - output).abs().max() < 1e-5
    assert not any(module._forward_hooks for module in net.modules())
    words = look(model, x, level, TOLD, "conditioner").output
    torch.testing.assert_close(words, model.encode([TOLD])[1][0, :3])


def test_what_cannot_be_opened_is_said_in_a_sentence(model, x):
    level = model.schedule.level(300)
    with pytest.raises(UserError, match="another make"):
        look(SimpleNamespace(model=torch.nn.Linear(2, 2)), x, level, TOLD)
    with pytest.raises(UserError, match="no block “down.9”"):
        look(model, x, level, TOLD, "down.9")
    with pytest.raises(UserError, match="no block “down”"):  # a module, but none that is shown
        look(model, x, level, TOLD, "down")


def test_of_a_very_large_grid_it_is_not_shown_where_each_place_looks():
    net = Checkpoint(size=40, unet=dict(dims=(16,), attention=(True,), emb_dim=16, head_dim=16, patch=1)).eval()
    assert isinstance(net.model, UNet)
    found = look(net, torch.randn(1, 3, 40, 40), net.schedule.level(9), Condition(), "middle_attention")
    assert found.attention is None and found.output.shape == (16, 40, 40)
