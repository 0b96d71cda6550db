"""Each block of the nets, against another implementation or what it must do."""

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import get_timestep_embedding

from playground.models.blocks import Attention, Downsample, ResnetBlock, Upsample, time_embedding


def test_time_embedding_is_that_of_diffusers():
    t = torch.tensor([0.0, 1.0, 400.25, 1000.0])
    theirs = get_timestep_embedding(t, 64, flip_sin_to_cos=False, downscale_freq_shift=0)
    torch.testing.assert_close(time_embedding(t, 64), theirs)


def test_attention_is_torchs_multi_head_attention():
    torch.manual_seed(0)
    ours = Attention(32, head_dim=8)
    torch.nn.init.normal_(ours.to_out.weight, std=0.1)  # zero at first
    torch.nn.init.normal_(ours.to_out.bias, std=0.1)
    theirs = torch.nn.MultiheadAttention(32, 4, batch_first=True, bias=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(ours.to_qkv.weight[:, :, 0, 0])
        theirs.in_proj_bias.zero_()
        theirs.out_proj.weight.copy_(ours.to_out.weight[:, :, 0, 0])
        theirs.out_proj.bias.copy_(ours.to_out.bias)
    x = torch.randn(2, 32, 3, 5)
    tokens = ours.norm(x).flatten(2).transpose(1, 2)
    expected = x + theirs(tokens, tokens, tokens)[0].transpose(1, 2).reshape(x.shape)
    for training in (True, False):  # written out for training on a CPU, fused otherwise: one result
        torch.testing.assert_close(ours.train(training)(x), expected)


def test_down_and_up_move_each_pixel_to_its_place():
    down, up = Downsample(1, 4), Upsample(1, 1)
    with torch.no_grad():
        down.conv.weight.copy_(torch.eye(4)[:, :, None, None])
        down.conv.bias.zero_()
        up.conv.weight.zero_()[0, 0, 1, 1] = 1.0
        up.conv.bias.zero_()
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    torch.testing.assert_close(down(x), F.pixel_unshuffle(x, 2))
    torch.testing.assert_close(up(x)[0, 0, :2, :4], torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]]))


def test_a_new_block_is_the_identity():
    x = torch.randn(2, 16, 4, 4)
    torch.testing.assert_close(ResnetBlock(16, 16, 8)(x, torch.randn(2, 8)), x)
    torch.testing.assert_close(Attention(32)(torch.cat([x, x], 1)), torch.cat([x, x], 1))
