"""The engine: many people's runs through one net, each as if it were alone."""

from __future__ import annotations

import gc
import shutil
import threading
import time

import pytest
import torch

from playground.checkpoints import load
from playground.engine import (
    Engine,
    Job,
    batching,
    get_engine,
    job_for,
)
from playground.errors import UserError
from playground.images import to_pixels
from playground.models import devices
from playground.models.conditioning import Condition
from playground.models.denoiser import UNetDenoiser, clipped, guided, net_of
from playground.models.runtimes import Runtime, plain
from playground.samplers import SAMPLERS, run

CAT = Condition(("cat", "face"), "flat")


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint):
    return load(tiny_checkpoint)


@pytest.fixture
def engine(checkpoint):
    engine = Engine(checkpoint, "cpu")
    yield engine
    engine.close()


def pictures(steps) -> dict[int, torch.Tensor]:
    return {step.job: step.final for step in steps if step.final is not None}


def pixels(picture: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(to_pixels(picture[None])).int()


def until(condition, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def slow(engine: Engine, seconds: float = 0.02) -> list[int]:
    """Makes every round take a while and say nothing; returns the list in which the sizes of the rounds will stand."""
    sizes = []

    def wait(x, *given):
        sizes.append(len(x))
        time.sleep(seconds)
        return torch.zeros_like(x)

    engine._denoise.runtime = type(engine._denoise.runtime)("slow", wait)
    return sizes


# --------------------------------------------------------------------------------------------- the same picture


def test_is_what_the_sampler_gives_when_driven_by_hand(engine, checkpoint):
    settings = {"steps": 8, "seed": 4, "eta": 0.7, "condition": CAT, "guidance_scale": 2.5}
    steps = list(engine.run([job_for(engine, **settings)]))
    denoise = clipped(guided(UNetDenoiser(checkpoint, plain(net_of(checkpoint))), 2.5))
    seen = []
    picture = run(
        job_for(checkpoint, **settings).sampler,
        lambda x, level: denoise(x, level, [CAT]),
        lambda x, level, prediction: seen.append((x, level, prediction)),
    )
    assert torch.equal(steps[-1].final, picture[0])
    assert [step.index for step in steps] == list(range(8)) and {step.steps_hint for step in steps} == {8}
    for step, (x, level, prediction) in zip(steps, seen, strict=True):
        assert step.level == level and torch.equal(step.x, x[0])
        assert torch.equal(step.prediction.x0, prediction.x0[0]) and torch.equal(step.prediction.eps, prediction.eps[0])
        assert (step.final is None) == (step is not steps[-1])


def test_each_job_of_a_batch_is_clipped_or_not_as_it_asks(engine):
    """As a bound is measured without, beside pictures that are made with it."""

    def glance(level):
        prediction = yield 3 * torch.randn(1, 3, 16, 16, generator=torch.manual_seed(5)).double(), level
        return prediction.x0

    level = engine.schedule.level(300)
    steps = engine.run([Job(glance(level), clip=clip, steps_hint=1) for clip in (True, False, True)])
    seen = {step.job: step.prediction.x0 for step in steps}
    assert seen[1].abs().max() > 1.5
    assert torch.equal(seen[0], seen[1].clamp(-1, 1)) and torch.equal(seen[2], seen[0])


def guided_cat(engine, name):
    return job_for(engine, name, steps=10, seed=11, condition=CAT, guidance_scale=3.0)


@pytest.fixture(scope="module")
def in_company(checkpoint):
    """{sampler: its picture of one seed}, all of them and twenty others made at once."""
    engine, names = Engine(checkpoint, "cpu"), list(SAMPLERS)
    others = [
        job_for(
            engine,
            names[k % len(names)],
            steps=5 + k,
            seed=k,
            condition=(CAT, Condition())[k % 2],
            guidance_scale=k % 4,
        )
        for k in range(20)
    ]
    made = pictures(engine.run([*others[:9], *(guided_cat(engine, name) for name in names), *others[9:]]))
    assert engine.stats()["mean_batch"] > 4
    engine.close()
    return {name: made[9 + k] for k, name in enumerate(names)}


@pytest.mark.parametrize("name", SAMPLERS)
def test_same_seed_same_picture_alone_and_in_a_full_and_mixed_batch(engine, in_company, name):
    assert torch.equal(pictures(engine.run([guided_cat(engine, name)]))[0], in_company[name])


@pytest.mark.parametrize("bf16", ["0", "1"])
def test_the_fastest_way_gives_the_same_bits_in_company_of_changing_size(tiny_checkpoint, monkeypatch, bf16):
    monkeypatch.setenv("PLAYGROUND_BF16", bf16)
    engine = Engine(load(tiny_checkpoint), "cpu", warm=True)

    def mine():
        return job_for(engine, steps=16, seed=11, condition=CAT, guidance_scale=3.0)

    alone = pictures(engine.run([mine()]))[0]
    assert engine.stats()["runtime"].startswith("PyTorch, ")  # from the first picture on
    comers = [[job_for(engine, steps=3 + k, seed=k) for k in range(count)] for count in (1, 3, 6, 20)]
    run, others = engine.run([mine()]), []
    for step in run:
        if step.index % 3 == 1 and comers:
            others.append(engine.run(comers.pop()))
    assert torch.equal(step.final, alone) and engine.stats()["mean_batch"] > 2
    for other in others:
        pictures(other)
    engine.close()


@pytest.mark.parametrize("default", [torch.float64, torch.float16])
def test_what_a_notebook_sets_as_its_defaults_changes_no_picture(engine, default):
    def made():
        return pictures(engine.run([job_for(engine, "ddpm", steps=5, seed=3, condition=CAT)]))[0]

    expected, before = made(), torch.get_default_dtype()
    try:
        torch.set_default_dtype(default)
        with torch.device("meta"):  # a device that holds no numbers: whatever is made there by default is lost
            assert torch.equal(made(), expected)
    finally:
        torch.set_default_dtype(before)


def test_the_others_randomness_is_not_mine(engine):
    def mine():
        return job_for(engine, "ddpm", steps=10, seed=3)

    alone = pictures(engine.run([mine()]))[0]
    torch.manual_seed(0)
    both = pictures(engine.run([mine(), job_for(engine, "ddpm", steps=10, seed=3)]))
    assert torch.equal(both[0], alone) and torch.equal(both[1], alone)


def test_tensors_of_a_step_are_plain_and_its_own(engine):
    (step, *_) = engine.run([job_for(engine, steps=2, seed=k) for k in range(8)])
    for tensor in (step.x, step.prediction.x0, step.prediction.eps):
        assert tensor.device.type == "cpu" and tensor.dtype == torch.float64
        assert not tensor.is_inference() and not tensor.requires_grad
        assert tensor.untyped_storage().nbytes() == 3 * 16 * 16 * 8  # one picture is kept alive, not a batch of them


# --------------------------------------------------------------------------------------------- shares of the time


def test_open_questions_of_all_are_asked_together(engine):
    sizes = slow(engine)
    runs = [engine.run([job_for(engine, steps=6, seed=k)]) for k in range(10)]
    for each in runs:
        assert len(pictures(each)) == 1
    assert max(sizes) == 10 and sum(sizes) == 60 and len(sizes) <= 8


def test_a_batch_is_never_larger_than_allowed_and_a_large_request_is_sliced(checkpoint):
    engine = Engine(checkpoint, "cpu", max_batch=10)  # two rounds of five at a time
    sizes = slow(engine, 0.005)
    crowd = engine.run([job_for(engine, steps=3, seed=k, condition=CAT, guidance_scale=2.0) for k in range(16)])
    late = engine.run([job_for(engine, steps=3, seed=1)])
    assert len(pictures(late)) == 1
    assert len(sizes) <= 10  # of the crowd's 3 · 16 · 2 / 5 ≈ 20 rounds
    assert len(pictures(crowd)) == 16
    assert max(sizes) == 5
    engine.close()


def test_rounds_share_the_cores_where_there_is_work_for_all_and_have_them_all_where_not(checkpoint, monkeypatch):
    for module in (batching, devices):
        monkeypatch.setattr(module, "threads", lambda: 4)
    engine, cores = Engine(checkpoint, "cpu", max_batch=10), []
    forward = engine._denoise.runtime.forward

    def wait(x, *given):
        cores.append((len(x), devices.allowed()))
        time.sleep(0.01)
        return forward(x, *given)

    engine._denoise.runtime = Runtime("slow", wait)
    assert len(pictures(engine.run([job_for(engine, steps=3, seed=k) for k in range(5)]))) == 5
    assert set(cores) == {(5, 4)}
    cores.clear()
    assert len(pictures(engine.run([job_for(engine, steps=3, seed=k) for k in range(30)]))) == 30
    assert sum(rows for rows, allowed in cores if allowed == 2) >= 60  # of the 90: the last ones leave room
    engine.close()


def test_a_long_run_does_not_delay_a_short_one(engine):
    sizes = slow(engine, 0.01)
    long = engine.run([job_for(engine, steps=1000, seed=k) for k in range(40)])  # more than a batch by itself
    reader = threading.Thread(target=lambda: [None for _ in long])
    reader.start()
    until(lambda: len(sizes) > 3)
    before = len(sizes)
    assert len(pictures(engine.run([job_for(engine, steps=10, seed=1)]))) == 1
    assert len(sizes) - before <= 23  # ten steps, ten rounds, and those of the other worker meanwhile
    assert sizes[-1] == 16
    long.close()
    reader.join(20)
    assert not reader.is_alive()


def test_requests_of_one_person_share_that_persons_turns(checkpoint):
    engine = Engine(checkpoint, "cpu", max_batch=2)
    slow(engine, 0.005)
    greedy = [engine.run([job_for(engine, steps=500, seed=k)], who="ann") for k in range(6)]
    bob = engine.run([job_for(engine, steps=20)], who="bob")
    before = [len(each.request.steps) for each in greedy]
    assert len(pictures(bob)) == 1
    gained = [len(each.request.steps) - had for each, had in zip(greedy, before, strict=True)]
    assert max(gained) <= 6  # a sixth each of as many steps as bob's
    engine.close()


# --------------------------------------------------------------------------------------------- stopping, failing


@pytest.mark.parametrize("way", ["close", "let go", "leave the loop"])
def test_who_stops_reading_frees_the_work_within_a_step(engine, way):
    sizes = slow(engine)

    def watch():
        yield from (step for step in engine.run([job_for(engine, steps=1000, seed=k) for k in range(3)]))

    reader = watch() if way == "leave the loop" else engine.run([job_for(engine, steps=1000, seed=k) for k in range(3)])
    for _ in range(7):
        next(reader)
    if way == "let go":
        del reader
        gc.collect()
    else:
        reader.close()
    seen = len(sizes)
    until(lambda: engine.stats()["live"] == 0)
    assert len(sizes) - seen <= 2  # the round that was under way, and one that may have begun meanwhile


def test_a_reader_that_falls_asleep_stops_its_run_and_can_go_on(engine):
    sleeper = engine.run([job_for(engine, steps=90)])
    until(lambda: engine.stats()["steps"] >= 64)
    time.sleep(0.1)
    assert engine.stats()["steps"] == 64  # no more than it may lag behind
    assert len(pictures(engine.run([job_for(engine, steps=5)]))) == 1  # others go on
    assert len(list(sleeper)) == 90


def test_a_sleeping_run_that_is_closed_is_freed(engine):
    sleeper = engine.run([job_for(engine, steps=90)])
    until(lambda: engine.stats()["steps"] >= 64)
    sleeper.close()
    until(lambda: engine.stats()["live"] == 0)


def crashing(at: int, error: Exception):
    def sampler(x, level):
        for index in range(30):
            if index == at:
                raise error
            yield x, level

    return sampler


@pytest.mark.parametrize("at", [0, 5])
@pytest.mark.parametrize("error", [RuntimeError("secret"), UserError("This curve is no schedule.")])
def test_a_crash_ends_its_request_with_a_sentence_and_nobody_elses(engine, at, error):
    slow(engine, 0.002)
    other = engine.run([job_for(engine, steps=30, seed=5)])
    bad = Job(crashing(at, error)(torch.zeros(1, 3, 16, 16, dtype=torch.float64), engine.schedule.level(500)))
    with pytest.raises(UserError) as caught:
        list(engine.run([job_for(engine, steps=30), bad]))
    told = str(caught.value)
    assert "secret" not in told and told == (str(error) if isinstance(error, UserError) else told)
    assert len(pictures(other)) == 1
    until(lambda: engine.stats()["live"] == 0)


def test_a_job_that_does_not_fit_the_batch_falls_out_of_it_alone(engine):
    slow(engine, 0.002)

    def odd():
        yield torch.zeros(1, 3, 15, 15, dtype=torch.float64), engine.schedule.level(500)

    def stranger():
        yield torch.zeros(1, 3, 16, 16, dtype=torch.float64), engine.schedule.level(500)

    others = engine.run([job_for(engine, steps=6, seed=k) for k in range(5)])
    wrong = [engine.run([Job(odd())]), engine.run([Job(stranger(), Condition((), "no such style"))])]
    for each in wrong:
        with pytest.raises(UserError, match="This run failed"):
            list(each)
    assert len(pictures(others)) == 5


def test_numbers_without_bounds_are_said_and_not_shown(engine):
    def explode():
        prediction = yield torch.ones(1, 3, 16, 16, dtype=torch.float64), engine.schedule.level(500)
        return prediction.x0 * torch.inf

    with pytest.raises(UserError, match="grew beyond"):
        list(engine.run([Job(explode())]))


def test_nothing_to_ask_gives_the_picture_back(engine):
    start = torch.linspace(-1, 1, 3 * 16 * 16).reshape(3, 16, 16)
    (step,) = engine.run([job_for(engine, start=start, strength=0.0)])
    assert torch.equal(step.final, start.double()) and step.steps_hint == 0
    assert list(engine.run([])) == []


def test_a_full_queue_answers_at_once_with_its_length_and_the_wait(checkpoint):
    engine = Engine(checkpoint, "cpu", max_live=12)
    slow(engine, 0.05)
    filling = engine.run([job_for(engine, steps=40, seed=k) for k in range(10)])
    for _ in range(30):
        next(filling)
    started = time.perf_counter()
    with pytest.raises(UserError, match=r"^10 pictures are being made already, for about \d+ s more"):
        engine.run([job_for(engine) for _ in range(3)])
    assert time.perf_counter() - started < 1.5
    told = engine.stats()
    assert told["waiting_seconds"] > 1.5  # 37 rounds of at least 50 ms are left
    assert told["waiting_seconds"] == pytest.approx((400 - told["steps"]) / told["rows_per_second"], rel=0.1)
    engine.run([job_for(engine, steps=2) for _ in range(2)]).close()
    filling.close()
    engine.close()


def test_a_stopped_engine_ends_its_runs_and_takes_no_new_ones(checkpoint):
    engine = Engine(checkpoint, "cpu")
    slow(engine)
    going = engine.run([job_for(engine, steps=1000)])
    next(going)
    engine.close()
    with pytest.raises(UserError, match="stopped"):
        list(going)
    with pytest.raises(UserError, match="stopped"):
        engine.run([job_for(engine)])
    assert not any(thread.is_alive() for thread in engine._threads)


# --------------------------------------------------------------------------------------------- many at once


def test_thirty_people_with_stops_and_crashes_in_between(engine):
    """Everybody who stays gets the picture of a solo run; everybody who leaves is forgotten."""
    engine._denoise.speed_up()
    wanted = {}
    for k in range(6):
        wanted[k] = pictures(engine.run([job_for(engine, "ddpm", steps=6 + k, seed=k)]))[0]
    wrong, lock = [], threading.Lock()

    def student(number: int) -> None:
        for turn in range(3):
            k, kind = (number + turn) % 6, (number + turn) % 5
            try:
                reader = engine.run([job_for(engine, "ddpm", steps=6 + k, seed=k)], who=number)
                if kind == 3:
                    next(reader)
                    reader.close()
                    continue
                if kind == 4:
                    bad = crashing(2, RuntimeError("boom"))(
                        torch.zeros(1, 3, 16, 16).double(), engine.schedule.level(9)
                    )
                    with pytest.raises(UserError):
                        list(engine.run([Job(bad)], who=number))
                if not torch.equal(pictures(reader)[0], wanted[k]):
                    raise AssertionError(f"another picture for seed {k}")
            except Exception as error:
                with lock:
                    wrong.append(error)

    students = [threading.Thread(target=student, args=(number,)) for number in range(30)]
    for each in students:
        each.start()
    for each in students:
        each.join(60)
    assert wrong == []
    until(lambda: engine.stats()["live"] == 0)


# --------------------------------------------------------------------------------------------- one per process


def test_there_is_one_engine_per_checkpoint_and_device(tiny_checkpoint, monkeypatch):
    from playground.engine import registry as module

    monkeypatch.setattr(module, "_engines", {})
    found = []
    seekers = [threading.Thread(target=lambda: found.append(get_engine(str(tiny_checkpoint)))) for _ in range(5)]
    for each in seekers:
        each.start()
    for each in seekers:
        each.join()
    assert len({id(engine) for engine in found}) == 1 and found[0] is get_engine(str(tiny_checkpoint), "auto")
    until(lambda: found[0].stats()["runtime"] != "PyTorch")  # warmed up in the background
    with pytest.raises(UserError, match="no checkpoint"):
        get_engine("nowhere")
    module.close_engines()
    assert not any(thread.is_alive() for thread in found[0]._threads)


def test_weights_written_anew_are_read_anew_and_a_run_ends_with_its_own(tiny_checkpoint, tmp_path, monkeypatch):
    from playground.engine import registry as module

    monkeypatch.setattr(module, "_engines", {})
    monkeypatch.setattr(module, "GRACE", 0)
    monkeypatch.setattr(UNetDenoiser, "speed_up", lambda self: None)
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "mine")

    def picture(engine):
        return list(engine.run([job_for(engine, steps=4, seed=3)]))[-1].final

    first = get_engine(str(folder))
    before = picture(first)
    going = first.run([job_for(first, steps=40, seed=3)])
    next(going)
    other = load(folder)
    torch.nn.init.normal_(other.model.head.weight)
    other.save(folder, "")
    second = get_engine(str(folder))
    assert second is not first and get_engine(str(folder)) is second
    after = picture(second)
    assert not torch.equal(after, before)
    assert len(list(going)) == 39  # one was read above
    until(lambda: not any(thread.is_alive() for thread in first._threads))

    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])  # somebody is copying
    assert get_engine(str(folder)) is second and torch.equal(picture(second), after)
    weights.write_bytes(whole)
    third = get_engine(str(folder))
    assert third is not second and torch.equal(picture(third), after)
    module.close_engines()


@pytest.mark.parametrize(("side", "rows"), [(16, 32), (64, 32), (128, 8), (256, 2), (512, 2)])
def test_large_pictures_go_through_the_net_fewer_at_a_time(monkeypatch, side, rows):
    from types import SimpleNamespace

    from playground.engine import registry

    monkeypatch.setattr(registry, "load", lambda name: SimpleNamespace(size=side))
    monkeypatch.setattr(registry, "written", lambda name: 1)
    monkeypatch.setattr(registry, "_engines", {})
    monkeypatch.setattr(registry, "Engine", lambda checkpoint, device, **options: options)
    assert registry._open("any", "cpu") == {"max_batch": rows, "warm": side <= 64}
