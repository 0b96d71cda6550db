"""Inside a U-Net: the blocks that it is made of, in the order in which they are asked, and what each says of a picture.

The plain net is asked, once, and listened to; what runs for everybody is left alone.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from playground.errors import UserError
from playground.models import Model
from playground.models.blocks import Attention, CrossAttention, attention_weights
from playground.models.conditioning import Condition
from playground.models.devices import one_thread
from playground.models.unet import UNet
from playground.schedules import Level

PLACES = 1024  # places of a grid up to which it is shown where each of them looks
LINES = 32  # of a block's code that are shown


@dataclass(frozen=True)
class Block:
    """A part of a net.

    Attributes:
        name: of its module, as `get_submodule` of the net takes it; "conditioner" for what reads the prompt before.
        kind: "time", "condition", "text", "lines", "sketch"; "stem", "resnet", "attention", "cross", "smaller",
            "larger", "head".
        part: "inputs", "down", "middle" or "up".
        level: of the resolution it works at, 0 the finest.
        skip: the block of the way down whose output is laid beside its input; "" for none.
        weights: how many numbers it has learnt.
        shape: of what it says of one picture, (C, H, W) or (C,); () before anybody has looked.
    """

    name: str
    kind: str
    part: str
    level: int = 0
    skip: str = ""
    weights: int = 0
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Look:
    """What a net's blocks said of one picture.

    Attributes:
        blocks: all of them, with their shapes.
        output: of the block in question, (C, H, W) or (C,) or, of the text, (L, C); None where it was not asked.
        attention: (heads, H·W, N): how much each of its positions looked at each of N, the positions or the words;
            None where the block does not look.
        to_words: whether it is words that they look at.
        grid: (H, W) of its positions.
    """

    blocks: tuple[Block, ...]
    output: Tensor | None = None
    attention: Tensor | None = None
    to_words: bool = False
    grid: tuple[int, int] = (0, 0)


def blocks_of(checkpoint: Model) -> list[Block]:
    """The blocks of a checkpoint's U-Net, in the order in which they are asked, without their shapes.

    Raises:
        UserError: the net is none of the playground's own.
    """
    net = checkpoint.model
    if not isinstance(net, UNet):
        raise UserError("Only the playground’s own U-Nets can be opened; this model is of another make.")
    found = [Block("embed_time", "time", "inputs")]
    if checkpoint.conditioner is not None:
        found.append(Block("conditioner", "text", "inputs"))
    for name, kind in (("embed_condition", "condition"), ("sketch", "sketch"), ("lines", "lines")):
        if getattr(net, name) is not None:
            found.append(Block(name, kind, "inputs"))
    found.append(Block("stem", "stem", "down"))

    kinds = {"ResnetBlock": "resnet", "Attention": "attention", "CrossAttention": "cross"}

    def stage(modules: nn.ModuleList, path: str, part: str, level: int, skip: str = "") -> Iterator[Block]:
        for k, module in enumerate(modules):
            if not isinstance(module, nn.Identity):
                yield Block(f"{path}.{k}", kinds[type(module).__name__], part, level, "" if k else skip)

    skips = []
    for level, (stages, shrink) in enumerate(net.down):
        for k, modules in enumerate(stages):
            found += stage(modules, f"down.{level}.0.{k}", "down", level)
            skips.append(found[-1].name)
        if not isinstance(shrink, nn.Identity):
            found.append(Block(f"down.{level}.1", "smaller", "down", level + 1))
    deepest = len(net.down) - 1
    for name in ("middle1", "middle_attention", "middle_cross", "middle2"):
        if getattr(net, name) is not None:
            found.append(Block(name, kinds[type(getattr(net, name)).__name__], "middle", deepest))
    for place, (stages, grow) in enumerate(net.up):
        for k, modules in enumerate(stages):
            found += stage(modules, f"up.{place}.0.{k}", "up", deepest - place, skips.pop())
        if not isinstance(grow, nn.Identity):
            found.append(Block(f"up.{place}.1", "larger", "up", deepest - place - 1))
    found.append(Block("head", "head", "up"))
    count = {block.name: sum(p.numel() for p in module_of(checkpoint, block.name).parameters()) for block in found}
    return [replace(block, weights=count[block.name]) for block in found]


def module_of(checkpoint: Model, name: str) -> nn.Module:
    """The module of a block."""
    return checkpoint.conditioner if name == "conditioner" else checkpoint.model.get_submodule(name)


@torch.inference_mode()
def look(checkpoint: Model, x: Tensor, level: Level, condition: Condition, name: str = "") -> Look:
    """Asks a net about x, (1, C, H, W), or (1, 2C, H, W) of one that is told its last x̂0 too, and listens to its
    blocks, above all to the one of that name.

    Raises:
        UserError: there is no such block, or the net is none of the playground's own.
    """
    blocks = blocks_of(checkpoint)
    if name and name not in {block.name for block in blocks}:
        raise UserError("This model has no block “{name}”.", name=name)
    names = {module_of(checkpoint, block.name): block.name for block in blocks}
    shapes: dict[str, tuple[int, ...]] = {}
    heard: dict[str, tuple] = {}
    me = threading.get_ident()

    def listen(module: nn.Module, inputs: tuple, output: Tensor | tuple) -> None:
        if threading.get_ident() != me or (called := names.get(module)) is None:  # others may ask the same net now
            return
        if called == "conditioner" and isinstance(output, tuple):  # of a reader in order: the words, those that are
            _condition, words, present = output
            output = words[:, : int(present.sum())]
        shapes[called] = tuple(output.shape[1:])
        if called == name:
            heard[called] = inputs, output[0].float().cpu()

    device = next(checkpoint.model.parameters()).device
    t = torch.tensor([float(level.t)], device=device)
    # A hook on all modules instead of on these: nothing is left on a net that another thread may be copying.
    with one_thread(), nn.modules.module.register_module_forward_hook(listen):
        checkpoint.model(x.float().to(device), t, *checkpoint.encode([condition]))
    blocks = tuple(replace(block, shape=shapes.get(block.name, ())) for block in blocks)
    inputs, output = heard.get(name, ((), None))
    module = module_of(checkpoint, name) if name else None
    if not isinstance(module, Attention | CrossAttention):
        return Look(blocks, output)
    grid = tuple(inputs[0].shape[-2:])
    if grid[0] * grid[1] > PLACES:
        return Look(blocks, output, grid=grid)
    if isinstance(module, Attention):
        q, k, _v = module.heads(inputs[0])
        return Look(blocks, output, attention_weights(q, k)[0].float().cpu(), grid=grid)
    features, words, present = inputs[:3]
    q, k, _v = module.heads(features, words)
    weights = attention_weights(q, k, (present > 0.5)[:, None, None])[0, :, :, : int(present[0].sum())]
    return Look(blocks, output, weights.float().cpu(), to_words=True, grid=grid)


def code(checkpoint: Model, name: str) -> str:
    """The lines that a block is: its class's `forward`, or, of a layer of PyTorch's own, those of the net's that ask
    it. At most `LINES`, without what explains them to a reader of the file."""
    module = module_of(checkpoint, name)
    kind = type(module)
    if kind.__module__.startswith("playground.") and "forward" in vars(kind):
        methods = [vars(kind)[name] for name in ("heads", "forward") if name in vars(kind)]
        return _shortened([line for method in methods for line in _undocumented(method)])
    lines = inspect.getsource(UNet.forward)
    tree = ast.parse(textwrap.dedent(lines)).body[0]
    source = textwrap.dedent(lines).splitlines()
    asked = [part for part in tree.body if f"self.{name}(" in ast.unparse(part)]
    return _shortened([line for part in asked for line in source[part.lineno - 1 : part.end_lineno]])


def _undocumented(function: Callable) -> list[str]:
    """The lines of a function, its docstring left out."""
    source = textwrap.dedent(inspect.getsource(function))
    function, lines = ast.parse(source).body[0], source.splitlines()
    if ast.get_docstring(function) is not None:
        first = function.body[0]
        del lines[first.lineno - 1 : first.end_lineno]
    return lines


def _shortened(lines: Sequence[str]) -> str:
    lines = textwrap.dedent("\n".join(lines)).splitlines()
    return "\n".join(lines if len(lines) <= LINES else [*lines[:LINES], "…"])
