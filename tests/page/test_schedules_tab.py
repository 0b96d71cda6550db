"""The Schedules and Objective tabs without a browser: what the page is sent, and their endpoints through a client."""

import base64
import math
import re

import gradio as gr
import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from gradio_client import Client, handle_file
from PIL import Image

from playground.errors import UserError
from playground.images import to_pixels
from playground.images.bundled import PICTURES
from playground.page.controls import Page
from playground.page.endpoints import endpoint_page
from playground.page.tabs import objective, schedules
from playground.page.translations import TRANSLATIONS
from playground.page.widgets.link import link
from playground.predictions import q_sample
from playground.runs import assay
from playground.runs.assay import RUNS, Assay, assays
from playground.runs.forward import chosen_picture
from playground.runs.settings import DEFAULTS
from playground.runs.wire import STRIP_SIZE
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, custom, drawn
from playground.theory.objective import discretised_nll, loss_weight, prior_kl, step_weight
from playground.theory.objective import drawn as drawn_ts
from tests.conftest import launched


@pytest.fixture(scope="module", autouse=True)
def few_draws():
    """A third of the page's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assay, "DRAWS", 20)
        yield


@pytest.fixture(scope="module")
def client(engine):
    with Page(opened=lambda *_: engine) as page, gr.Blocks() as demo:
        for tab in (schedules, objective):
            with gr.Tab(tab.TITLE):
                tab.build(page)
        link(demo, {})
    endpoint_page(demo, page)
    demo.queue(api_open=False)
    with launched(demo) as url:
        yield Client(url, verbose=False)


# ------------------------------------------------------------------------------------ schedules


def test_the_page_gets_each_schedule_to_the_last_bit():
    made = schedules.chosen(["cosine", "linear"], 200, False, drawn.POINTS, {"cosine": {"offset": 0.05}})
    value = schedules.shown(made, drawn.POINTS)
    assert [one["name"] for one in value["series"]] == ["linear", "cosine"] and value["points"] is None
    sent = np.frombuffer(base64.b64decode(value["series"][1]["alpha_bar"]), "<f8")
    assert np.array_equal(sent, SCHEDULES["cosine"].make(200, offset=0.05).alpha_bar.numpy())


def test_strips_are_asked_for_fresh_noise_by_its_seed():
    made = schedules.chosen(["linear"], 300, False, drawn.POINTS)
    assert schedules.shown(made, drawn.POINTS)["fresh"] is None
    assert schedules.shown(made, drawn.POINTS, 7)["fresh"] == 7


def test_a_drawn_curve_can_be_bent_while_it_is_as_drawn():
    own = schedules.chosen(["custom"], 100, False, "1, 0.9 0.95 0.2")
    assert torch.equal(own["custom"].alpha_bar, custom([1, 0.9, 0.95, 0.2], 100).alpha_bar)
    assert schedules.shown(own, "1, 0.9 0.95 0.2")["points"] == [1, 0.9, 0.9, 0.2]
    assert schedules.shown(schedules.chosen(["custom"], 100, True, drawn.POINTS), drawn.POINTS)["points"] is None


@pytest.mark.parametrize("names, bends, word", [
    ([], {}, "at least one"), (["linear"], {"linear": {"tau": 1}}, "tau"), (["linear"], {"nothing": {}}, "nothing"),
    (["cosine"], {"cosine": {"offset": 9}}, "between"), (["cosine"], {"cosine": 3}, "cosine"),
])  # fmt: skip
def test_what_is_wrong_is_said(names, bends, word):
    with pytest.raises(UserError, match=word):
        schedules.chosen(names, 100, False, drawn.POINTS, bends)


@pytest.mark.parametrize("text", ["", "1", "1 2", "a b", "1 nan", "1 -0.1", "1 " * 40])
def test_bad_points_are_said(text):
    with pytest.raises(UserError, match="2 to 33 numbers"):
        SCHEDULES["custom"].make(10, points=text)


def test_points_survive_their_text():
    assert drawn.write(drawn.read(drawn.POINTS)) == drawn.POINTS == DEFAULTS["points"].default
    assert drawn.read("1,0.5;\n0") == [1, 0.5, 0]


def test_the_endpoint_compares_schedules(client, tmp_path):
    file = tmp_path / "grey.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)).save(file)
    files, used = client.predict(
        schedules=["cosine", "custom"], T=100, t=400, seed=3, image=handle_file(file), view="log_snr",
        knobs={"cosine": {"offset": 0.02}}, points="1 0.5 0.1", api_name="/schedule_curves",
    )  # fmt: skip
    cosine = SCHEDULES["cosine"].make(100, offset=0.02)
    assert used["t"] == 100 and used["schedules"] == ["cosine", "custom"]  # a t beyond T counts as T
    at_T = used["numbers"][0]["at_T"]
    assert at_T["alpha_bar"] == cosine.alpha_bar[-1].item()
    assert at_T["snr_db"] == pytest.approx(10 * math.log10(at_T["alpha_bar"] / (1 - at_T["alpha_bar"])))
    assert used["numbers"][1]["at_T"]["alpha_bar"] == pytest.approx(0.1, rel=1e-3)

    figure = go.Figure(used["figure"])
    assert [trace.name for trace in figure.data] == ["Cosine", "Your own"]
    assert figure.data[0].y[50] == pytest.approx(10 / math.log(10) * cosine.log_snr[50].item())

    x0 = chosen_picture(Image.open(file), None, STRIP_SIZE)
    want = [to_pixels(q_sample(x0, cosine.level(round(k * 100 / 9)), noise_of(3)(x0.shape)))[0] for k in range(10)]
    assert np.array_equal(np.asarray(Image.open(files[0])), np.concatenate(want, axis=1))


def test_the_endpoint_needs_nothing(client):
    files, used = client.predict(api_name="/schedule_curves")
    assert used["schedules"] == ["linear", "cosine"] and len(files) == 2 and used["view"] == "alpha_bar"
    assert go.Figure(used["figure"]).data[0].y[-1] == pytest.approx(SCHEDULES["linear"].make().alpha_bar[-1].item())


@pytest.mark.parametrize("wrong", [
    {"view": "nothing"}, {"T": 0}, {"schedules": []}, {"schedules": ["lineal"]}, {"picture": "mona lisa"},
    {"knobs": {"linear": {"beta_end": "x"}}}, {"points": "1 0 1 x"}, {"schedules": ["custom"], "points": "2 1"},
])  # fmt: skip
def test_the_endpoint_says_what_is_wrong(client, wrong):
    if "points" in wrong:
        wrong = {"schedules": ["custom"]} | wrong
    with pytest.raises(Exception) as caught:
        client.predict(**wrong, api_name="/schedule_curves")
    assert 10 < len(str(caught.value)) < 300 and "Traceback" not in str(caught.value)


# ------------------------------------------------------------------------------------ objective


@pytest.fixture(scope="module")
def told(client):
    """What the endpoint says with the posterior's variance, as it does by itself."""
    return client.predict(seed=5, api_name="/objective")[-1]


@pytest.fixture(scope="module")
def measured(engine):
    *_, last = assays(engine, None, 7, "beta")
    return last


def test_the_bound_of_the_model_adds_up(told, engine):
    schedule = engine.schedule
    assert told["pictures"] == list(PICTURES) and told["checkpoint"] == engine.checkpoint.name
    steps = torch.tensor([0 if y is None else y for y in told["steps"]], dtype=torch.float64)
    assert told["total"] == pytest.approx(told["L_T"] + told["L_0"] + steps.sum().item(), rel=1e-6)
    x0 = torch.cat([chosen_picture(None, name, engine.size) for name in PICTURES])
    assert told["L_T"] * math.log(2) == pytest.approx(prior_kl(x0, schedule).mean().item())
    assert told["lambda"][10] == pytest.approx(loss_weight(schedule)[10].item())
    assert told["beta"][7] == pytest.approx(schedule.beta[7].item(), rel=1e-8)
    for row in told["errors"]:
        assert row["score"] == pytest.approx(row["eps"], rel=1e-6)
    # L_0 and the error at t = 1, from the model itself
    level, denoise = schedule.level(1), engine._denoise
    noises = [noise_of(5 + k) for k in range(len(x0))]
    for noise in noises:
        assert drawn_ts(schedule, assay.DRAWS, noise.generator)[:2] == [1, 1]
    x0 = x0.repeat_interleave(2, dim=0)  # t = 1 is asked about twice
    noises = [noise for noise in noises for _ in range(2)]
    x = torch.cat([q_sample(x0[k : k + 1], level, noise((1, *x0.shape[1:]))) for k, noise in enumerate(noises)])
    seen = denoise(x, level).x0.double()
    assert told["errors"][0]["x0"] == pytest.approx((seen - x0).square().mean().item(), rel=1e-4)
    decoder = discretised_nll(x0, seen, schedule.posterior_variance[2]).mean().item() / math.log(2)
    assert told["L_0"] == pytest.approx(decoder, rel=1e-4)


def test_beta_costs_more_than_beta_tilde_by_its_constant(client, told, engine):
    """The same errors, and a variance that is not the posterior's: every step costs a constant more, and an error
    counts otherwise."""
    beta = client.predict(seed=5, variance="beta", api_name="/objective")[-1]
    assert (told["variance"], beta["variance"]) == ("beta_tilde", "beta") and told["errors"] == beta["errors"]
    (plain, _), (weight, constant) = (step_weight(engine.schedule, kind) for kind in ("beta_tilde", "beta"))
    nats = [torch.tensor(each["steps"][2:], dtype=torch.float64) * math.log(2) for each in (told, beta)]
    ratio = (nats[1] - constant[2:]) / weight[2:] * plain[2:] / nats[0]
    assert ratio.mean().item() == pytest.approx(1, abs=0.05)  # the sums, estimated with either weight
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio), rtol=1e-4, atol=0)


def test_the_endpoint_measures_one_picture_of_mine(client, tmp_path):
    file = tmp_path / "mine.png"
    Image.new("RGB", (40, 60), (200, 30, 90)).save(file)
    told = client.predict(image=handle_file(file), api_name="/objective")[-1]
    assert told["pictures"] == ["yours"] and told["evaluations"] == RUNS * (2 + assay.DRAWS)
    assert 0 < told["standard_error"] < 0.1 * told["total"]
    with pytest.raises(Exception, match="beta_tilde, beta"):
        client.predict(variance="gamma", api_name="/objective")


def words_of(value):
    """The texts that the curves widget looks up in the reader's language."""
    for view in value["views"]:
        yield from (view["title"], view.get("caption", ""), *(line["name"] for line in view.get("lines", ())))
    yield from (one["label"] for one in (*value.get("sum", ()), *value.get("series", ())))
    yield from (value.get("table", {}).get("title", ""), *value.get("table", {}).get("head", ()))


@pytest.mark.parametrize("name", sorted(TRANSLATIONS))
def test_every_word_of_the_curves_is_translated(measured, name):
    made = schedules.chosen(list(SCHEDULES), 10, False, drawn.POINTS)
    for value in (measured.value(), schedules.shown(made, drawn.POINTS)):
        spoken = {text for text in words_of(value) if re.search("[a-z]{2}", re.sub("<[^>]*>", "", text))}
        assert not spoken - set(TRANSLATIONS[name])


def test_the_page_is_told_as_it_goes(engine, measured):
    early = Assay(engine.schedule).value()
    assert [view["key"] for view in early["views"]] == ["weight", "posterior", "variance"]
    assert [term["value"] for term in early["sum"]] == [None] * 4
    value = measured.value()
    assert [view["key"] for view in value["views"]][:3] == ["error", "terms", "share"] and value["open"] == "terms"
    terms = [term["value"] for term in value["sum"]]
    assert sum(terms[:3]) == pytest.approx(terms[3])
    said = objective.measured(measured)
    assert all(f"{term:.3f}" in said for term in terms[1:]) and r"\sigma_t^2 = \beta_t" in said
    assert len(value["table"]["rows"]) == 7 and value["progress"]["done"] == value["progress"]["of"]
    share = {line["meta"]["name"]: line["y"] for line in value["views"][2]["lines"]}
    assert share["bound"][-1] == pytest.approx(1) and share["simple"][-1] == pytest.approx(1)
    assert share["bound"][0] == pytest.approx(terms[2] / terms[3])  # L_0, the step from t = 1
