"""Evaluation: every measure where the right answer is known, and the command as it is called."""

from __future__ import annotations

import io
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from playground import evaluate
from playground.checkpoints import Checkpoint, load
from playground.images.measures import sharpness
from playground.images.sheets import contact_sheet
from playground.models.autoencoder import Pixels
from playground.models.conditioning import Condition, Vocabulary
from playground.models.denoiser import UNetDenoiser
from playground.predictions import Prediction
from playground.samplers import SAMPLERS, count_evaluations
from playground.schedules import SCHEDULES, spaced
from playground.theory.exact import dataset, gaussian
from playground.training import measures, quality, showing
from playground.training.cards import TEMPLATE, with_evaluation, with_history
from playground.training.data import PictureSet, held_out, read_pictures
from playground.training.evaluation import Amounts, Evaluation
from playground.training.tables import ERRORS, evaluation_tables

COSINE = SCHEDULES["cosine"].make(1000)
FAST = ["--pictures", "2", "--steps", "2", "--samplers", "ddim", "ddpm", "--device", "cpu"]


class Exact:
    """A closed form with what the samplers ask of a checkpoint; with `known`, pictures by condition, it has learnt by
    heart what to draw for each."""

    def __init__(self, denoise=None, known=None, size=16):
        self.inner, self.known = denoise, known
        self.checkpoint = SimpleNamespace(
            schedule=COSINE,
            prediction_kind="x0",
            size=size,
            channels=3,
            space=Pixels(),
            guidance=None,
            model=SimpleNamespace(self_condition=False),
        )

    def __call__(self, x, levels, conditions=None):
        if self.known is None:
            return self.inner(x, levels)
        x0 = torch.stack([self.known.get(condition, torch.zeros_like(x[0])) for condition in conditions])
        return Prediction.from_output("x0", x0.to(x.dtype), x, levels)

    def output(self, x, levels, conditions):
        return self(x, levels, conditions).x0


def shapes(seed=0):
    """40 pictures of 16 × 16 on white: ten words, each in four styles, as a rectangle of its own place and colour."""
    draw = torch.Generator().manual_seed(seed)
    pixels, texts, styles = torch.full((40, 3, 16, 16), 255, dtype=torch.uint8), [], []
    for word in range(10):
        y, x, h, w = (torch.rand(4, generator=draw) * torch.tensor([8, 8, 6, 6]) + 2).int().tolist()
        for style in range(4):
            ink = torch.randint(0, 200, (3, 1, 1), generator=draw, dtype=torch.uint8)
            pixels[len(texts), :, y : y + h, x : x + w] = ink
            texts.append(f"word{word}")
            styles.append(f"style{style}")
    return PictureSet(pixels, texts, styles, torch.ones(40))


# ------------------------------------------------------------------------------------------------ the measures


@pytest.mark.parametrize("std", [0.3, 1.0])
def test_denoising_error_of_a_gaussian_is_its_posterior_variance(std):
    """σ²/(1 + σ²·SNR), whatever the picture."""
    x0 = std * torch.randn(300, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    errors = quality.denoising_error(Exact(gaussian(0.0, std)), x0, [Condition()] * 300)
    assert list(errors) == list(quality.LOG_SNRS)
    for log_snr, error in errors.items():
        assert error == pytest.approx(std**2 / (1 + std**2 * math.exp(log_snr)), rel=0.01)


def test_energy_distance_against_its_definition():
    draw = torch.Generator().manual_seed(0)
    a, b = torch.randn(30, 5, generator=draw), torch.randn(50, 5, generator=draw) + 0.3
    within = [cdist(each, each).sum() / (len(each) * (len(each) - 1)) for each in (a, b)]
    assert quality.energy_distance(a, b) == pytest.approx(2 * cdist(a, b).mean() - sum(within), abs=1e-5)
    assert quality.energy_distance(a, b) == pytest.approx(quality.energy_distance(b, a), abs=1e-6)


def test_energy_distance_of_two_normals():
    """In one dimension E|N(m, 2)| is known, and with it the distance of N(m, 1) from N(0, 1)."""
    draw = torch.Generator().manual_seed(0)
    a, b = torch.randn(1000, 1, generator=draw), torch.randn(1000, 1, generator=draw)
    assert quality.energy_distance(a, b) == pytest.approx(0, abs=0.01)
    between = 2 / math.sqrt(math.pi) * math.exp(-1 / 4) + math.erf(1 / 2)  # E|X − Y| at m = 1
    assert quality.energy_distance(a + 1, b) == pytest.approx(2 * between - 4 / math.sqrt(math.pi), abs=0.06)


def test_energy_floor_is_nothing_within_its_spread():
    mean, spread = quality.energy_floor(torch.randn(200, 5, generator=torch.Generator().manual_seed(0)), 20)
    assert 0 < spread < 0.1 and abs(mean) < 3 * spread / math.sqrt(40)


def test_features_see_colour_place_and_direction():
    grey = torch.zeros(1, 3, 32, 32)
    flat = quality.features(grey + 0.5)
    assert flat.shape == (1, 320)
    assert torch.allclose(flat[0, :192], torch.full((192,), 0.5 / math.sqrt(192))) and not flat[0, 192:].any()
    upright, lying = grey.clone(), grey.clone()
    upright[..., 16:], lying[..., 16:, :] = 1, 1
    for picture, direction in ((upright, 0), (lying, 4)):  # an upright edge's gradient runs across, 4/8 of a half turn
        edges = quality.features(picture)[0, 192:].view(8, 4, 4)
        assert edges[direction].any() and not edges[[k for k in range(8) if k != direction]].any()
    assert torch.equal(quality.features(upright.flip(-1))[0, 192:], quality.features(upright)[0, 192:])


def test_features_of_a_set_are_those_of_its_pictures():
    pictures = shapes()
    assert torch.equal(quality.features_of(pictures), quality.features(pictures.x0()))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nfe_is_what_the_samplers_say(sampler):
    made, nfe = quality.generate(Exact(gaussian(0.0, 0.5)), [Condition()] * 3, range(3), sampler, 6)
    assert made.shape == (3, 3, 16, 16) and made.isfinite().all()
    assert nfe == count_evaluations(sampler, spaced(COSINE, 6))
    known = {Condition(("cat",)): torch.zeros(3, 16, 16)}
    assert quality.generate(Exact(known=known), [*known] * 2, range(2), sampler, 6, 2.0)[1] == 2 * nfe


def measured(of, denoise, conditions, **settings):
    """An `Evaluation` of a closed form, without the command line."""
    checkpoint = vars(denoise.checkpoint) | {
        "parse": lambda text, style=None: (conditions(text, style), ()), "T": 1000, "name": "exact",
        "conditional": True, "styles": sorted(set(of.styles)), "vocabulary": Vocabulary.of(of.texts),
    }  # fmt: skip
    denoise.checkpoint = SimpleNamespace(**checkpoint)
    return Evaluation(denoise, held_out(of, 10), guidance=1.0, **settings)


def test_a_model_that_draws_what_it_is_asked_for():
    """It knows the held-out pictures themselves: all are found, and the training is as far as from real ones."""
    pictures = shapes()
    known = {Condition((t,), s): x for t, s, x in zip(pictures.texts, pictures.styles, pictures.x0(), strict=True)}
    made = measured(pictures, Exact(known=known), lambda text, style: Condition((text,), style))
    measures.likeness(made)
    retrieval, copying = made.results["retrieval"], made.results["copying"]
    assert retrieval["generated"] == retrieval["seen"] == {"top_1": 1.0, "top_5": 1.0}
    assert retrieval["other_styles"]["top_1"] > 0.7 > retrieval["chance"]["top_1"]
    assert copying["generated"] == pytest.approx(copying["held_out"], abs=1e-3)
    assert copying["seen"]["generated"] < 1e-3 and copying["seen"]["closer"] == 1.0  # those it does give back


def test_a_model_that_copies_is_found_out():
    """The ideal denoiser of the training pictures can draw nothing else, and does not listen."""
    pictures = shapes()
    training, _ = held_out(pictures, 10)
    made = measured(pictures, Exact(dataset(training.x0())), lambda text, style: Condition())
    measures.likeness(made)
    copying = made.results["copying"]
    assert copying["generated"] < 1e-3 < 0.05 < copying["held_out"] and copying["closer"] == 1.0
    assert "retrieval" not in made.results and "Retrieval needs" in made.skipped[0]


def test_ranks_and_chance():
    held = PictureSet(torch.zeros(6, 3, 8, 8), ["a", "b", "c", "c", "a", "b"], ["x"] * 4 + ["y"] * 2, torch.ones(6))
    line = torch.tensor([[0.0], [1.0], [2.0], [3.0], [0.4], [0.1]])
    queries = torch.tensor([[0.4], [0.9], [0.9], [0.0]])
    assert quality.ranks(queries, [0, 0, 2, 4], held, line) == [0, 1, 2, 1]
    assert quality.share_within([0, 1, 2, 1], 2) == 0.75
    assert quality.chance([0], held, 1) == 1 / 4 and quality.chance([2], held, 1) == 1 / 2
    assert quality.chance([2], held, 2) == pytest.approx(1 - 1 / 6) and quality.chance([4, 5], held, 5) == 1.0
    training = PictureSet(torch.zeros(3, 3, 8, 8), ["a", "c", "a"], ["y", "x", "z"], torch.ones(3))
    assert quality.other_styles(held, training) == ([0, 0, 4], [0, 2, 2])


def test_frechet_distance_of_gaussians():
    """Against |μ − m|² + Σ(σ − s)² of sets whose means and covariances are exactly those."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(400, 5, generator=draw, dtype=torch.float64)
    x = x - x.mean(dim=0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).T  # mean 0, covariance 1
    turn = torch.linalg.qr(torch.randn(5, 5, generator=draw, dtype=torch.float64)).Q
    wide, narrow = torch.tensor([3.0, 2.0, 1.0, 0.5, 0.0]).double(), torch.tensor([1.0, 1.0, 1.0, 2.0, 3.0]).double()
    a, b = (x * wide) @ turn + 1, (x * narrow) @ turn - 0.5
    assert quality.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert quality.frechet_distance(a, b) == pytest.approx(5 * 1.5**2 + (wide - narrow).square().sum().item(), rel=1e-6)
    other = x @ torch.randn(5, 5, generator=draw, dtype=torch.float64)  # covariances that do not commute: scipy's root
    root = sqrtm(np.cov(a.T) @ np.cov(other.T)).real
    wanted = (a.mean(dim=0) - other.mean(dim=0)).square().sum() + np.trace(np.cov(a.T) + np.cov(other.T) - 2 * root)
    assert quality.frechet_distance(a, other) == pytest.approx(wanted.item(), rel=1e-6)


def slow_manifold(real, made, k):
    """Kynkäänniemi et al. 2019, eq. 1 and 2, and Naeem et al. 2020, eq. 4 and 6, word for word."""
    near = lambda own, i: sorted(math.dist(own[i], own[j]) for j in range(len(own)) if j != i)[k - 1]  # noqa: E731
    balls, made_balls = ([near(own, i) for i in range(len(own))] for own in (real, made))
    inside = [[math.dist(r, m) <= ball for m in made] for r, ball in zip(real, balls, strict=True)]
    reached = [[math.dist(r, m) <= ball for m, ball in zip(made, made_balls, strict=True)] for r in real]
    return {
        "precision": sum(any(row[j] for row in inside) for j in range(len(made))) / len(made),
        "recall": sum(map(any, reached)) / len(real),
        "density": sum(map(sum, inside)) / (k * len(made)),
        "coverage": sum(map(any, inside)) / len(real),
    }


def test_precision_and_the_like_against_their_definitions():
    draw = torch.Generator().manual_seed(0)
    real, made = torch.randn(40, 3, generator=draw), 0.6 * torch.randn(30, 3, generator=draw) + 0.4
    for k in (1, 3, 5):
        assert quality.manifold(real, made, k) == pytest.approx(slow_manifold(real.tolist(), made.tolist(), k))


def test_precision_and_the_like_where_the_answer_is_plain():
    """Made pictures at one of two places where real ones are: all faithful, half of the places reached."""
    draw = torch.Generator().manual_seed(0)
    here, there = torch.randn(2, 50, 2, generator=draw) + torch.tensor([[[0.0, 0.0]], [[100.0, 0.0]]])
    real = torch.cat([here, there])
    one_place = quality.manifold(real, here + 0.01)
    assert one_place["precision"] == 1 and one_place["recall"] == one_place["coverage"] == 0.5
    assert quality.manifold(real, there + 50) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_spread_sharpness_and_grey_levels():
    two = torch.stack([torch.full((3, 8, 8), 0.5), torch.full((3, 8, 8), -0.5)])
    assert quality.spread(two) == 1 and quality.grey_levels(two[:1], two[1:]) == 127.5
    three = torch.cat([two, two[:1]])
    assert quality.spread(three) == pytest.approx(2 / 3)  # of the three pairs one is the same picture twice
    assert sharpness(two) == 0
    stripes = torch.ones(1, 1, 9, 9)
    stripes[..., ::2] = -1
    assert sharpness(stripes) == 4  # left and right are 2 away each, above and below are the same


def test_a_student_asks_the_network_once_a_step():
    """A distilled model's guidance is inside: its NFE is that of its steps."""
    known = {Condition(("cat",)): torch.zeros(3, 16, 16)}
    denoise = Exact(known=known)
    assert quality.generate(denoise, [*known], [0], "ddim", 4, 1.0)[1] == 4


def test_samplers_are_compared_on_the_same_noises():
    made = measured(shapes(), Exact(gaussian(0.2, 0.4)), lambda text, style: Condition(), steps=[10, 40, 2000],
                    amounts=Amounts(sampled=4))  # fmt: skip
    measures.samplers(made)
    rows = {(row["sampler"], row["steps"]): row for row in made.results["samplers"]}
    assert {steps for _, steps in rows} == {10, 40}  # a schedule of 1000 steps has no 2000
    for name, entry in SAMPLERS.items():
        assert rows[name, 40]["nfe"] == count_evaluations(name, spaced(COSINE, 40))
        assert ("rmse" in rows[name, 40]) == (entry.order > 0)
        if entry.order:
            assert rows[name, 40]["rmse"] < 0.5 * rows[name, 10]["rmse"]
    assert rows["dpmpp_2m", 40]["rmse"] < rows["ddim", 40]["rmse"]


def test_a_student_is_compared_at_few_steps_and_not_with_what_many_lead_to():
    student = Exact(gaussian(0.2, 0.4))
    student.checkpoint.guidance = 2.0
    made = measured(shapes(), student, lambda text, style: Condition(), amounts=Amounts(sampled=2))
    made.samplers = ["ddim"]
    measures.samplers(made)
    rows = made.results["samplers"]
    assert [(row["steps"], row["nfe"]) for row in rows] == [(1, 1), (2, 2), (4, 4), (8, 8)]
    assert "reference" not in made.results and all("rmse" not in row for row in rows)


def test_the_error_of_an_rmse_is_how_much_it_scatters():
    draw = torch.Generator().manual_seed(0)
    # 200 draws of 20 pictures, each with a strength of its own
    sets = torch.randn(200, 20, 48, generator=draw) * torch.rand(200, 20, 1, generator=draw)
    found = torch.tensor([quality.rmse(one, torch.zeros_like(one)) for one in sets])
    assert found[:, 0].mean() == pytest.approx((1 / 3) ** 0.5, rel=0.02)
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std().item(), rel=0.15)


# ---------------------------------------------------------------------------------------------- card and sheet

RESULTS = {
    "sampler": "dpmpp_2m", "steps": 20, "guidance_scale": 2.0, "held_out": 9, "training": 40,
    "denoising_error": {"-2": 0.1, "0": 0.05},
    "samplers": [{"sampler": "ddim", "steps": 5, "pictures": 4, "nfe": 5.0, "energy_distance": 0.25},
                 {"sampler": "lcm", "steps": 9, "pictures": 4, "nfe": 9.0, "energy_distance": 0.5}],
    "reference": {"sampler": "heun", "steps": 100, "pictures": 4},
    "real_pictures": {"pictures": 4, "mean": 0.0, "deviation": 0.01},
}  # fmt: skip


def test_the_section_of_a_card_is_replaced_and_nothing_else():
    reports = evaluation_tables(RESULTS)
    card = "---\ntags: [x]\n---\n# one\n\nText.\n\n## Limits\n\nMany.\n"
    once = with_evaluation(card, reports, ["Skipped it."], ["sheet.png"])
    elsewhere = with_evaluation(f"{card}\n![mine](sheet.png)\n", reports, [], ["sheet.png"])
    assert elsewhere.count("(sheet.png)") == 1 and "![mine](sheet.png)" in elsewhere
    assert once.startswith(card) and "| ddim | 5 → 0.250 | – |" in once and "Skipped it." in once
    assert with_evaluation(once, reports, ["Skipped it."], ["sheet.png"]) == once
    more = once + "\n## After\n\nMore.\n"
    other = with_evaluation(more, reports[:1], [], [])
    assert other.startswith(card) and other.endswith("\n\n## After\n\nMore.\n") and "ddim" not in other
    assert with_evaluation(other, reports, ["Skipped it."], ["sheet.png"]) == more
    assert other.count("## Evaluation\n") == 1


def test_the_errors_stand_on_a_card_once():
    card = with_evaluation(TEMPLATE, evaluation_tables(RESULTS), [], [])
    assert TEMPLATE.count(ERRORS) == card.count(ERRORS) == 1 and "### " + ERRORS in card
    gone = [line for line in TEMPLATE.splitlines() if line not in card.splitlines()]
    assert gone[0].startswith(ERRORS) and gone[1:] == ["| log-SNR | {levels} |", "|---|{rule}|", "| error | {errors} |"]
    untouched = with_evaluation(TEMPLATE, evaluation_tables(RESULTS | {"denoising_error": None}), [], [])
    assert untouched.startswith(TEMPLATE)


def test_the_history_stands_on_the_card():
    points = [{"images": 64 * k, "loss": None if k == 0 else 1 / k, "errors": {"0": 0.1, "-2": 0.2}} for k in range(21)]
    pictures = [{"prompt": "red hair", "style": "a", "seed": 0}, {"prompt": "", "style": None, "seed": 1}]
    samples = {"file": "history.webp", "side": 64, "pictures": pictures}
    card = with_history("# one\n\nText.\n", {"points": points, "samples": samples})
    assert card.startswith("# one\n\nText.\n\n## How it got there\n") and "](history.webp)" in card
    assert "“red hair”, nothing." in card and "| 1,280 |" in card and "| – | 0.5000 |" in card
    assert with_history(card, {"points": points, "samples": samples}) == card
    told = "# one\n\n![on the way](history.webp)\n"
    assert with_history(told, {"points": points, "samples": samples}) == told  # somebody has written of it
    assert "webp" not in with_history(card, {"points": points[:1]})


def test_contact_sheet_shows_each_picture_over_its_label():
    pictures = torch.stack([torch.full((3, 16, 16), value) for value in (-1.0, 0.0, 1.0)])
    sheet = Image.open(io.BytesIO(contact_sheet(pictures, [("a", "b"), ("c" * 99, ""), ("", "")], 2, 32)))
    assert sheet.size == (8 + 2 * 40, 8 + 2 * (40 + 26))
    assert [sheet.getpixel((8 + 40 * k, 8)) for k in (0, 1)] == [(0, 0, 0), (128, 128, 128)]
    assert sheet.crop((8, 40, 40, 53)).getextrema()[0][0] < 128  # the label
    assert sheet.crop((40, 40, 48, 66)).getextrema()[0][0] == 255 == sheet.crop((80, 40, 88, 66)).getextrema()[0][0]


# -------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def quick_net(monkeypatch, tmp_path):
    monkeypatch.setattr(UNetDenoiser, "speed_up", lambda self: None)  # seconds, to save milliseconds here
    monkeypatch.setattr(measures, "REFERENCE_STEPS", 9)
    monkeypatch.chdir(tmp_path)  # runs/ is made where one works


@pytest.fixture
def folder(tmp_path):
    """36 captioned pictures in the two styles of the tiny checkpoint, and one style more."""
    rows = []
    for k, text in enumerate(("red cat", "blue cat", "red circle", "blue circle", "red face", "blue square")):
        for style in ("flat", "round", ""):
            name = f"{k}{style}.png"
            Image.new("RGB", (16, 16), (40 * k, 255 - 40 * k, len(style) * 40)).save(tmp_path / name)
            rows.append({"file_name": name, "text": text, "style": style})
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_the_command_writes_everything(quick_net, tiny_checkpoint, folder, tmp_path, capsys):
    own = tmp_path / "own"
    load(tiny_checkpoint).save(own, "# own\n\nMine.\n")
    call = [str(own), "--data", str(folder), "--held-out", "4", *FAST, "--card", "--json", str(tmp_path / "n.json")]
    evaluate.main([*call, "--sheet", str(tmp_path / "s.png")])
    shown = capsys.readouterr().out
    numbers = json.loads((tmp_path / "n.json").read_text())
    assert numbers["data"] == folder.name and numbers["held_out"] == 4 and numbers["training"] == 14
    assert set(numbers["denoising_error"]) == {"-6", "-4", "-2", "0", "2", "4", "6"}
    assert numbers["retrieval"]["pictures"] == 4 and set(numbers["retrieval"]["generated"]) == {"top_1", "top_5"}
    assert [row["nfe"] for row in numbers["samplers"]] == [2, 2]
    for words in ("by chance", "real, held out", "2 → "):
        assert words in shown
    card = (own / "README.md").read_text()
    assert card.startswith("# own\n\nMine.\n\n## Evaluation\n") and "sheet.png" in card and str(folder) not in card
    assert json.loads((own / "evaluation.json").read_text()) == numbers
    assert (own / "sheet.png").read_bytes() == (tmp_path / "s.png").read_bytes()
    with Image.open(own / "sheet.png") as sheet:
        assert sheet.size == (8 + 7 * 136, 8 + 162)  # “cat face” and the six captions: it knows no more prompts
    assert load(own).card == card
    evaluate.main(call)
    assert (own / "README.md").read_text() == card


def test_an_evaluation_that_was_stopped_loses_nothing(
    quick_net, tiny_checkpoint, folder, tmp_path, capsys, monkeypatch
):
    own, asked = tmp_path / "own", []
    load(tiny_checkpoint).save(own, "# own\n")
    call = [str(own), "--data", str(folder), "--held-out", "4", *FAST, "--card"]
    generate = quality.generate

    def stopped_at_the_second_sampler(*args, **settings):
        asked.append(args[3])
        if args[3:5] == ("ddpm", 2):
            raise KeyboardInterrupt
        return generate(*args, **settings)

    monkeypatch.setattr(quality, "generate", stopped_at_the_second_sampler)
    with pytest.raises(KeyboardInterrupt):
        evaluate.main(call)
    numbers = json.loads((own / "evaluation.json").read_text())
    assert numbers["unfinished"] == "samplers" and [row["sampler"] for row in numbers["samplers"]] == ["ddim"]
    monkeypatch.setattr(
        quality, "generate", lambda *args, **settings: asked.append(args[3]) or generate(*args, **settings)
    )
    asked.clear()
    evaluate.main([*call, "--json", str(tmp_path / "n.json")])
    again = json.loads((own / "evaluation.json").read_text())
    assert asked == ["ddpm", "ddpm"]  # what was missing, which has no need of the reference, and the sheet
    assert "unfinished" not in again and again["retrieval"] == numbers["retrieval"]
    assert [row["sampler"] for row in again["samplers"]] == ["ddim", "ddpm"]
    assert "There already: error, likeness" in capsys.readouterr().out
    asked.clear()
    evaluate.main(call)
    assert not asked
    evaluate.main([*call, "--measures", "samplers"])
    assert asked == ["ddim", "heun", "ddpm"]


def test_without_data_what_needs_none_is_measured(quick_net, tiny_checkpoint, capsys):
    evaluate.main([str(tiny_checkpoint), *FAST])
    shown = capsys.readouterr().out
    assert "RMSE" in shown and measures.NO_DATA in shown and "energy distance to" not in shown


def test_an_unconditional_model_on_plain_pictures(quick_net, tmp_path, capsys):
    torch.manual_seed(0)
    net = Checkpoint(size=16, unet={"dims": [16], "attention": [False], "emb_dim": 32, "head_dim": 16})
    net.save(tmp_path / "net", "# net\n")
    (tmp_path / "data").mkdir()
    for k in range(12):
        Image.new("RGB", (20, 20), (20 * k, 0, 0)).save(tmp_path / "data" / f"{k}.png")
    evaluate.main([str(tmp_path / "net"), "--data", str(tmp_path / "data"), *FAST, "--sheet", str(tmp_path / "s.png")])
    shown = capsys.readouterr().out
    assert "Retrieval needs a model that takes prompts" in shown and "Does it copy?" in shown
    (tmp_path / "few").mkdir()
    Image.new("RGB", (20, 20)).save(tmp_path / "few" / "0.png")
    evaluate.main([str(tmp_path / "net"), "--data", str(tmp_path / "few"), *FAST])
    assert measures.NO_DATA in capsys.readouterr().out


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (["nowhere"], "There is no checkpoint “nowhere”"),
        (["TINY", "--data", "nowhere.zip"], "There is no folder or zip nowhere.zip."),
        (["TINY", "--style", "cubist"], "This model has no style “cubist”"),
        (["TINY", "--prompts", "nowhere.txt"], "nowhere.txt can't be read as a text"),
        (["TINY", "--prompts", "UNKNOWN"], "has no prompt with a word that this model knows"),
        (["TINY", "--json", "nowhere/n.json"], "There is no folder nowhere to write n.json to."),
        (["TINY", "--guidance", "99"], "Guidance scale must be a number between"),
        (["TINY", "--pictures", "1"], "--pictures must be at least 2"),
        (["TINY", "--device", "abacus"], "This machine has no device “abacus”"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(call, sentence, tiny_checkpoint, tmp_path):
    (tmp_path / "unknown.txt").write_text("xyzzy\n")
    stand_in = {"TINY": str(tiny_checkpoint), "UNKNOWN": str(tmp_path / "unknown.txt")}
    with pytest.raises(SystemExit) as stopped:
        evaluate.main([stand_in.get(word, word) for word in call])
    assert stopped.value.code.startswith("playground.evaluate: ") and sentence in stopped.value.code


def test_it_holds_out_what_the_training_did(tiny_checkpoint, folder, tmp_path):
    settings = json.loads((tiny_checkpoint / "config.json").read_text())
    Checkpoint(**settings | {"split": {"held_out": 3, "seed": 5}}).save(tmp_path / "own", "")
    for given, wanted in (([], (3, 5)), (["--held-out", "4", "--seed", "0"], (4, 0))):
        args = evaluate.arguments().parse_args([str(tmp_path / "own"), "--data", str(folder), *given])
        (_, left) = evaluate.Command(args).evaluation.pictures
        assert (args.held_out, args.seed) == wanted
        (_, truth) = held_out(read_pictures(folder, 16), *wanted)
        assert left.texts == truth.texts and left.styles == truth.styles


def test_the_prompts_of_a_sheet(tiny_checkpoint):
    checkpoint = load(tiny_checkpoint)
    assert showing.wishes(checkpoint, [], 3)[0] == "cat face"  # the one it knows of the well-known ones
    assert showing.wishes(checkpoint, ["red cat", "red cat", ""], 9) == ["cat face", "red cat"]
    assert set(showing.wishes(checkpoint, [], 99)) == {"cat face", *checkpoint.vocabulary.words}
    assert len(showing.PROMPTS) == 64 == len(set(showing.PROMPTS))
