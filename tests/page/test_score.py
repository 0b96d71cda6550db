"""The Score tab: what it sends to the page, and its endpoint through gradio_client."""

from __future__ import annotations

import base64
import json
import math

import numpy as np
import pytest
import torch
from gradio_client.exceptions import AppError
from PIL import Image

from playground.errors import UserError
from playground.page.parts.clouds import CLOUDS
from playground.page.tabs.score import (
    FACTORS,
    NO_DRAWING,
    losses_told,
    picture_of,
    view_of,
)
from playground.schedules import SCHEDULES, Level
from playground.theory.clouds import (
    DRAWN,
    EXTENT,
    MOST_PARTICLES,
    SHAPES,
    cloud,
    trace,
)

DRAWING = [[-1.5, 0.5], [-1.2, 0.9], [0.3, -1.1]]


def array(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def test_the_page_gets_the_paths_of_the_very_same_sampler():
    view = view_of({"sampler": "dpmpp_2m", "steps": 10, "particles": 50, "seed": 3, "dataset": "rings"}, NO_DRAWING)
    want = trace(cloud("rings"), SCHEDULES["cosine"].make(1000), sampler="dpmpp_2m", steps=10, particles=50, seed=3)
    run = view["run"]
    paths = array(run["paths"], "<f4").reshape(run["frames"], run["particles"], 2)
    np.testing.assert_array_equal(paths, want.paths.numpy().astype("<f4"))
    assert run["t"] == [level.t for level in want.levels] and (run["nfe"], run["steps"]) == (10, 10)
    np.testing.assert_array_equal(array(view["alpha_bar"], "<f8"), SCHEDULES["cosine"].make(1000).alpha_bar.numpy())


@pytest.mark.parametrize("settings", [{}, {"steps": 50, "particles": MOST_PARTICLES, "T": 4000}])
def test_what_is_sent_stays_under_a_megabyte(settings):
    view = view_of(settings, NO_DRAWING)
    assert len(json.dumps(view)) < 1_150_000 and len(view["run"]["paths"]) < 1_000_000


def test_the_points_that_are_noised_beside_it_are_the_clouds():
    view = view_of({"dataset": "grid"}, NO_DRAWING)
    x0 = torch.tensor(array(view["data"]["x0"], "<f4").reshape(-1, 2).astype("f8"))
    eps = array(view["data"]["eps"], "<f4")
    assert torch.cdist(x0, cloud("grid").points).min(1).values.max() < 5 * cloud("grid").std
    assert abs(eps.mean()) < 0.15 and eps.std() == pytest.approx(1, abs=0.1)


def test_a_drawing_is_used_and_an_empty_one_has_no_run():
    empty = view_of({"dataset": DRAWN}, NO_DRAWING)
    assert empty["run"] is None and empty["cloud"]["points"] == []
    full = view_of({"dataset": DRAWN}, {"points": DRAWING, "stamp": 4})
    assert full["cloud"]["points"] == DRAWING and full["cloud"]["stamp"] == 4
    ends = torch.tensor(array(full["run"]["paths"], "<f4").reshape(21, -1, 2)[-1].astype("f8"))
    assert torch.cdist(ends, torch.tensor(DRAWING, dtype=torch.float64)).min(1).values.max() < 6 * full["cloud"]["std"]


@pytest.mark.parametrize("settings", [{"steps": 2000}, {"dataset": "galaxy"}, {"particles": 0}, {"steps": math.nan}])
def test_settings_that_cannot_be_are_refused_with_a_sentence(settings):
    with pytest.raises(UserError):
        view_of(settings, NO_DRAWING)


def test_a_short_schedule_is_walked_in_as_many_steps_as_it_has():
    """Steps may be a control of another tab: then it is not that tab's fault that T is 10."""
    run = view_of({"steps": 20, "T": 10}, NO_DRAWING)["run"]
    assert run["steps"] == 10 and run["t"] == list(range(10, -1, -1))


def test_every_cloud_has_a_name_on_the_page():
    assert {name for _title, name in CLOUDS} == {*SHAPES, DRAWN}


def test_the_losses_are_told_with_gaps_that_are_the_same_in_every_row():
    measured, _empty, *rows = losses_told("moons", NO_DRAWING, "cosine", 1000, 300).splitlines()
    assert measured == "Measured at t = 300 of 1000."
    assert losses_told("moons", NO_DRAWING, "cosine", 250, 300).startswith("Measured at t = 250 of 250.")
    cells = [[cell.strip().replace("−", "-") for cell in row.strip("|").split("|")] for row in rows[2:]]
    told, theorem = cells[:-1], cells[-1]
    assert [float(row[0]) for row in told] == list(FACTORS)
    for column in (4, 5):
        for row in told:
            gap, error = map(float, row[column].split(" ± "))
            assert abs(gap - float(theorem[column])) <= 4 * error + 0.001
    assert float(told[FACTORS.index(1.0)][1]) == 0  # the true score
    with pytest.raises(UserError, match="points to draw"):
        losses_told(DRAWN, NO_DRAWING, "cosine", 1000, 300)


def test_the_shade_is_the_root_of_the_density():
    points, level = cloud("moons"), SCHEDULES["cosine"].make(1000).level(300)
    shade = (255 - np.asarray(picture_of(points, level, torch.empty(0, 2), 64), dtype=float)[..., 0]) / (255 - 94)
    places = torch.tensor([[-1.05, 0.55], [0.35, -0.25], [1.85, 1.05]], dtype=torch.float64)  # pixel centres
    want = (points.denoise.log_density(places, level) / 2).exp()
    have = [shade[round((EXTENT - y) * 10 - 0.5), round((x + EXTENT) * 10 - 0.5)] for x, y in places.tolist()]
    assert np.array(have) / have[0] == pytest.approx((want / want[0]).numpy(), abs=0.02)


def test_the_picture_shows_the_density_and_the_particles_where_they_are():
    points, level = cloud(DRAWN, [[1.0, 2.0]]), Level(0.0, 1.0)
    pixels = np.asarray(picture_of(points, level, torch.tensor([[-1.0, -2.0]], dtype=torch.float64), 320), dtype=int)
    place = lambda x, y: pixels[round((EXTENT - y) * 50), round((x + EXTENT) * 50)]  # noqa: E731
    assert place(-1, -2)[0] > 200 > 100 > place(-1, -2)[2]  # the particle, orange
    assert abs(place(1, 2) - (94, 190, 180)).max() < 12  # the peak, teal
    assert (place(2.5, -2.5) == 255).all()


# ---------------------------------------------------------------- the endpoint


def test_the_endpoint_gives_the_score_and_a_picture(client):
    pictures, told = client.predict(dataset="spiral", x=0.5, y=-0.7, t=300, steps=10, particles=40, api_name="/score")
    level = SCHEDULES["cosine"].make(1000).level(300)
    belief = cloud("spiral").denoise(torch.tensor([[0.5, -0.7]], dtype=torch.float64), level)
    assert told["score"] == pytest.approx(belief.score[0].tolist(), abs=1e-9)
    assert told["score"][0] == pytest.approx(-told["eps"][0] / level.noise_rate, abs=1e-9)
    assert 0.5 == pytest.approx(level.signal_rate * told["x0"][0] + level.noise_rate * told["eps"][0], abs=1e-9)
    assert (told["sampler"], told["steps"], told["evaluations"], len(told["ends"])) == ("ddpm", 10, 10, 40)
    assert told["levels"][0] == 1000 and told["levels"][-1] == 0
    with Image.open(pictures[0]) as picture:
        assert picture.size == (384, 384) and picture.mode == "RGB" and len(picture.getcolors(99999)) > 50


def test_the_endpoint_needs_no_arguments_and_takes_every_samplers_knobs(client):
    assert client.predict(api_name="/score")[1]["dataset"] == "moons"
    told = client.predict(sampler="langevin", corrections=2, predictor="none", steps=5, t=0, api_name="/score")[1]
    assert told["evaluations"] == 9 and told["score"] is None and told["corrections"] == 2
    told = client.predict(T=1, particles=5, api_name="/score")[1]  # its own defaults go no further than T
    assert (told["t"], told["steps"], told["T"]) == (1, 1, 1)
    told = client.predict(dataset="draw", drawing=DRAWING, particles=5, steps=3, api_name="/score")[1]
    assert len(told["ends"]) == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"dataset": "galaxy"}, {"dataset": "draw"}, {"dataset": "draw", "drawing": [[1, "a"]]}, {"particles": 10**6},
        {"sampler": "magic"}, {"t": 4000}, {"steps": 999, "T": 5}, {"x": "left"}, {"particles": 2000, "steps": 1000},
    ],
)  # fmt: skip
def test_the_endpoint_says_what_is_wrong(client, wrong):
    with pytest.raises(AppError) as told:
        client.predict(**wrong, api_name="/score")
    assert len(str(told.value)) > 15 and "Something went wrong" not in str(told.value)
