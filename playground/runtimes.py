"""Ways to run a U-Net for inference: plain PyTorch, and what is faster on the machine at hand.

A `Runtime` takes and gives float32 CPU tensors, whatever happens inside.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from .errors import UserError


@dataclass(frozen=True)
class Runtime:
    """forward(x (B, C, H, W), t (B,), condition (B, D) or None) -> (B, C, H, W); `name` is for the badge."""

    name: str
    forward: Callable[[Tensor, Tensor, Tensor | None], Tensor]


def choose_device(device: str = "auto") -> torch.device:
    """ "auto" is CUDA, else MPS, else the CPU.

    Raises:
        UserError: the device is unknown or this machine has none.
    """
    present = available_devices()
    if device in ("auto", None):
        return torch.device(present[-1])
    if str(device).split(":")[0] not in present:
        raise UserError(
            "This machine has no device “{device}”; it has {devices}.",
            device=device,
            devices=", ".join(present),
        )
    return torch.device(device)


def available_devices() -> list[str]:
    """Slowest first: "cpu", then "mps" or "cuda" where there is one."""
    found = ["cpu"]
    if torch.backends.mps.is_available():
        found.append("mps")
    if torch.cuda.is_available():
        found.append("cuda")
    return found


def cpu_quota(root: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores this process may use: what a container's quota (cgroup v2 or v1) and affinity leave of them."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        if (root / "cpu.max").is_file():
            quota, period = (root / "cpu.max").read_text().split()
        else:
            quota, period = ((root / "cpu" / f"cpu.cfs_{x}_us").read_text() for x in ("quota", "period"))
        if quota != "max" and int(quota) > 0:
            cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no quota to be read: the mask decides
    return cores


def eager(model: nn.Module) -> Runtime:
    """The model as it is, on the device where its weights are."""
    device = next(model.parameters()).device

    def forward(x: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        condition = None if condition is None else condition.to(device)
        return model(x.to(device), t.to(device), condition).float().cpu()

    return Runtime("PyTorch", forward)
