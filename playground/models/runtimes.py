"""Ways to run a U-Net for inference: plain PyTorch, and what is faster on the machine at hand.

A `Runtime` takes and gives float32 CPU tensors, whatever happens inside.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import logging
import math
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from playground.images.measures import peak_signal_to_noise
from playground.models.devices import allowed, bf16, cores, one_thread, threads
from playground.models.packing import packed

log = logging.getLogger(__name__)

warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # what a trace takes for constant is: the size

Inputs = tuple[Tensor, ...]  # x (B, C, H, W), t (B,), then what the net is told: each with one row a picture
CLOSE = 40.0  # dB of peak signal to noise that finished pictures have at least, against the plain model in float32


@dataclass(frozen=True)
class Runtime:
    """forward(x (B, C, H, W), t (B,), *what the net is told) -> (B, C, H, W); `name` is for the badge. On a CPU several
    threads may ask at once. `decibels`: of finished pictures against the plain model's, where that has been seen."""

    name: str
    forward: Callable[..., Tensor]
    decibels: float | None = None

    def __str__(self) -> str:
        return self.name if self.decibels is None else f"{self.name}, {self.decibels:.0f} dB"


Way = Callable[[nn.Module, Inputs], Runtime]


# ---------------------------------------------------------------------------------------------- ways to run a U-Net


def eager(model: nn.Module) -> Runtime:
    """The model as it is, on the device where its weights are."""
    device = next(model.parameters()).device

    def forward(*inputs: Tensor) -> Tensor:
        return model(*(tensor.to(device) for tensor in inputs)).float().cpu()

    return Runtime("PyTorch", forward)


def alone(runtime: Runtime) -> Runtime:
    """Each row by itself. The kernels of a CPU sum in another order for another number of rows, so that a picture
    would not be the same, to the bit, alone and in company."""

    def forward(*inputs: Tensor) -> Tensor:
        return torch.cat([runtime.forward(*row) for row in zip(*(tensor.split(1) for tensor in inputs), strict=True)])

    return Runtime(runtime.name, forward)


def plain(model: nn.Module) -> Runtime:
    """PyTorch as it is, but on a CPU a row at a time: what an engine has before it knows better."""
    on_cpu = next(model.parameters()).device.type == "cpu"
    return alone(eager(model)) if on_cpu else eager(model)


class Shares:
    """How the rows of a batch are shared out among the cores that no other batch has at this moment."""

    def __init__(self) -> None:
        self._taken = 0
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def of(self, rows: int) -> Iterator[int]:
        """Into how many shares so many rows are to be divided."""
        with self._lock:
            shares = max(1, min(rows, allowed(), threads() - self._taken))
            self._taken += shares
        try:
            yield shares
        finally:
            with self._lock:
                self._taken -= shares


def shared(graph: Callable[..., Tensor], dtype: torch.dtype) -> Callable[..., Tensor]:
    """A net in channels-last, each core with its own share of the rows. Several cores on one row wait for each other
    after every layer, all the more where other work interrupts one of them. Seen on two Zen 3 cores at 32 rows: 1.5 ×
    as fast as both cores on all rows."""

    @torch.inference_mode()  # a state of the thread
    def share(*inputs: Tensor) -> Tensor:
        return graph(*laid_out(inputs, dtype)).float()

    free = Shares()

    def forward(*inputs: Tensor) -> Tensor:
        with free.of(len(inputs[0])) as shares:
            own, *parts = zip(*(tensor.tensor_split(shares) for tensor in inputs), strict=True)
            others = [cores().submit(share, *part) for part in parts]
            # The first share is done here: to hand a single row over and back costs two waits for the processor.
            with one_thread():
                done = share(*own)
            return torch.cat([done, *(other.result() for other in others)])

    return forward


def laid_out(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    """All but t in a type, x in channels-last."""
    x, t, *told = inputs
    return x.to(dtype, memory_format=torch.channels_last), t, *(tensor.to(dtype) for tensor in told)


def frozen(model: nn.Module, example: Inputs) -> Runtime:
    """Traced and frozen, with weights that lie as the kernels read them: no Python between the layers."""
    return _frozen(model, example, torch.float32, "PyTorch, frozen")


def bfloat16(model: nn.Module, example: Inputs) -> Runtime:
    """The same with weights and layers in bf16."""
    if not bf16():
        raise NotImplementedError("no bf16 arithmetic in this processor")
    return _frozen(model, example, torch.bfloat16, "PyTorch, frozen, bf16")


def _frozen(model: nn.Module, example: Inputs, dtype: torch.dtype, name: str) -> Runtime:
    rows = laid_out(repeated(example, TYPICAL), dtype)
    graph, weights = cores().submit(packed, model, rows, dtype).result()  # kernels are chosen where they will run
    return Runtime(name, shared(lambda *inputs: graph(*inputs, *weights), dtype))


def traced(model: nn.Module, example: Inputs) -> Runtime:
    """Traced and frozen with PyTorch's own kernels, a row at a time: for a processor or a build without oneDNN."""
    last = copy.deepcopy(model).eval().to(memory_format=torch.channels_last)
    graph = torch.jit.freeze(torch.jit.trace(last, example, check_trace=False))
    return Runtime("PyTorch, traced", shared(alone(Runtime("", graph)).forward, torch.float32))


def openvino(model: nn.Module, example: Inputs) -> Runtime:
    """Intel's runtime, where the package `openvino` is installed; a row at a time."""
    import openvino as ov

    graph = ov.convert_model(copy.deepcopy(model), example_input=example)
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads(),
    }
    request = ov.Core().compile_model(graph, "CPU", settings).create_infer_request()

    one_at_a_time = threading.Lock()

    def forward(*inputs: Tensor) -> Tensor:
        arrays = [tensor.contiguous().numpy() for tensor in inputs]
        with one_at_a_time:
            return torch.from_numpy(request.infer(arrays, share_inputs=True)[0].copy())

    return Runtime("OpenVINO", alone(Runtime("", forward)).forward)


def captured(model: nn.Module, example: Inputs, rows: int = 32) -> Runtime:
    """One CUDA graph in fp16 of `rows` rows; a smaller batch is filled up with what the last one left.

    A single size on purpose: every row meets the same kernels whoever its neighbours are, so that a picture is the
    same alone and in company, and on a GPU so small a net takes about as long for one row as for all of them.
    """
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    device = next(model.parameters()).device
    held = [torch.zeros(rows, *tensor.shape[1:], device=device) for tensor in example]
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

    def forward(*inputs: Tensor, weights: nn.Module = last) -> Tensor:  # the graph reads them as long as it lives
        parts = []
        for start in range(0, len(inputs[0]), rows):
            given = [tensor[start : start + rows] for tensor in inputs]
            for kept, tensor in zip(held, given, strict=True):
                kept[: len(tensor)].copy_(tensor)
            graph.replay()
            parts.append(output[: len(given[0])].cpu())
        return torch.cat(parts)

    return Runtime("PyTorch, CUDA graph, fp16", forward)


# ---------------------------------------------------------------------------------------------- the best one here

# Those of a later group are tried where none of the earlier ones works.
WAYS = {"cpu": ((frozen, bfloat16, openvino), (traced,)), "cuda": ((captured,),), "mps": ()}
TYPICAL = 4  # rows in a core's share, for which kernels are chosen
SIZES = (2, 16)  # rows of a guided picture, and of a full round: those that a way is to be fast at
COMPANY = (1, 2, 3, 5, 16)  # rows among which the first one must come out the same


@torch.inference_mode()
def best(
    model: nn.Module,
    example: Inputs,
    pictures: Callable[[Runtime], Tensor],
    ways: Sequence[Sequence[Way]] | None = None,
    rounds: int = 3,
) -> Runtime:
    """The fastest way to run the model here: one for batches of all sizes, so that the same noise becomes the same
    picture, to the bit, alone and in company.

    Every way is passed over that this machine lacks; whose finished pictures are not the plain model's to `CLOSE` dB;
    or, on a CPU, that gives a row other bits in other company. The worst that can come back is the plain model.

    With PLAYGROUND_TIMED=0 they are not timed, and the last one that works is taken: several processes whose pictures
    are to be the same must not each have a clock decide.

    Args:
        example: one row of x, t and what the net is told, float32 on the CPU.
        pictures: makes some with a runtime, the same ones every time. One evaluation does not tell what becomes of
            rounding over the steps of a run.
    """
    device = next(model.parameters()).device.type
    wanted = pictures(eager(model))

    def works(way: Way) -> Runtime | None:
        try:
            runtime = way(model, example)
            decibels = peak_signal_to_noise(pictures(runtime), wanted)
            if decibels >= CLOSE and (device != "cpu" or same_in_company(runtime, example)):
                return dataclasses.replace(runtime, decibels=decibels)
            log.info("Passed over %s: %.1f dB, or other bits in company", way.__name__, decibels)
        except Exception as error:  # a missing package or instruction, or whatever another machine comes up with
            log.info("Passed over %s: %s", way.__name__, error)
        return None

    groups = WAYS[device] if ways is None else ways
    found = next(filter(None, ([r for r in map(works, group) if r is not None] for group in groups)), [])
    if len(found) < 2:  # any other way that works gains on the plain one
        return found[0] if found else plain(model)
    if os.environ.get("PLAYGROUND_TIMED") == "0":
        return found[-1]
    inputs = {rows: repeated(example, rows) for rows in SIZES}
    spent = {runtime.name: dict.fromkeys(SIZES, math.inf) for runtime in found}
    for _ in range(rounds):  # in turn, so that a busy moment hits all of them
        for runtime in found:
            for rows in SIZES:
                started = time.perf_counter()
                runtime.forward(*inputs[rows])
                took = time.perf_counter() - started
                spent[runtime.name][rows] = min(spent[runtime.name][rows], took)
    return min(found, key=lambda runtime: math.prod(spent[runtime.name].values()))


def same_in_company(runtime: Runtime, example: Inputs) -> bool:
    """Whether a row comes out the same, to the bit, whichever rows are computed with it."""
    draw = torch.Generator().manual_seed(0)
    x, t, *told = repeated(example, max(COMPANY))
    inputs = torch.randn(x.shape, generator=draw), 1000 * torch.rand(t.shape, generator=draw), *told
    alone, *others = (runtime.forward(*(tensor[:rows] for tensor in inputs))[0] for rows in COMPANY)
    return all(torch.equal(alone, other) for other in others)


def repeated(example: Inputs, rows: int) -> Inputs:
    """So many rows of an example of one."""
    return tuple(tensor.repeat(rows, *[1] * (tensor.ndim - 1)) for tensor in example)
