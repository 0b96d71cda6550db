"""Ways to run a net: the same numbers as the plain model, and a machine that lacks one passes it over."""

import pytest
import torch

from playground.checkpoints import load
from playground.errors import UserError
from playground.models import devices, runtimes
from playground.models.conditioning import Condition
from playground.models.devices import available_devices, choose_device, cpu_quota
from playground.models.runtimes import (
    Runtime,
    best,
    eager,
    frozen,
    openvino,
)


@pytest.fixture(scope="module")
def model(tiny_checkpoint):
    return load(tiny_checkpoint)


def inputs(checkpoint, rows: int):
    generator = torch.Generator().manual_seed(rows)
    x = torch.randn(rows, 3, checkpoint.size, checkpoint.size, generator=generator)
    t = 1000 * torch.rand(rows, generator=generator)
    with torch.no_grad():
        return x, t, checkpoint.encode([Condition(("cat",))] * rows)


@pytest.mark.parametrize("way", [frozen, openvino])
@torch.inference_mode()
def test_a_faster_way_gives_the_plain_models_numbers_at_any_batch_size(model, way):
    if way is openvino:
        pytest.importorskip("openvino")
    runtime, plain = way(model.model, inputs(model, 1)), eager(model.model)
    for rows in (1, 7, 2, 1, 16):
        given = inputs(model, rows)
        torch.testing.assert_close(runtime.forward(*given), plain.forward(*given), rtol=0, atol=2e-5)


@torch.inference_mode()
def test_a_net_without_condition_can_be_frozen_too():
    from playground.models.unet import UNet

    torch.manual_seed(0)
    net = UNet(dims=(16, 32), attention=(False, True), emb_dim=32, head_dim=16).eval()
    torch.nn.init.normal_(net.head.weight)
    x, t = torch.randn(3, 3, 16, 16), torch.tensor([1.0, 10.0, 900.0])
    given = frozen(net, (x[:1], t[:1], None)).forward(x, t, None)
    torch.testing.assert_close(given, net(x, t), rtol=0, atol=2e-5)


def test_the_best_way_is_a_way_that_works(model):
    def wrong(model, example):
        return Runtime("wrong", lambda x, t, condition: 1.1 * eager(model).forward(x, t, condition))

    def missing(model, example):
        raise ImportError("no such package")

    def endless(model, example):
        return Runtime("endless", lambda x, t, condition: x * torch.nan)

    assert best(model.model, inputs(model, 1), ways=[wrong, missing, endless]).name == "PyTorch"


def test_the_best_way_is_the_fastest_for_small_batches_and_for_large_ones(model, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(runtimes.time, "perf_counter", lambda: clock[0])

    def way(name, fixed, per_row):
        plain = eager(model.model)

        def forward(x, t, condition):
            clock[0] += fixed + per_row * len(x)
            return plain.forward(x, t, condition)

        return lambda model, example: Runtime(name, forward)

    # Two others beside the plain model, which on this clock takes no time at all and is put out of the race.
    monkeypatch.setattr(runtimes, "eager", lambda model: way("plain", 50, 50)(model, None))
    chosen = best(model.model, inputs(model, 1), ways=[way("quick start", 1, 2), way("long breath", 4, 1)])
    assert chosen.name == "quick start; long breath from 5 rows"
    spent = {}
    for rows in (1, 4, 5, 32):
        before = clock[0]
        chosen.forward(*inputs(model, rows))
        spent[rows] = clock[0] - before
    assert spent == {1: 3, 4: 9, 5: 9, 32: 36}


def test_devices_that_are_not_there_are_named():
    assert available_devices()[0] == "cpu" and str(choose_device("cpu")) == "cpu"
    assert str(choose_device()) == available_devices()[-1]
    with pytest.raises(UserError, match="no device “tpu”; it has .*cpu"):
        choose_device("tpu")


def test_bf16_is_taken_where_it_is_in_hardware_and_not_switched_off(monkeypatch):
    monkeypatch.delenv("PLAYGROUND_BF16", raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert devices.bf16()
    monkeypatch.setenv("PLAYGROUND_BF16", "0")
    assert not devices.bf16()
    monkeypatch.setenv("PLAYGROUND_BF16", "1")
    assert devices.bf16() and not devices.bf16("mps")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True}, raising=False)
    assert not devices.bf16()


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({"cpu.max": "150000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 999),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 999),
        ({"cpu.max": "what\n"}, 999),
        ({}, 999),
    ],
)
def test_a_containers_quota_of_cores_is_read(tmp_path, monkeypatch, files, most):
    monkeypatch.setattr(devices.os, "sched_getaffinity", lambda pid: set(range(999)), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert cpu_quota(tmp_path) == most
