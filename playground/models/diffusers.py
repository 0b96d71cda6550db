"""Pretrained DDPMs: any `UNet2DModel` of the diffusers library as a checkpoint, read from a folder as it was published.

Two layouts are known: a pipeline (model_index.json, unet/, scheduler/) and a flat folder (config.json,
diffusion_pytorch_model.safetensors, scheduler_config.json), as google/ddpm-cifar10-32 and its kin have it. Schedule, T
and what the net predicts come from the scheduler's config. diffusers itself is needed to run the net, and only then
imported. Weights are safetensors only: nothing is ever unpickled.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from playground import schedules
from playground.errors import UserError, decoded
from playground.models.autoencoder import Pixels
from playground.models.conditioning import Condition, Vocabulary
from playground.schedules import NoiseSchedule

WEIGHTS = "diffusion_pytorch_model.safetensors"
VARIANTS = ("fp16", "bf16")  # as in diffusion_pytorch_model.fp16.safetensors
INDEX = f"{WEIGHTS}.index.json"  # of weights in several files, diffusion_pytorch_model-00001-of-00002.safetensors …
_UNET = ("config.json", INDEX, "diffusion_pytorch_model*.safetensors")
_SCHEDULER = "scheduler_config.json"
FILES = ("model_index.json", *_UNET, _SCHEDULER, *(f"unet/{file}" for file in _UNET), f"scheduler/{_SCHEDULER}")
PREDICTIONS = {"epsilon": "eps", "sample": "x0", "v_prediction": "v"}
# Schedulers that are ways through one and the same chain of Ho et al. 2020, and whose configs mean the same.
SCHEDULERS = (
    "DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "LMSDiscreteScheduler", "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler", "DEISMultistepScheduler",
    "UniPCMultistepScheduler",
)  # fmt: skip
LARGEST = 512  # pixels a side
TRAINED = "trained"  # the name of a schedule that is a list of betas, and none of SCHEDULES


class TimedUNet(nn.Module):
    """A `UNet2DModel` called as this project calls a net; its own t counts from 0."""

    self_condition = has_maps = False

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """x: (B, C, H, W); t: (B,), 0 … T, may be fractional. Returns (B, C, H, W)."""
        return self.unet(x, (t - 1).clamp(min=0), return_dict=False)[0]


class Pretrained(nn.Module):
    """What `checkpoints.Checkpoint` offers, around a net that takes no prompt.

    Args:
        unet: a diffusers `UNet2DModel`.
        schedule: what it was trained on, with T steps.
        prediction: what it puts out: "eps", "x0" or "v".
    """

    def __init__(self, unet: nn.Module, schedule: NoiseSchedule, prediction: str) -> None:
        super().__init__()
        self.name, self.card = "untitled", ""
        self.split = {}  # unknown
        self.size, self.channels, self.T = side(unet.config), unet.config["in_channels"], schedule.T
        self.space, self.picture_size = Pixels(self.channels), self.size
        self.schedule, self.prediction_kind = schedule, prediction
        self.vocabulary, self.styles, self.conditional = Vocabulary(()), [], False
        self.conditions, self.reads_order, self.guidance, self.steps = (), False, None, None
        self.model = TimedUNet(unet)

    def parse(
        self, prompt: str = "", style: str | None = None, lines: Tensor | None = None
    ) -> tuple[Condition, tuple[str, ...]]:
        """Nothing can be asked of it, whatever the prompt: (no condition, no unknown words)."""
        return Condition(), ()

    def encode(self, conditions) -> tuple[()]:
        """Nothing, as of any unconditional net."""
        return ()


# ---------------------------------------------------------------------------------------------- what a folder says


def present(folder: Path) -> bool:
    """Whether a folder holds something of diffusers, of whichever kind."""
    if (folder / "model_index.json").is_file() or (folder / "unet" / "config.json").is_file():
        return True
    return "_class_name" in _read(folder / "config.json")


def side(config) -> int | None:
    """The side in pixels of a net's square pictures, or None where its config names none."""
    size = config.get("sample_size")
    height, width = size if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
    return height if type(height) is int and height == width and 1 <= height <= LARGEST else None


def schedule_in(folder: Path, name: str) -> tuple[NoiseSchedule, str]:
    """The schedule that the model in `folder` was trained on, and what it predicts: "eps", "x0" or "v".

    Raises:
        UserError: there is no scheduler's config, or one of another kind.
    """
    places = (folder / "scheduler" / _SCHEDULER, folder / _SCHEDULER)
    config = next((_read(place) for place in places if place.is_file()), None)
    if config is None:
        raise UserError(
            "“{name}” has no {file}, so nobody can tell with which noise it was trained.", name=name, file=_SCHEDULER
        )
    _one_of(name, "scheduler", config.get("_class_name"), SCHEDULERS)
    prediction = config.get("prediction_type", "epsilon")
    _one_of(name, "prediction_type", prediction, tuple(PREDICTIONS))
    return _schedule(config, name), PREDICTIONS[prediction]


def _schedule(config: dict, name: str) -> NoiseSchedule:
    """ᾱ from a scheduler's config, in float64; what it leaves out is as in Ho et al. 2020."""
    trained = config.get("trained_betas")
    T = len(trained) if trained else config.get("num_train_timesteps", 1000)
    if type(T) is not int or not 2 <= T <= schedules.MAX_T:
        _one_of(name, "num_train_timesteps", T, (f"2 … {schedules.MAX_T}",))
    start, end = float(config.get("beta_start", 1e-4)), float(config.get("beta_end", 0.02))
    kinds = {
        "linear": ("linear", lambda: schedules.linear(T, start, end)),
        "scaled_linear": ("scaled_linear", lambda: schedules.scaled_linear(T, start, end)),
        "squaredcos_cap_v2": ("cosine", lambda: schedules.cosine(T)),
        "sigmoid": ("sigmoid", lambda: schedules.sigmoid(T, start, end)),
    }
    if trained:
        betas = torch.tensor(trained, dtype=torch.float64)
        made = NoiseSchedule(TRAINED, torch.cat([betas.new_ones(1), (1 - betas).cumprod(0)]))
    else:
        kind = config.get("beta_schedule", "linear")
        _one_of(name, "beta_schedule", kind, tuple(kinds))
        made = NoiseSchedule(kinds[kind][0], kinds[kind][1]())
    if not bool((made.alpha_bar.diff() < 0).all() and made.alpha_bar[-1] > 0):
        raise UserError("The betas of “{name}” are no noise schedule: each must be between 0 and 1.", name=name)
    return schedules.zero_terminal_snr(made) if config.get("rescale_betas_zero_snr") else made


def _one_of(name: str, setting: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(
            "“{name}” can't be used here: its {setting} is “{value}”, and only these are known: {known}.",
            name=name, setting=setting, value=str(value), known=", ".join(known),
        )  # fmt: skip


def _read(path: Path) -> dict:
    """A JSON object, empty where the file is missing or holds something else."""
    try:
        content = json.loads(decoded(path.read_bytes(), path.name))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def net_config(folder: Path) -> dict:
    """The U-Net's config, empty where there is none."""
    return _read(_net_folder(folder) / "config.json")


def _net_folder(folder: Path) -> Path:
    return folder / "unet" if (folder / "unet" / "config.json").is_file() else folder


def _check(folder: Path, name: str) -> None:
    """Raises UserError where the model is of a kind that this page can't use, and says why."""
    index, config = _read(folder / "model_index.json"), net_config(folder)
    kind = config.get("_class_name") or index.get("_class_name") or "config.json"
    if kind != "UNet2DModel":
        raise UserError(
            "“{name}” is a {kind}. Of the diffusers library this page uses UNet2DModel only: a U-Net that makes "
            "pictures by itself.",
            name=name, kind=str(kind),
        )  # fmt: skip
    for part, made in index.items():
        if not part.startswith("_") and part not in ("unet", "scheduler") and isinstance(made, list) and any(made):
            raise UserError(
                "“{name}” needs its {part} beside the U-Net, which does not make pictures by itself; such models can't "
                "be used here.",
                name=name, part=part,
            )  # fmt: skip
    if config.get("num_class_embeds") is not None or config.get("class_embed_type") is not None:
        raise UserError(
            "“{name}” wants to be told a class (num_class_embeds), and this page has none to tell.", name=name
        )
    into, out = config.get("in_channels", 3), config.get("out_channels", 3)
    if into not in (1, 3):
        raise UserError(
            "“{name}” takes {channels} channels; pictures have 3 (colour) or 1 (grey).", name=name, channels=into
        )
    if out != into:
        raise UserError(
            "“{name}” puts out {out} channels for {channels}: it learnt its variance too, or something else that this "
            "page can't use. Only nets that put out one picture can be used.",
            name=name, out=out, channels=into,
        )  # fmt: skip
    if side(config) is None:
        raise UserError(
            "“{name}” has the picture size {size} (sample_size); a square of up to {most} pixels a side is needed.",
            name=name, size=str(config.get("sample_size")), most=LARGEST,
        )  # fmt: skip
    _one_of(name, "time_embedding_type", config.get("time_embedding_type", "positional"), ("positional",))


# ---------------------------------------------------------------------------------------------- loading


def weights(folder: Path) -> tuple[str | None, list[str]]:
    """(variant, the files of the weights) as diffusers names them: one file, one of half precision, or the parts that
    an index lists, beside the net's config; no files where there are none in safetensors."""
    place = _net_folder(folder)
    for variant in (None, *VARIANTS):
        file = WEIGHTS if variant is None else WEIGHTS.replace(".safetensors", f".{variant}.safetensors")
        if (place / file).is_file():
            return variant, [file]
    parts = _read(place / INDEX).get("weight_map")
    return None, sorted({str(part) for part in parts.values()}) if isinstance(parts, dict) else []


def load(folder: Path, name: str) -> Pretrained:
    """The model in `folder`, in float32 on the CPU; `name` is for its errors.

    Raises:
        UserError: diffusers is not installed, or the model is of another kind, cut off or damaged.
    """
    _check(folder, name)
    schedule, prediction = schedule_in(folder, name)
    place = _net_folder(folder)
    variant, files = weights(folder)
    if not files:
        raise UserError(
            "“{name}” has no {file}. Pickled weights (.bin) can run code and are not opened; where you trust them, "
            "diffusers' UNet2DModel.from_pretrained(…).save_pretrained(…) writes them anew.",
            name=name, file=WEIGHTS,
        )  # fmt: skip
    try:
        for file in files:
            with safe_open(place / file, "pt"):  # the header, and that the file is as long as it says
                pass
    except (SafetensorError, OSError) as error:
        raise UserError(
            "The weights of “{name}” are cut off or damaged; copy {file} again.", name=name, file=file
        ) from error
    if find_spec("diffusers") is None:
        raise UserError(
            "“{name}” is a model of the diffusers library, which is not installed here: pip install diffusers",
            name=name,
        )
    from diffusers import UNet2DModel

    try:
        unet, told = UNet2DModel.from_pretrained(
            place, variant=variant, use_safetensors=True, local_files_only=True, low_cpu_mem_usage=False,
            torch_dtype=torch.float32, output_loading_info=True,
        )  # fmt: skip
        missing = told["missing_keys"] or told["mismatched_keys"]
    except (ValueError, KeyError, TypeError, RuntimeError, OSError, AttributeError):
        missing = True
    if missing:  # diffusers would go on with random numbers in their place
        raise UserError(
            "“{name}” can't be used: its weights are not those of the net that config.json describes.", name=name
        )
    return Pretrained(unet, schedule, prediction)
