"""The benchmarks measure what they say: on a tiny net, and on the page itself with one simulated student."""

from __future__ import annotations

import asyncio
import json
import math
import time
from xml.etree import ElementTree

import httpx
import pytest

from playground.bench import __main__ as command
from playground.bench import crowd, growth, lesson, offline
from playground.bench.student import Press, Visit, visit
from playground.checkpoints import load
from playground.engine import get_engine
from playground.models.denoiser import fastest
from playground.models.runtimes import CLOSE
from playground.report import Report, in_turn
from playground.samplers import SAMPLERS
from tests.conftest import until


def test_the_best_round_of_each_way_is_told(monkeypatch):
    clock = [0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    naps = {"short": iter([0, 50, 1, 30]), "long": iter([0, 20, 60, 40])}  # the first is not timed

    def sleep(nap) -> None:
        clock[0] += next(nap)

    ways = {name: lambda nap=nap: sleep(nap) for name, nap in naps.items()}
    assert in_turn(ways, rounds=3) == {"short": 1, "long": 20}


def test_a_report_says_how_it_stands_against_an_earlier_one():
    report = Report("unet", ["ms", "dB"])
    report.add("eager", 10.0, math.inf)
    report.add("frozen", 5.0, None)
    report.note("In turn.")
    text = report.text({"rows": {"frozen": [20.0, 3.0]}})
    assert text.splitlines()[0] == "== unet" and text.splitlines()[-1] == "In turn."
    assert "5 (×0.25)" in text and "–" in text
    assert "×" not in report.text()
    assert json.loads(json.dumps(report.json()))["rows"]["frozen"] == [5.0, None]


def test_command_line_prints_saves_and_compares(tmp_path, monkeypatch, capsys):
    def fake(**settings) -> Report:
        report = Report("unet", ["ms"])
        report.add("eager", float(settings["rounds"]))
        return report

    monkeypatch.setitem(command.BENCHMARKS, "unet", fake)
    file = tmp_path / "before.json"
    assert command.main(["unet", "--rounds", "4", "--json", str(file)]) == 0
    assert command.main(["unet", "--rounds", "8", "--against", str(file)]) == 0
    assert "8 (×2.00)" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        command.main(["nonsense"])


def test_unet_compares_every_way_that_gives_the_same_picture(tiny_checkpoint, monkeypatch):
    monkeypatch.setattr(offline, "BATCHES", (1, 3))
    report = offline.unet(str(tiny_checkpoint), rounds=1)
    assert {"eager", "frozen", "what the engine takes", "diffusers UNet2DModel"} <= set(report.rows)
    for name, numbers in report.rows.items():
        assert len(numbers) == len(report.columns) and all(n > 0 for n in numbers[:4])
        assert name.startswith("diffusers") or numbers[4] >= CLOSE
    assert report.rows["eager"][2:4] == [1.0] * 2


def test_the_rival_has_about_as_many_flops(tiny_checkpoint):
    checkpoint = load(tiny_checkpoint)
    given = offline.inputs_of(checkpoint, 1)
    flops = 400_000_000
    rival = offline.twin(checkpoint, flops)
    assert 0.5 < offline.count_flops(rival, given[:2]) / flops < 2


def test_samplers_are_all_timed(tiny_checkpoint):
    report = offline.samplers(str(tiny_checkpoint), rounds=1)
    assert set(report.rows) == set(SAMPLERS)
    assert all(mine > 0 and (theirs is None or theirs > 0) for mine, theirs, _ in report.rows.values())
    assert report.rows["ddim"][1] and report.rows["dpmpp_2m"][1]


def test_rows_per_second_is_a_speed(tiny_checkpoint):
    checkpoint = load(tiny_checkpoint)
    asked = []

    class Slow:
        @staticmethod
        def forward(x, *given):
            asked.append(len(x))
            time.sleep(0.01 if len(asked) % 2 else 0.03)

    speed = crowd.bare(checkpoint, Slow, batch=8, seconds=0.1)
    assert set(asked) == {8} and 200 < speed.best <= 800
    rest = len(asked) - 1  # without the first one
    assert speed.lasting <= 8 * rest / (0.01 * rest + 0.02 * (rest // 2)) and speed.lasting < speed.best


@pytest.fixture(scope="module")
def settings(app_url):
    get_engine()  # the page makes its own pictures with it too
    return {"prompt": "cat face", "seed": 5, "count": 2, "sampler": "ddim", "steps": crowd.STEPS, "guidance_scale": 2.0}


def at(url: str, settings: dict, **how):
    async def go():
        async with httpx.AsyncClient(base_url=url, timeout=120) as client:
            return await visit(client, await Press.of(client), settings, **how)

    return asyncio.run(go())


def test_a_student_gets_the_pictures_of_a_solo_run(app_url, settings):
    seen = at(app_url, settings)
    assert seen.error is None and len(seen.pictures) == 2 and not seen.left
    assert seen.asked < seen.first < seen.done and seen.messages >= 3
    checkpoint = load()
    runtime = get_engine().denoiser.runtime  # which way is the fastest may come out otherwise when it is timed again
    assert lesson._strange(checkpoint, runtime, [seen]) == 0
    seen.pictures[0] = seen.pictures[0] ^ 1
    assert lesson._strange(checkpoint, runtime, [seen]) == 1


@pytest.mark.parametrize("stop", [False, True])
def test_a_student_who_leaves_or_stops_frees_the_engine(app_url, settings, stop):
    engine = get_engine()
    seen = at(app_url, settings | {"steps": 500}, leave_after=2, stop=stop)
    assert seen.left and seen.error is None and not seen.pictures
    assert until(lambda: engine.stats()["live"] == 0)
    assert engine.stats()["steps"] < 2 * 500  # it was let go of, and did not just come to its end


def test_a_student_is_told_what_was_wrong(app_url, settings):
    seen = at(app_url, settings | {"steps": 5000})
    assert "5000" in seen.error and not seen.pictures


@pytest.fixture(scope="module")
def quick(tiny_checkpoint):
    """The way that an engine takes."""
    return fastest(load(tiny_checkpoint))


def test_the_engine_takes_the_way_that_the_benchmark_compares(tiny_checkpoint, quick):
    checkpoint = load(tiny_checkpoint)
    assert quick.name in [runtime.name for runtime in offline.runtimes_of(checkpoint).values()][1:]


def test_growth_is_a_table_and_a_plot_of_what_the_classes_met_with(tiny_checkpoint, quick, tmp_path, monkeypatch):
    def taught(loaded, students, pictures, arrive, engines):
        """Served one after the other at 10 a second, which is half of what the bare net would do."""
        visits = [Visit({}, asked=0.0, first=0.05, done=(k + 1) / 10, pictures=[0]) for k in range(students)]
        visits[-1].error = "gone" if students == 30 else None
        offline = [20 * 2 * crowd.STEPS] * 2
        return lesson.Lesson(students, pictures, quick, visits, visits[0], offline, 500.0 + students, (3.0, 2.0))

    monkeypatch.setattr(growth, "taught", taught)
    report = growth.growth(str(tiny_checkpoint), out=tmp_path)
    assert list(report.rows) == [f"{n} students" for n in growth.STUDENTS]
    table = {row: dict(zip(report.columns, numbers, strict=True)) for row, numbers in report.rows.items()}
    hundred = table["100 students"]
    assert hundred["pictures/s"] == pytest.approx(10) and hundred["of offline"] == pytest.approx(0.5)
    assert hundred["wait, 95 %, s"] == pytest.approx(9.5) and hundred["of all the work"] == pytest.approx(1.9)
    assert [numbers["failures"] for numbers in table.values()] == [0, 1, 0, 0]
    page = (tmp_path / "growth.md").read_text(encoding="utf-8")
    assert page.count("| 100 students |") == 1 and "failure: gone" in page and "](growth.svg)" in page
    drawn = ElementTree.fromstring((tmp_path / "growth.svg").read_text(encoding="utf-8"))
    assert len(drawn.findall(".//{*}circle")) == len(growth.PLOTTED) * len(growth.STUDENTS)
