"""One training by several processes, as `torchrun` starts them: each takes its rows of every batch (data parallelism).

A batch is a function of the seed and the step, so every process draws all of it, and takes every nth row for itself.
The gradients are added up over all processes before the step, each row with its own weight: so n processes take the
step that one would, up to rounding, and a run goes on with another number of them. `DistributedDataParallel` would
average over processes where rows count, and it sees nothing of what is called beside the net's `forward`: the words and
the sketch.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from playground.errors import UserError


@dataclass(frozen=True)
class Team:
    """The processes of a training, as one of them sees it."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.rank == 0

    def rows(self, share: int, shares: int) -> slice:
        """Of a batch, for one of the shares that this process makes of its own part."""
        return slice(self.rank + self.size * share, None, self.size * shares)

    def begin_alike(self, tensors: Iterable[Tensor]) -> None:
        """Gives everybody the values of the one that leads."""
        if self.size > 1:
            for tensor in tensors:
                with _together():
                    dist.broadcast(tensor, 0)

    def add_up(self, net: nn.Module, loss: Tensor) -> Tensor:
        """Adds up the gradients of all processes, in place; returns the sum of their parts of the loss."""
        if self.size == 1:
            return loss
        gradients = [weight.grad for weight in net.parameters() if weight.grad is not None]
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), loss.float().reshape(1)])
        with _together():
            dist.all_reduce(flat)
        *parts, loss = flat.split([*(gradient.numel() for gradient in gradients), 1])
        parts = [part.view(gradient.shape) for part, gradient in zip(parts, gradients, strict=True)]
        torch._foreach_copy_(gradients, parts)
        return loss[0]

    def agree(self, progress: float, asked: bool = False) -> tuple[float, bool]:
        """(the progress that the one who leads sees, whether anybody was asked to stop), the same for all."""
        if self.size == 1:
            return progress, asked
        # On the CPU (gloo), wherever the net is: a GPU need not be waited for.
        seen = torch.tensor([progress if self.leads else 0.0, float(asked)], dtype=torch.float64, device="cpu")
        with _together():
            dist.all_reduce(seen)
        return seen[0].item(), bool(seen[1])

    def same(self, number: int) -> bool:
        """Whether all have the same number."""
        mine = torch.tensor([number, -number], device="cpu")
        if self.size > 1:
            with _together():
                dist.all_reduce(mine, dist.ReduceOp.MAX)
        return mine[0] == -mine[1]


@contextlib.contextmanager
def team(device: torch.device) -> Iterator[tuple[Team, torch.device]]:
    """The team that this process was started into (alone without `torchrun`), and its own device of that kind."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield Team(), device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    with _together():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    yield Team(dist.get_rank(), dist.get_world_size()), device
    # Not in a `finally`: where one is gone already, the farewell would wait for it.
    dist.destroy_process_group()


@contextlib.contextmanager
def _together() -> Iterator[None]:
    """What all processes do at once: it fails where one of them is no more."""
    try:
        yield
    except RuntimeError as error:
        raise UserError(
            "Another process of this training has ended, so this one ends too. The same command goes on from the last "
            "state that was written."
        ) from error
