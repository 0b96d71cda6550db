"""A net for few pictures at a time on a CPU: weights that lie as oneDNN's kernels read them, and fewer operators.

PyTorch lays a convolution's weights out anew at every call, which on a grid of 4 × 4 takes three times as long as the
convolution. The operators used here take them laid out once; `torch.compile` puts the same ones into its graphs, but
needs a C++ compiler at hand.

Nothing is trained here, and the numbers are those of the plain net up to rounding. No row meets another one, and the
kernels sum in the same order for any number of rows (`runtimes.best` makes sure): a picture is the same in any company.
"""

from __future__ import annotations

import copy
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from playground.models.blocks import Attention, CrossAttention, ResnetBlock


@torch.inference_mode()
def packed(model: nn.Module, example: tuple[Tensor, ...], dtype: torch.dtype) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A traced copy of a net for inference, and the weights that it takes after the inputs.

    example: some rows of what the net is given, all in `dtype` but t. The kernels are chosen for as many rows, but take
    any number. x is to be in channels-last.

    Raises:
        AttributeError: this build of PyTorch lacks the operators.
    """
    net = copy.deepcopy(model).to(dtype=dtype, memory_format=torch.channels_last).eval()
    _exchange(net)
    net(*example)  # each part sees the size of its input, and lays its weights out for it
    parts = [part for part in net.modules() if isinstance(part, Packed) and part.weight is not None]
    weights = tuple(part.weight for part in parts)
    graph = torch.jit.freeze(torch.jit.trace(Outer(net, parts).eval(), (*example, *weights), check_trace=False))
    return graph, weights


class Outer(nn.Module):
    """Takes the packed weights as inputs: a graph can't keep tensors of oneDNN's own layouts among its constants."""

    def __init__(self, net: nn.Module, parts: list[Packed]) -> None:
        super().__init__()
        self.net, self.parts = net, parts

    def forward(self, *given: Tensor) -> Tensor:
        count = len(given) - len(self.parts)
        for part, weight in zip(self.parts, given[count:], strict=True):
            part.weight = weight
        return self.net(*given[:count])


class Packed(nn.Module):
    """A layer whose weight is laid out at its first call."""

    weight: Tensor | None = None

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.plain, self.bias = layer.weight.detach(), None if layer.bias is None else layer.bias.detach()


class Convolution(Packed):
    """An `nn.Conv2d`, zero-padded."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__(layer)
        self.how = [list(layer.padding), list(layer.stride), list(layer.dilation), layer.groups]

    def _lay_out(self, x: Tensor) -> None:
        if self.weight is None:
            self.weight = torch.ops.mkldnn._reorder_convolution_weight(self.plain, *self.how, list(x.shape))

    def forward(self, x: Tensor) -> Tensor:
        self._lay_out(x)
        return _operators().convolve(x, self.weight, self.bias, *self.how)

    def added_to(self, other: Tensor, x: Tensor) -> Tensor:
        """other + the convolution of x, in one go."""
        self._lay_out(x)
        return _operators().convolve_and_add(x, other, self.weight, self.bias, *self.how)


class Linear(Packed):
    """An `nn.Linear`."""

    def forward(self, x: Tensor) -> Tensor:
        if self.weight is None:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(self.plain)
        return _operators().multiply(x, self.weight, self.bias)


class Norm(nn.Module):
    """An `nn.GroupNorm`, without what that checks first: a trace keeps it, as arithmetic on sizes at every call."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.groups, self.weight, self.bias, self.eps = norm.num_groups, norm.weight, norm.bias, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        return torch.group_norm(x, self.groups, self.weight, self.bias, self.eps)


def _heads(x: Tensor, *sizes: int) -> Tensor:
    """(B, N, several · heads · head_dim) → (several, B, heads, N, head_dim), without a copy."""
    return x.unflatten(2, sizes).permute(2, 0, 3, 1, 4)


def _places(x: Tensor) -> Tensor:
    """(B, C, H, W) in channels-last → (B, H·W, C), without a copy."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)


class Looks(nn.Module):
    """An `Attention` or a `CrossAttention` whose heads are looked at where they lie in channels-last."""

    def __init__(self, layer: Attention | CrossAttention) -> None:
        super().__init__()
        self.norm, self.to_out = Norm(layer.norm), Convolution(layer.to_out)
        self.heads, self.head_dim = layer.to_out.in_channels // layer.head_dim, layer.head_dim
        self.crosses = isinstance(layer, CrossAttention)
        self.to_q = Convolution(layer.to_q if self.crosses else layer.to_qkv)
        self.to_kv = Linear(layer.to_kv) if self.crosses else None

    def forward(self, x: Tensor, *told: Tensor | None) -> Tensor:
        looking, seen = _places(self.to_q(self.norm(x))), None
        if self.crosses:
            words, present, *_maps = told
            (q,) = _heads(looking, 1, self.heads, self.head_dim)
            k, v = _heads(self.to_kv(words), 2, self.heads, self.head_dim)
            seen = (present > 0.5)[:, None, None]  # (B, 1, 1, L)
        else:
            q, k, v = _heads(looking, 3, self.heads, self.head_dim)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(2)  # (B, H·W, C)
        height = int(x.shape[2])  # a number, so that the trace has no arithmetic for it
        return self.to_out.added_to(x, out.unflatten(1, (height, -1)).permute(0, 3, 1, 2))


class Block(nn.Module):
    """A `ResnetBlock` in fewer operators; its scale and shift come from one projection for all blocks."""

    def __init__(self, block: ResnetBlock, scale_shift: Together, number: int) -> None:
        super().__init__()
        self.norm1, self.conv1, self.norm2 = Norm(block.norm1), Convolution(block.conv1), Norm(block.norm2)
        self.conv2 = Convolution(block.conv2)
        self.residual = block.residual if isinstance(block.residual, nn.Identity) else Convolution(block.residual)
        self.scale_shift, self.number = scale_shift, number

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:  # (B, dim_in, H, W), (B, emb_dim) -> (B, dim_out, H, W)
        h = self.conv1(F.silu(self.norm1(x), inplace=True))
        scale, shift = self.scale_shift(emb)[self.number].unflatten(1, (2, -1, 1, 1)).unbind(1)
        h = F.silu(torch.addcmul(shift, self.norm2(h), scale), inplace=True)
        return self.conv2.added_to(self.residual(x), h)


class Together(nn.Module):
    """The projections of the embedding of all blocks at once. The first block that asks has it computed; in the graph
    that is traced of it, the others are views of the same product."""

    def __init__(self, blocks: list[ResnetBlock]) -> None:
        super().__init__()
        layers = [block.scale_shift for block in blocks]
        self.sizes = [layer.out_features for layer in layers]
        one = nn.Linear(layers[0].in_features, sum(self.sizes)).to(layers[0].weight)
        with torch.no_grad():
            one.weight.copy_(torch.cat([layer.weight for layer in layers]))
            # The scale is about 1 at the input of every block: here, once for all.
            one.bias.copy_(torch.cat([layer.bias + _ones_then_zeros(layer.bias) for layer in layers]))
        self.one = Linear(one)
        self._last: tuple[Tensor, tuple[Tensor, ...]] | None = None

    def forward(self, emb: Tensor) -> tuple[Tensor, ...]:
        if self._last is None or self._last[0] is not emb:
            self._last = emb, self.one(emb).split(self.sizes, dim=1)
        return self._last[1]


def _ones_then_zeros(bias: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(bias[: len(bias) // 2]), torch.zeros_like(bias[len(bias) // 2 :])])


def _exchange(net: nn.Module) -> None:
    """Puts the parts of this module in the place of those that they do the work of."""
    blocks = [part for part in net.modules() if isinstance(part, ResnetBlock)]
    together = Together(blocks) if blocks else None

    def within(part: nn.Module) -> None:
        for name, child in part.named_children():
            if isinstance(child, ResnetBlock):
                setattr(part, name, Block(child, together, blocks.index(child)))
            elif isinstance(child, Attention | CrossAttention):
                setattr(part, name, Looks(child))
            elif isinstance(child, nn.GroupNorm):
                setattr(part, name, Norm(child))
            elif type(child) is nn.Conv2d and child.padding_mode == "zeros" and not isinstance(child.padding, str):
                setattr(part, name, Convolution(child))
            elif type(child) is nn.Linear:
                setattr(part, name, Linear(child))
            else:
                within(child)

    within(net)


@cache
def _operators() -> torch.jit.CompilationUnit:
    """oneDNN's operators as TorchScript, since a trace can't take their empty list of numbers from Python."""
    return torch.jit.CompilationUnit("""
def convolve(x: Tensor, weight: Tensor, bias: Optional[Tensor], padding: List[int], stride: List[int],
             dilation: List[int], groups: int):
    none: List[Optional[number]] = []
    return torch.ops.mkldnn._convolution_pointwise(x, weight, bias, padding, stride, dilation, groups, "none", none, "")

def convolve_and_add(x: Tensor, other: Tensor, weight: Tensor, bias: Optional[Tensor], padding: List[int],
                     stride: List[int], dilation: List[int], groups: int):
    none: List[Optional[number]] = []
    return torch.ops.mkldnn._convolution_pointwise(x, other, weight, bias, padding, stride, dilation, groups, "add",
                                                   1.0, None, none, None)

def multiply(x: Tensor, weight: Tensor, bias: Optional[Tensor]):
    none: List[Optional[number]] = []
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", none, "")
""")
