"""UNet2DModels of the diffusers library as checkpoints: the same steps, the same schedules, and what can't be used."""

import fnmatch
import json
import shutil
from importlib.util import find_spec

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from playground import checkpoints, engine, runs
from playground.checkpoints import (
    list_checkpoints,
    load,
    offer,
    outline,
)
from playground.engine.tasks import run_direct
from playground.errors import UserError
from playground.models import diffusers as pretrained
from playground.models.conditioning import Condition
from playground.models.denoiser import UNetDenoiser, clipped
from playground.runs.forward import seen
from playground.samplers.ancestral import ddim, ddpm
from playground.samplers.driving import run
from playground.samplers.noise import noise_of

diffusers = pytest.importorskip("diffusers")

NET = {
    "sample_size": 16, "in_channels": 3, "out_channels": 3, "block_out_channels": (8, 16), "layers_per_block": 1,
    "norm_num_groups": 4, "attention_head_dim": 4, "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
}  # fmt: skip


def saved(folder, layout="pipeline", net=None, **scheduler):
    """A net drawn at random, saved as diffusers itself does it, in one of its two layouts."""
    torch.manual_seed(0)
    unet, scheduler = diffusers.UNet2DModel(**NET | (net or {})), diffusers.DDPMScheduler(**scheduler)
    if layout == "pipeline":
        diffusers.DDPMPipeline(unet, scheduler).save_pretrained(folder)
    else:  # as google/ddpm-cifar10-32: all in one folder, the index too
        unet.save_pretrained(folder)
        scheduler.save_pretrained(folder)
        index = {"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"]}
        (folder / "model_index.json").write_text(json.dumps(index | {"scheduler": ["diffusers", "DDPMScheduler"]}))
    return folder


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("flat") / "tiny-ddpm", "flat")


@pytest.fixture
def folder(flat, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(flat, tmp_path / "tiny-ddpm")


@pytest.fixture
def offered(folder, monkeypatch):
    """Its name in the page's list."""
    monkeypatch.setattr(checkpoints, "_offered", {})
    return offer(str(folder))


def edit(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


# ---------------------------------------------------------------------------------------------- the same as diffusers


@pytest.mark.parametrize("layout", ["pipeline", "flat"])
@pytest.mark.parametrize("prediction", list(pretrained.PREDICTIONS))
def test_a_step_of_ours_is_a_step_of_theirs(tmp_path, layout, prediction):
    saved(tmp_path / "net", layout, prediction_type=prediction)
    checkpoint = load(tmp_path / "net")
    assert (checkpoint.name, checkpoint.prediction_kind) == ("net", pretrained.PREDICTIONS[prediction])
    pipeline = diffusers.DDPMPipeline.from_pretrained(tmp_path / "net")
    one_by_one, by_tens = pipeline.scheduler, diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    by_tens.set_timesteps(100)
    for theirs in (one_by_one, by_tens):  # 1 − ᾱ in float32 has four digits where ᾱ is near 1
        theirs.alphas = 1 - theirs.betas.double()
        theirs.alphas_cumprod = theirs.alphas.cumprod(0)
    denoise, x = clipped(UNetDenoiser(checkpoint)), noise_of(1)((2, 3, 16, 16))
    for t in (1, 2, 500, 1000):
        with torch.no_grad():
            output = pipeline.unet(x.float(), t - 1).sample  # their clock begins at 0
        levels = [checkpoint.schedule.level(max(0, t - step)) for step in (0, 1, 10)]
        fresh = torch.Generator().manual_seed(2)
        wanted = one_by_one.step(output, t - 1, x.float(), generator=fresh).prev_sample
        ours = run(ddpm(x, levels[:2], noise_of(2)), denoise)
        torch.testing.assert_close(ours, wanted.double(), rtol=0, atol=1e-5)
        if t > 2:
            wanted = by_tens.step(output, t - 1, x.float(), use_clipped_model_output=True).prev_sample
            ours = run(ddim(x, levels[::2], noise_of(2)), denoise)
            torch.testing.assert_close(ours, wanted.double(), rtol=0, atol=1e-5)


BETAS = [0.01 + 0.001 * k for k in range(40)]
OF_THEIRS = [
    ({}, "linear"),
    ({"beta_start": 0.0015, "beta_end": 0.0195, "num_train_timesteps": 300}, "linear"),
    ({"beta_start": 0.01, "beta_end": 0.4, "num_train_timesteps": 50}, "linear"),  # beyond the page's own knobs
    ({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}, "scaled_linear"),
    ({"beta_schedule": "squaredcos_cap_v2"}, "cosine"),
    ({"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 64}, "cosine"),
    ({"beta_schedule": "sigmoid"}, "sigmoid"),
    ({"trained_betas": BETAS}, "trained"),
    ({"rescale_betas_zero_snr": True}, "linear"),
    ({"rescale_betas_zero_snr": True, "beta_schedule": "squaredcos_cap_v2"}, "cosine"),
]


@pytest.mark.parametrize(("config", "name"), OF_THEIRS, ids=lambda value: str(value)[:60])
def test_the_schedule_is_theirs_number_by_number(tmp_path, config, name):
    theirs = diffusers.DDPMScheduler(**config)
    theirs.save_pretrained(tmp_path)
    schedule, prediction = pretrained.schedule_in(tmp_path, "net")
    assert (schedule.name, prediction, schedule.alpha_bar[0]) == (name, "eps", 1)
    torch.testing.assert_close(schedule.alpha_bar[1:], theirs.alphas_cumprod.double(), rtol=0, atol=1e-6)
    assert (schedule.alpha_bar[-1] == 0) == ("rescale_betas_zero_snr" in config)


def test_between_two_steps_and_below_the_first_it_is_told_a_time_too(flat):
    model = load(flat).model
    x = torch.randn(1, 3, 16, 16)
    with torch.no_grad():
        wanted = [model.unet(x, torch.tensor(t)).sample for t in (0.0, 398.5)]
        assert torch.equal(model(x, torch.tensor([0.3])), wanted[0])
        assert torch.equal(model(x, torch.tensor([399.5])), wanted[1])


# ---------------------------------------------------------------------------------------------- in this project


def test_it_offers_what_a_checkpoint_offers(folder):
    (folder / "README.md").write_text("# a card")
    checkpoint = load(folder)
    assert (checkpoint.size, checkpoint.channels, checkpoint.T, checkpoint.card) == (16, 3, 1000, "# a card")
    assert checkpoint.parse("cat face", "noto") == (Condition(), ()) and checkpoint.encode([Condition()]) == ()
    assert (checkpoint.conditional, checkpoint.styles, len(checkpoint.vocabulary)) == (False, [], 0)
    assert not checkpoint.training and not checkpoint.model.self_condition


@pytest.mark.parametrize("channels", [1, 3])
def test_the_engine_runs_it_in_its_fastest_way(tmp_path, float32, channels):
    saved(tmp_path / "net", net={"in_channels": channels, "out_channels": channels})
    network = engine.Engine(load(tmp_path / "net"), "cpu", warm=True)
    try:
        next(thread for thread in network._threads if thread.name == "warm-up").join(120)
        jobs = [engine.job_for(network, steps=3, seed=seed) for seed in (1, 2)]
        finals = {step.job: step.final for step in network.run(jobs) if step.final is not None}
        plain = run_direct(UNetDenoiser(load(tmp_path / "net")), [engine.job_for(network, steps=3, seed=1)])
        *_, (last,) = plain
        assert finals[0].shape == (channels, 16, 16)
        torch.testing.assert_close(finals[0], last.final, rtol=0, atol=1e-2)
        view = seen(network, Image.new("RGB", (64, 64), "red"), network.schedule, 300, 1)
        assert view["x0_hat"].shape == (channels, 16, 16)
    finally:
        network.close()


def test_pages_settings_say_nothing_of_prompts(offered):
    network = runs.engine_for(offered, "cpu")
    lane = runs.lane_for(network, {"prompt": "cat", "style": "noto", "steps": 3, "guidance_scale": 4, "seed": 5})
    assert (lane.settings["prompt"], lane.settings["style"], lane.settings["guidance_scale"]) == ("", "", 1)
    assert (lane.settings["checkpoint"], lane.rows, lane.unknown) == (offered, 1, ())
    assert lane.file == "seed-5_ddpm-3.png"
    for values in ({"schedule": "linear"}, {}, {"schedule": None}):  # its own: no other clock
        own = runs.lane_for(network, {"steps": 3} | values)
        assert [level.t for level in own.job.recipe[2]] == [1000, 667, 333, 0]
        assert own.settings["schedule"] == "linear"
    other = runs.lane_for(network, {"schedule": "cosine", "steps": 3})
    assert [level.t for level in other.job.recipe[2]] != [1000, 667, 333, 0]


def test_a_list_of_betas_is_always_sampled_on_its_own(folder, monkeypatch):
    monkeypatch.setattr(checkpoints, "_offered", {})
    edit(folder / "scheduler_config.json", trained_betas=BETAS)
    name = offer(str(folder.rename(folder.with_name("betas"))))
    assert outline(name).schedule == ""
    lane = runs.lane_for(runs.engine_for(name, "cpu"), {"schedule": "cosine", "steps": 4})
    assert [level.t for level in lane.job.recipe[2]] == [40, 30, 20, 10, 0] and "schedule" not in lane.settings


def test_large_pictures_go_through_the_net_a_few_at_a_time(folder, monkeypatch):
    monkeypatch.setattr(checkpoints, "_offered", {})
    edit(folder / "config.json", sample_size=256)
    network = engine.get_engine(offer(str(folder.rename(folder.with_name("large")))), "cpu")
    assert network.max_batch == 2 and all(thread.name != "warm-up" for thread in network._threads)


@pytest.mark.parametrize("layout", ["pipeline", "flat"])
def test_a_folder_in_the_list_and_by_path(tmp_path, monkeypatch, layout):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    monkeypatch.setattr(checkpoints, "_offered", {})
    saved(tmp_path / "mine", layout, beta_schedule="squaredcos_cap_v2")
    assert list_checkpoints() == ["mine"] and load("mine").name == "mine"
    assert outline("mine") == checkpoints.Outline(schedule="cosine")


def test_from_the_hub_only_what_is_needed_and_by_its_id(folder, tmp_path, monkeypatch):
    """As the Hub's client leaves a repository: models--owner--name/snapshots/COMMIT."""
    asked = {}

    def download(name, allow_patterns):
        asked[name] = allow_patterns
        place = tmp_path / f"models--{name.replace('/', '--')}" / "snapshots" / "9f1c0de"
        place.parent.mkdir(parents=True, exist_ok=True)
        return str(folder.rename(place) if folder.exists() else place)

    monkeypatch.setattr(checkpoints, "_offered", {})
    monkeypatch.setattr(checkpoints, "snapshot_download", download)
    assert offer("google/ddpm-cifar10-32") == "google/ddpm-cifar10-32"
    assert list_checkpoints()[-1] == load("google/ddpm-cifar10-32").name == "google/ddpm-cifar10-32"
    (patterns,) = asked.values()
    weights = ("", ".fp16", "-00001-of-00002")
    wanted = {"config.json", "scheduler_config.json", "README.md", "model_index.json", "unet/config.json"}
    wanted |= {f"{place}diffusion_pytorch_model{kind}.safetensors" for place in ("", "unet/") for kind in weights}
    wanted |= {"unet/diffusion_pytorch_model.safetensors.index.json", "scheduler/scheduler_config.json"}
    others = {"diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.bin", "pytorch_model.bin", "run.py", "a.jpg"}
    taken = {file for file in wanted | others if any(fnmatch.fnmatch(file, pattern) for pattern in patterns)}
    assert taken == wanted


# ---------------------------------------------------------------------------------------------- what can't be used

NETS = [
    ({"num_class_embeds": 10}, "wants to be told a class"),
    ({"class_embed_type": "timestep"}, "wants to be told a class"),
    ({"_class_name": "UNet2DConditionModel"}, "is a UNet2DConditionModel"),
    ({"out_channels": 6}, "puts out 6 channels for 3: it learnt its variance"),
    ({"in_channels": 4, "out_channels": 4}, "takes 4 channels"),
    ({"sample_size": [16, 32]}, r"picture size \[16, 32\]"),
    ({"sample_size": None}, "picture size None"),
    ({"sample_size": 100_000}, "up to 512 pixels"),
    ({"time_embedding_type": "fourier"}, "time_embedding_type is “fourier”"),
    ({"block_out_channels": [8, 24]}, "weights are not those of the net"),
    ({"layers_per_block": 2}, "weights are not those of the net"),
    ({"down_block_types": ["NoBlock"]}, "weights are not those of the net"),
]
SCHEDULES = [
    ({"_class_name": "ScoreSdeVeScheduler"}, "its scheduler is “ScoreSdeVeScheduler”"),
    ({"prediction_type": "flow"}, "its prediction_type is “flow”"),
    ({"beta_schedule": "laplace"}, "its beta_schedule is “laplace”"),
    ({"num_train_timesteps": 0}, "its num_train_timesteps is “0”"),
    ({"num_train_timesteps": 10**9}, "its num_train_timesteps"),
    ({"beta_end": 1.5}, "are no noise schedule"),
    ({"trained_betas": [0.1, 0.0]}, "are no noise schedule"),
    ({"trained_betas": ["much"] * 3}, "is not a checkpoint of this playground"),
]


@pytest.mark.parametrize(
    ("file", "values", "sentence"),
    [("config.json", *case) for case in NETS] + [("scheduler_config.json", *case) for case in SCHEDULES],
)
def test_what_cannot_be_used_is_told_in_a_sentence(folder, file, values, sentence):
    edit(folder / file, **values)
    with pytest.raises(UserError, match=sentence):
        load(folder)


def test_a_model_of_latents_is_none_of_pictures(folder):
    edit(folder / "model_index.json", vqvae=["diffusers", "VQModel"])
    with pytest.raises(UserError, match="needs its vqvae beside the U-Net"):
        load(folder)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda file: file.write_bytes(file.read_bytes()[:-100]), "cut off or damaged"),
        (lambda file: file.write_bytes(b"\xff" * 4000), "cut off or damaged"),
        (lambda file: file.write_bytes(b""), "cut off or damaged"),
        (lambda file: file.unlink(), "Pickled weights"),
        (lambda file: (file.parent / "config.json").write_text("{rubbish"), "is a DDPMPipeline"),
        (lambda file: (file.parent / "scheduler_config.json").unlink(), "has no scheduler_config.json"),
    ],
)
def test_damage_is_told_in_a_sentence(folder, damage, sentence):
    damage(folder / pretrained.WEIGHTS)
    with pytest.raises(UserError, match=sentence):
        load(folder)


def test_a_part_of_the_net_that_is_not_there_is_not_made_up(folder):
    weights = load_file(folder / pretrained.WEIGHTS)
    del weights["conv_out.bias"]
    save_file(weights, folder / pretrained.WEIGHTS)
    with pytest.raises(UserError, match="weights are not those of the net"):
        load(folder)


def test_nothing_is_unpickled(folder):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    (folder / pretrained.WEIGHTS).unlink()
    torch.save(Trap(), folder / "diffusion_pytorch_model.bin")
    with pytest.raises(UserError, match="can run code and are not opened"):
        load(folder)


@pytest.mark.parametrize("kind", ["fp16", "parts"])
def test_weights_of_half_precision_or_in_several_files_are_read_too(flat, tmp_path, kind):
    whole = load(str(flat))
    net, folder = diffusers.UNet2DModel.from_pretrained(flat), tmp_path / "other"
    shutil.copytree(flat, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    if kind == "fp16":
        net.half().save_pretrained(folder, variant="fp16")
    else:
        net.save_pretrained(folder, max_shard_size="100KB")
        assert len(list(folder.glob("*.safetensors"))) > 1
    assert not (folder / "diffusion_pytorch_model.safetensors").exists()
    for one, two in zip(whole.parameters(), load(str(folder)).parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3 if kind == "fp16" else 0, atol=1e-3 if kind == "fp16" else 0)


def test_without_diffusers_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None if name == "diffusers" else find_spec(name))
    with pytest.raises(UserError, match="pip install diffusers"):
        load(folder)
