"""Ways to run a net: the same numbers as the plain model, and a machine that lacks one passes it over."""

import pytest
import torch

from playground.checkpoints import Checkpoint, load
from playground.errors import UserError
from playground.models import devices, runtimes
from playground.models.conditioning import Condition
from playground.models.denoiser import UNetDenoiser, fastest, net_of, told
from playground.models.devices import available_devices, choose_device, cpu_quota
from playground.models.runtimes import Runtime, best, bfloat16, eager, frozen, openvino, same_in_company, traced
from playground.models.unet import UNet
from playground.schedules import Level


@pytest.fixture(scope="module")
def model(tiny_checkpoint):
    return load(tiny_checkpoint)


@pytest.fixture(scope="module")
def net(model):
    return net_of(model)


def inputs(checkpoint, rows: int):
    generator = torch.Generator().manual_seed(rows)
    x = torch.randn(rows, 3, checkpoint.size, checkpoint.size, generator=generator)
    t = 1000 * torch.rand(rows, generator=generator)
    return x, t, *told(checkpoint, [Condition(("cat",))] * rows)


@pytest.mark.parametrize("way", [frozen, traced, openvino])
@torch.inference_mode()
def test_a_faster_way_gives_the_plain_models_numbers_at_any_batch_size(model, net, way):
    if way is openvino:
        pytest.importorskip("openvino")
    runtime, plain = way(net, inputs(model, 1)), eager(net)
    for rows in (1, 7, 2, 1, 16):
        given = inputs(model, rows)
        torch.testing.assert_close(runtime.forward(*given), plain.forward(*given), rtol=0, atol=2e-5)


@torch.inference_mode()
def test_a_row_comes_out_the_same_to_the_bit_in_any_company(model, net):
    ways = [frozen, traced] + [bfloat16] * devices.bf16()
    for runtime in (way(net, inputs(model, 1)) for way in ways):
        x, t, *rest = inputs(model, 17)
        alone = [runtime.forward(*(tensor[k : k + 1] for tensor in (x, t, *rest))) for k in range(17)]
        for rows in (2, 5, 8, 17):
            together = runtime.forward(*(tensor[:rows] for tensor in (x, t, *rest)))
            assert torch.equal(together, torch.cat(alone[:rows])), (runtime.name, rows)
        assert same_in_company(runtime, inputs(model, 1))


@pytest.mark.parametrize("kind", ["nothing", "a vector", "words and lines"])
@torch.inference_mode()
def test_nets_of_every_kind_can_be_frozen(kind):
    torch.manual_seed(0)
    x, t = torch.randn(3, 3, 16, 16), torch.tensor([1.0, 10.0, 900.0])
    settings, told = {}, []
    if kind == "a vector":
        settings, x = {"condition_dim": 8, "sketch": 8, "self_condition": True, "blocks": 2}, torch.cat([x, x], dim=1)
        told = [torch.randn(3, 8)]
    elif kind == "words and lines":
        settings = {"condition_dim": 8, "words_dim": 12, "cross": (True, True), "lines": 2}
        present = torch.tensor([[1.0, 0, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
        told = [torch.randn(3, 8), torch.randn(3, 5, 12), present, torch.rand(3, 1, 16, 16)]
    net = UNet(dims=(16, 32), attention=(False, True), emb_dim=32, head_dim=16, **settings).eval()
    for weight in net.parameters():  # the zeros that training starts from would hide whole layers
        torch.nn.init.normal_(weight, std=0.1)
    example = tuple(tensor[-1:] for tensor in (x, t, *told))
    runtime, wanted = frozen(net, example), net(x, t, *told)
    torch.testing.assert_close(runtime.forward(x, t, *told), wanted, rtol=1e-4, atol=1e-4)
    assert same_in_company(runtime, example)
    if devices.bf16():
        runtime = bfloat16(net, example)
        assert same_in_company(runtime, example)
        difference = runtime.forward(x, t, *told) - wanted
        assert difference.square().mean() < 0.001 * wanted.square().mean()


@torch.inference_mode()
def test_a_sketch_is_drawn_once_a_prompt_and_is_that_of_the_net(monkeypatch):
    torch.manual_seed(0)
    small = {"dims": [16, 32], "attention": [False, True], "emb_dim": 32, "head_dim": 16, "sketch": 8}
    checkpoint = Checkpoint(size=16, words=("cat",), condition_dim=16, unet=small).eval()
    for weight in checkpoint.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    drawn, draw = [], checkpoint.model.sketch.forward
    monkeypatch.setattr(checkpoint.model.sketch, "forward", lambda *given: drawn.append(1) or draw(*given))
    x, cat = torch.randn(2, 3, 16, 16).double(), Condition(("cat",))
    vector = checkpoint.encode([cat, cat])
    for runtime in (eager(net_of(checkpoint)), fastest(checkpoint)):
        denoise = UNetDenoiser(checkpoint, runtime)
        drawn.clear()
        for t in (0.2, 0.5, 0.8):
            level = Level(1000 * t, 1 - t)
            seen = denoise(x, level, [cat, cat])
            assert len(drawn) == 1
        plain = checkpoint.model(x.float(), torch.full((2,), level.t), *vector).double()
        torch.testing.assert_close(seen.v, plain, atol=0.05, rtol=0)


def test_the_best_way_is_a_way_that_works(model, net):
    def far_off(model, example):
        return Runtime("far off", lambda *given: 1.1 * eager(model).forward(*given))

    def missing(model, example):
        raise ImportError("no such package")

    def endless(model, example):
        return Runtime("endless", lambda x, *given: x * torch.nan)

    def moody(model, example):  # its numbers are right, but the last bits depend on how many are asked
        return Runtime("moody", lambda x, *given: eager(model).forward(x, *given) * (1 + 1e-6 * len(x)))

    def picture(runtime):
        return runtime.forward(*inputs(model, 2))

    bad = [far_off, missing, endless, moody]
    assert best(net, inputs(model, 1), picture, ways=[bad]).name == "PyTorch"
    assert best(net, inputs(model, 1), picture, ways=[bad, [traced]]).name == "PyTorch, traced"


def test_one_way_serves_all_batch_sizes_the_fastest_over_small_and_large_ones(model, net, monkeypatch):
    monkeypatch.delenv("PLAYGROUND_TIMED", raising=False)
    clock = [0.0]
    monkeypatch.setattr(runtimes.time, "perf_counter", lambda: clock[0])

    def way(name, fixed, per_row):
        plain = runtimes.plain(net)

        def forward(x, *given):
            clock[0] += fixed + per_row * len(x)
            return plain.forward(x, *given)

        return lambda model, example: Runtime(name, forward)

    def chosen(*ways):
        return best(net, inputs(model, 1), lambda runtime: torch.zeros(1), ways=[ways])

    quick, steady = way("quick start", 1, 2), way("long breath", 8, 1)  # at 2 rows 5 and 10, at 16 rows 33 and 24
    assert chosen(quick, steady).name == chosen(steady, quick).name == "quick start"
    assert chosen(quick, steady, way("both", 1, 1)).name == "both"


def test_what_the_choice_costs_in_the_finished_picture_is_told(model, monkeypatch):
    monkeypatch.setenv("PLAYGROUND_BF16", "0")
    exact = fastest(model)
    assert exact.name == "PyTorch, frozen" and exact.decibels > 90 and str(exact).endswith(" dB")
    monkeypatch.setenv("PLAYGROUND_BF16", "1")
    if devices.bf16():
        assert runtimes.CLOSE <= bfloat16_decibels(model) < 90


def bfloat16_decibels(model) -> float:
    """Of the bf16 way alone, whichever is the faster here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(runtimes.WAYS, "cpu", ((bfloat16,),))
        return fastest(model).decibels


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


def test_rows_are_shared_among_the_cores_that_a_thread_may_use(monkeypatch):
    for module in (runtimes, devices):
        monkeypatch.setattr(module, "threads", lambda: 4)
    shares = runtimes.Shares()
    with shares.of(8) as most, shares.of(8) as rest:
        assert (most, rest) == (4, 1)
    with devices.at_most(2), shares.of(8) as few:
        assert few == 2
    with shares.of(8) as again:
        assert again == 4
