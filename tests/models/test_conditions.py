"""What a model can be told: words in their order, lines, and where the words act."""

import pytest
import torch

from playground.checkpoints import Checkpoint, load, outline
from playground.errors import UserError
from playground.images.lines import line_map, thinned
from playground.models.blocks import CrossAttention
from playground.models.conditioning import Condition, TextTransformer
from playground.models.denoiser import UNetDenoiser, evaluations, guided
from playground.models.unet import UNet

UNET = dict(dims=(16, 32), attention=(False, True), cross=(False, True), emb_dim=32, head_dim=16, patch=1, lines=2)
WORDS = ("blue", "clothes", "hair", "red")


def everything(**more) -> Checkpoint:
    """A model that takes all three kinds of condition, with no weight at zero."""
    torch.manual_seed(0)
    settings = dict(size=8, words=WORDS, styles=("a", "b"), condition_dim=32, text={"heads": 2, "length": 6}, unet=UNET)
    made = Checkpoint(**settings | {"autoencoder": {"dims": [8], "blocks": 1}} | more).eval()
    for weight in made.parameters():
        if not weight.any():
            torch.nn.init.normal_(weight, std=0.1)
    return made


def test_order_counts_and_padding_does_not():
    torch.manual_seed(0)
    reads = TextTransformer(words=4, styles=2, dim=32, length=6, heads=2)
    style = torch.tensor([1])
    one, words, present = reads(torch.tensor([[1, 3, 4, 2]]), style)  # blue hair red clothes
    other, _, _ = reads(torch.tensor([[4, 3, 1, 2]]), style)
    assert (one - other).abs().max() > 0.01
    padded, more, seen = reads(torch.tensor([[1, 3, 4, 2, 0, 0]]), style)
    torch.testing.assert_close(padded, one)
    torch.testing.assert_close(more[:, :5], words)
    assert present.tolist() == [[1] * 5] and seen.tolist() == [[1] * 5 + [0] * 2]


def test_word_for_word_a_prompt_reaches_the_net():
    model = everything()
    assert model.parse("red hair, red clothes!")[0].words == ("red", "hair", "red", "clothes")
    one, other = (model.parse(f"{a} hair {b} clothes")[0] for a, b in (("red", "blue"), ("blue", "red")))
    x, t = torch.randn(1, 3, 8, 8), torch.tensor([500.0])
    with torch.no_grad():
        pictures = [model.model(x, t, *model.encode([each])) for each in (one, other)]
        together = model.model(x.repeat(2, 1, 1, 1), t.repeat(2), *model.encode([one, other]))
    assert (pictures[0] - pictures[1]).abs().max() > 1e-4
    torch.testing.assert_close(torch.cat(pictures), together, atol=1e-5, rtol=1e-4)
    with pytest.raises(UserError, match="6 words at most; your prompt has 7"):
        model.parse("red red red red red red red")


def test_cross_attention_is_torchs_multi_head_attention():
    torch.manual_seed(0)
    ours = CrossAttention(32, 12, head_dim=8)
    torch.nn.init.normal_(ours.to_out.weight, std=0.1)
    theirs = torch.nn.MultiheadAttention(32, 4, batch_first=True, kdim=12, vdim=12)
    with torch.no_grad():
        theirs.q_proj_weight.copy_(ours.to_q.weight[:, :, 0, 0])
        theirs.k_proj_weight.copy_(ours.to_kv.weight[:32])
        theirs.v_proj_weight.copy_(ours.to_kv.weight[32:])
        theirs.in_proj_bias.zero_()
        theirs.out_proj.weight.copy_(ours.to_out.weight[:, :, 0, 0])
        theirs.out_proj.bias.copy_(ours.to_out.bias)
    x, words, present = torch.randn(2, 32, 3, 5), torch.randn(2, 4, 12), torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0]])
    seen, weights = theirs(ours.norm(x).flatten(2).mT, words, words, key_padding_mask=present < 0.5)
    expected = x + seen.mT.reshape(x.shape)
    for training in (True, False):
        torch.testing.assert_close(ours.train(training)(x, words, present), expected)
    maps = []
    torch.testing.assert_close(ours(x, words, present, maps), expected)
    torch.testing.assert_close(maps[0].flatten(2).mT, weights)


def test_maps_say_where_each_word_acts_and_add_up_to_one():
    model = everything()
    denoise, level = UNetDenoiser(model), model.schedule.level(500)
    words, maps = denoise.attention_maps(torch.randn(1, 3, 8, 8).double(), level, Condition(("red", "hair"), "a"))
    assert words == ("", "red", "hair") and maps.shape == (3, 4, 4)
    torch.testing.assert_close(maps.sum(dim=0), torch.ones(4, 4))
    assert maps.std(dim=(1, 2)).min() > 0
    plain = everything(text=None, unet=UNET | {"cross": (), "lines": 0})
    with pytest.raises(ValueError, match="one by one"):
        everything(text=None)
    with pytest.raises(UserError, match="no cross-attention"):
        UNetDenoiser(plain).attention_maps(torch.randn(1, 3, 8, 8).double(), level, Condition())


def test_a_new_net_draws_the_same_with_lines_and_a_blank_sheet_is_no_drawing():
    torch.manual_seed(0)
    net = UNet(**UNET | {"cross": ()}).eval()
    torch.nn.init.normal_(net.head.weight)
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([5.0, 500.0])
    drawing, blank = (torch.rand(2, 1, 16, 16) > 0.8).float(), torch.zeros(2, 1, 16, 16)
    assert torch.equal(net(x, t, lines=drawing), net(x, t))  # it starts at zero
    torch.nn.init.normal_(net.lines[-1].weight)
    assert torch.equal(net(x, t, lines=blank), net(x, t))  # and after any training
    assert (net(x, t, lines=drawing) - net(x, t)).abs().max() > 0.01


def test_lines_are_part_of_a_condition():
    model = everything()
    drawing = (torch.rand(16, 16, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    told, _ = model.parse("red hair", "b", drawing)
    assert (
        told == model.parse("red hair", "b", drawing[None])[0]
        and len({told: 1, model.parse("red hair", "b")[0]: 2}) == 2
    )
    torch.testing.assert_close(model.encode([told, Condition()])[-1][:, 0], torch.stack([drawing, torch.zeros(16, 16)]))
    assert model.parse("red", None, torch.zeros(16, 16))[0] == Condition(("red",))
    assert evaluations(told, 2.0) == 2
    with pytest.raises(UserError, match="16 × 16"):
        model.parse("red", None, torch.zeros(8, 8))
    with pytest.raises(UserError, match="takes no lines"):
        everything(unet=UNET | {"lines": 0}).parse("red", None, drawing)


def test_all_kinds_are_saved_and_announced(tmp_path):
    model = everything(guidance=2.0, steps=4)
    model.save(tmp_path / "all", "")
    again, said = load(tmp_path / "all"), outline(str(tmp_path / "all"))
    assert again.conditions == said.conditions == ("style", "text", "lines")
    assert said.reads_order and (said.guidance, said.steps) == (again.guidance, again.steps) == (2.0, 4)
    condition = Condition(("red", "hair"), "a", bytes([255] * 256))
    x, t = torch.randn(1, 3, 8, 8), torch.tensor([300.0])
    with torch.no_grad():
        ours, theirs = (net.model(x, t, *net.encode([condition])) for net in (model, again))
    torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0.02)  # fp16 on disk


def test_a_model_with_its_guidance_inside_is_asked_once():
    from playground.engine import job_for

    inside = everything(guidance=2.0, steps=4)
    asked = inside.parse("red hair")[0]
    assert job_for(inside, condition=asked, guidance_scale=7.0).guidance_scale == 1.0
    assert job_for(inside, condition=asked, guidance_scale=0.0).guidance_scale == 0.0
    assert job_for(everything(), condition=asked, guidance_scale=7.0).guidance_scale == 7.0


def test_two_rows_for_a_guided_picture_with_lines_and_words():
    model, rows = everything(), []

    def count(x, levels, conditions=None):
        rows.extend(conditions)
        return UNetDenoiser(model)(x, levels, conditions)

    condition = Condition(("red",), "a", bytes([255] * 256))
    guided(count, 2.0)(torch.randn(1, 3, 8, 8).double(), model.schedule.level(500), [condition])
    assert rows == [Condition(), condition]


def test_a_disc_becomes_its_rim_and_a_band_its_middle():
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    disc = torch.where((x - 15.5).hypot(y - 15.5) < 10, -1.0, 1.0).expand(1, 3, 32, 32)
    lines = line_map(disc)
    radii = (x - 15.5).hypot(y - 15.5)[lines[0, 0] > 0]
    assert radii.min() > 8 and radii.max() < 12 and 40 <= len(radii) <= 80  # once round, a pixel wide
    band = torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    band[..., 6:9, 2:14] = True
    thin = thinned(band)[0, 0]
    assert thin.sum(dim=0).max() == 1 and thin[7].sum() >= 8 and thin.sum() == thin[7].sum()
