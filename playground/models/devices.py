"""What this machine has to compute with: devices, cores and threads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import local

import torch

from playground.errors import UserError


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


@cache
def threads() -> int:
    """Threads for arithmetic: as many as PyTorch was started with (OMP_NUM_THREADS), but no more than cores."""
    return min(torch.get_num_threads(), cpu_quota())


def bf16(device: str = "cpu") -> bool:
    """Whether nets may compute in bfloat16 on a kind of device: where its arithmetic is in hardware, and
    PLAYGROUND_BF16 does not say 0. Elsewhere it is emulated, several times slower than float32."""
    if os.environ.get("PLAYGROUND_BF16") == "0":
        return False
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    can = getattr(torch.cpu, "get_capabilities", dict)()
    return device == "cpu" and bool(can.get("avx512_bf16") or can.get("amx_bf16"))


def compute_with(count: int) -> None:
    """The calling thread computes with so many threads from now on."""
    torch.get_num_threads()  # a new thread takes over what another one has set last, at the first time it is asked
    torch.set_num_threads(count)


@cache
def cores() -> ThreadPoolExecutor:
    """Threads that each compute alone; in all others PyTorch keeps to `threads()`."""
    return ThreadPoolExecutor(threads(), "core", initializer=compute_with, initargs=(1,))


@contextlib.contextmanager
def _computing_with(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)  # part of it is the whole process's


def one_thread() -> contextlib.AbstractContextManager[None]:
    """The calling thread computes alone within it, as those of `cores()` do."""
    return _computing_with(1)


_own = local()


@contextlib.contextmanager
def at_most(count: int) -> Iterator[None]:
    """What the calling thread asks for within it is computed by so many threads, also where rows are shared out among
    `cores()`."""
    with _computing_with(count):
        _own.most = count
        try:
            yield
        finally:
            del _own.most


def allowed() -> int:
    """Threads that the calling thread may use for arithmetic: `threads()`, or what `at_most` leaves of them."""
    return min(threads(), getattr(_own, "most", threads()))
