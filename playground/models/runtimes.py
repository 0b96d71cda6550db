"""Ways to run a U-Net for inference: plain PyTorch, and what is faster on the machine at hand.

A `Runtime` takes and gives float32 CPU tensors, whatever happens inside.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import math
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from playground.models.devices import bf16, cores, threads

log = logging.getLogger(__name__)

Inputs = tuple[Tensor, Tensor, "Tensor | None"]  # x (B, C, H, W), t (B,), condition (B, D) or None
CLOSE = 50.0  # dB of peak signal to noise, against the plain model in float32


@dataclass(frozen=True)
class Runtime:
    """forward(x (B, C, H, W), t (B,), condition (B, D) or None) -> (B, C, H, W); `name` is for the badge. On a CPU
    several threads may ask at once."""

    name: str
    forward: Callable[[Tensor, Tensor, Tensor | None], Tensor]


Way = Callable[[nn.Module, Inputs], Runtime]


# ---------------------------------------------------------------------------------------------- ways to run a U-Net


def eager(model: nn.Module) -> Runtime:
    """The model as it is, on the device where its weights are."""
    device = next(model.parameters()).device

    def forward(x: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        condition = None if condition is None else condition.to(device)
        return model(x.to(device), t.to(device), condition).float().cpu()

    return Runtime("PyTorch", forward)


class Shares:
    """How the rows of a batch are shared out among the cores that no other batch has at this moment."""

    def __init__(self) -> None:
        self._taken = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def of(self, rows: int) -> Iterator[int]:
        """Into how many shares so many rows are to be divided."""
        with self._lock:
            shares = max(1, min(rows, threads() - self._taken))
            self._taken += shares
        try:
            yield shares
        finally:
            with self._lock:
                self._taken -= shares


def frozen(model: nn.Module, example: Inputs) -> Runtime:
    """Traced and frozen, in channels-last: no Python between the layers; and each core runs its own share of the rows
    by itself. Several cores on one row wait for each other after every layer, all the more where other work
    interrupts one of them. Seen on two Zen 3 cores at 32 rows: 1.5 × as fast as both cores on all rows."""
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sizes it takes for constants are constants: the picture's
        traced = torch.jit.freeze(torch.jit.trace(last, _given(example), check_trace=False))

    @torch.inference_mode()  # a state of the thread
    def share(x: Tensor, *given: Tensor) -> Tensor:
        return traced(x.contiguous(memory_format=torch.channels_last), *given)

    free = Shares()

    def forward(x: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        with free.of(len(x)) as shares:
            given = [tensor.tensor_split(shares) for tensor in _given((x, t, condition))]
            return torch.cat(list(cores().map(share, *given)))

    return Runtime("PyTorch, frozen", forward)


def bfloat16(model: nn.Module, example: Inputs) -> Runtime:
    """Channels-last under autocast. On a CPU without bf16 arithmetic this is five times slower than float32."""
    if not bf16():
        raise NotImplementedError("no bf16 arithmetic in this processor")
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)

    @torch.autocast("cpu", torch.bfloat16)
    def forward(x: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        return last(x.contiguous(memory_format=torch.channels_last), t, condition).float()

    return Runtime("PyTorch, bf16", forward)


def openvino(model: nn.Module, example: Inputs) -> Runtime:
    """Intel's runtime, where the package `openvino` is installed; it gains most on single pictures."""
    import openvino as ov

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = ov.convert_model(copy.deepcopy(model), example_input=_given(example))
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads(),
    }
    request = ov.Core().compile_model(graph, "CPU", settings).create_infer_request()

    one_at_a_time = threading.Lock()

    def forward(x: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        arrays = [tensor.contiguous().numpy() for tensor in _given((x, t, condition))]
        with one_at_a_time:
            return torch.from_numpy(request.infer(arrays, share_inputs=True)[0].copy())

    return Runtime("OpenVINO", forward)


def captured(model: nn.Module, example: Inputs, rows: int = 32) -> Runtime:
    """One CUDA graph in fp16 of `rows` rows; a smaller batch is filled up with what the last one left.

    A single size on purpose: every row meets the same kernels whoever its neighbours are, so that a picture is the
    same alone and in company, and on a GPU so small a net takes about as long for one row as for all of them.
    """
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    device = next(model.parameters()).device
    held = [torch.zeros(rows, *tensor.shape[1:], device=device) for tensor in _given(example)]
    held[0] = held[0].contiguous(memory_format=torch.channels_last)

    @torch.autocast("cuda", torch.float16, cache_enabled=False)
    def run() -> Tensor:
        return last(*held).float()

    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        for _ in range(3):  # kernels are chosen and buffers made before the capture
            run()
    torch.cuda.current_stream(device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        output = run()

    def forward(x: Tensor, t: Tensor, condition: Tensor | None) -> Tensor:
        parts = []
        for start in range(0, len(x), rows):
            given = [tensor[start : start + rows] for tensor in _given((x, t, condition))]
            for kept, tensor in zip(held, given, strict=True):
                kept[: len(tensor)].copy_(tensor)
            graph.replay()
            parts.append(output[: len(given[0])].cpu())
        return torch.cat(parts)

    return Runtime("PyTorch, CUDA graph, fp16", forward)


# ---------------------------------------------------------------------------------------------- the best one here

WAYS = {"cpu": (frozen, bfloat16, openvino), "cuda": (captured,), "mps": ()}
SMALL = 4  # rows up to which a batch is a small one
LARGE = 32  # rows of a full one


@torch.inference_mode()
def best(model: nn.Module, example: Inputs, ways: Sequence[Way] | None = None, rounds: int = 3) -> Runtime:
    """The fastest way to run the model here, small batches and large ones each their own.

    Every way that this machine lacks, or whose output is not the plain model's to `CLOSE` dB, is passed over; so
    the worst that can come back is `eager(model)`.

    example: one row of x, t and condition (or None), float32 on the CPU. Takes seconds: not for the critical path.
    """
    plain = eager(model)
    inputs = {rows: [t if t is None else t.repeat(rows, *[1] * (t.ndim - 1)) for t in example] for rows in (1, LARGE)}
    wanted = {rows: plain.forward(*inputs[rows]) for rows in inputs}
    found = [plain]
    for way in WAYS[next(model.parameters()).device.type] if ways is None else ways:
        try:
            runtime = way(model, example)
            if all(_decibels(runtime.forward(*inputs[rows]), wanted[rows]) >= CLOSE for rows in inputs):
                found.append(runtime)
        except Exception as error:  # a missing package or instruction, or whatever another machine comes up with
            log.info("Passed over %s: %s", way.__name__, error)
    if len(found) <= 2:  # any other way that works gains on the plain one
        return found[-1]
    spent = {(runtime, rows): math.inf for runtime in found for rows in inputs}
    for _ in range(rounds):  # in turn, so that a busy moment hits all of them
        for runtime, rows in spent:
            started = time.perf_counter()
            runtime.forward(*inputs[rows])
            spent[runtime, rows] = min(spent[runtime, rows], time.perf_counter() - started)
    small, large = (min(found, key=lambda runtime: spent[runtime, rows]) for rows in inputs)
    if small is large:
        return small
    return Runtime(
        f"{small.name}; {large.name} from {SMALL + 1} rows",
        lambda x, t, condition: (small if len(x) <= SMALL else large).forward(x, t, condition),
    )


def _given(inputs: Inputs) -> tuple[Tensor, ...]:
    return tuple(tensor for tensor in inputs if tensor is not None)


def _decibels(output: Tensor, wanted: Tensor) -> float:
    """Peak signal-to-noise ratio, of a range of 2: −1 … 1."""
    error = (output - wanted).square().mean().item()
    return math.inf if error == 0 else 10 * math.log10(4 / error) if math.isfinite(error) else -math.inf
