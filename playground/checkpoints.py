"""Checkpoints by name: which there are, where they lie, what stands beside their weights, and how they are loaded.

`checkpoints/<name>/` holds config.json, model.safetensors and README.md, the model card: a Hugging Face Hub repository
as it stands, read into a `Checkpoint`. A folder as diffusers writes it is a checkpoint too (see `pretrained`). Weights
are safetensors only: nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from inspect import signature
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_model

from playground.errors import UserError
from playground.models import diffusers as pretrained
from playground.models.checkpoint import CARD, CONFIG, WEIGHTS, Checkpoint, kinds
from playground.models.initial import InitialWeights
from playground.schedules import SCHEDULES

FOLDER = Path(__file__).resolve().parent.parent / "checkpoints"
DEFAULT = "avatars-64"  # what the page starts with
_offered: dict[str, Path] = {}  # what the person who started the page added: name → folder
_lent: dict[str, Path] = {}  # trained on the page, for the person who did: in no list, under a name nobody can guess
PICTURES = ("sheet.png", "seeds.png", "unconditional.png", "lines.png", "history.webp")  # that a card may show
EXTRAS = ("vocabulary.json", "styles.webp", "history.json", *PICTURES)  # what the page shows of a model, if there


@dataclass(frozen=True)
class Outline:
    """What the page needs to know of a checkpoint before anybody has loaded it."""

    words: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    schedule: str = ""  # a name of SCHEDULES, or "" where it has a schedule that is none of them
    conditions: tuple[str, ...] = ()  # see `kinds`
    reads_order: bool = False
    guidance: float | None = None  # see Checkpoint
    steps: int | None = None
    side: int = 0  # of its pictures in pixels; 0 where the configs do not say
    teacher: str | None = None
    trainable: bool = False  # one of this project's nets, not distilled from another

    @property
    def conditional(self) -> bool:
        """Whether it can be asked for anything."""
        return bool(self.conditions)

    @property
    def guided(self) -> bool:
        """Whether somebody may say how strongly: of a distilled model that is decided."""
        return self.conditional and self.guidance is None


def outline(name: str) -> Outline:
    """From the configs of a checkpoint alone; an empty one where they can't be read."""
    try:
        folder = locate(name)
        if pretrained.present(folder):
            schedule = pretrained.schedule_in(folder, name)[0].name
            return Outline(schedule=schedule if schedule in SCHEDULES else "")
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        words, styles = tuple(config["words"]), tuple(config["styles"])
        told = kinds(words, styles, config["unet"]), config.get("text") is not None
        side = config["size"] * 2 ** len((config.get("autoencoder") or {"dims": ()})["dims"])
        guidance, steps, teacher = (config.get(key) for key in ("guidance", "steps", "teacher"))
        trainable = guidance is None
        return Outline(words, styles, config["schedule"], *told, guidance, steps, side, teacher, trainable)
    except (UserError, OSError, ValueError, KeyError, TypeError):
        return Outline()


def card(name: str) -> str:
    """The model card of a checkpoint, README.md as it lies there; empty where there is none."""
    try:
        return (locate(name) / CARD).read_text(encoding="utf-8", errors="replace")
    except (UserError, OSError):
        return ""


def subject(name: str) -> str:
    """What a model draws, "faces", as the front matter of its card says; empty where it does not."""
    front = re.match(r"\A---\n(.*?)\n---\n", card(name), flags=re.DOTALL)
    found = front and re.search(r"^subject: *(.{1,80})$", front[1], flags=re.MULTILINE)
    return found[1].strip() if found else ""


def beside(name: str, file: str) -> bytes:
    """One of the files of `EXTRAS` in a checkpoint's folder; empty where there is none."""
    try:
        return (locate(name) / file).read_bytes() if file in EXTRAS else b""
    except (UserError, OSError):
        return b""


def vocabulary(name: str) -> dict:
    """What `training.showing.vocabulary` found out about a checkpoint's words: kinds, exclusive, styles, examples; all
    empty where its folder says nothing of it, or nothing that can be read."""
    try:
        told = json.loads(beside(name, "vocabulary.json"))
        kinds, styles = ({str(key): _texts(told[part][key]) for key in told[part]} for part in ("kinds", "styles"))
        groups = [_texts(group) for group in told["exclusive"]]
        return {"kinds": kinds, "exclusive": groups, "styles": styles, "examples": _texts(told["examples"])}
    except (ValueError, KeyError, TypeError):
        return {"kinds": {}, "exclusive": [], "styles": {}, "examples": []}


def _texts(values: list) -> list[str]:
    if not isinstance(values, list):
        raise TypeError("not a list")
    return [str(value) for value in values]


def list_checkpoints() -> list[str]:
    """Names of the checkpoints that the page offers: those of the project's folder, the shipped one first, and
    what `offer` added. What a training writes there meanwhile is among them."""
    folders = {place.parent for pattern in ("*/config.json", "*/model_index.json") for place in FOLDER.glob(pattern)}
    found = sorted(folder.name for folder in folders if (folder / WEIGHTS).is_file() or pretrained.weights(folder)[1])
    return sorted(found, key=lambda name: name != DEFAULT) + [name for name in _offered if name not in found]


def offer(source: str) -> str:
    """Adds a folder or a Hub repository to the list of checkpoints; returns its name there.

    For whoever starts the page: nothing that comes over the network gets here.

    Raises:
        UserError: there is no such checkpoint, or it can't be used.
    """
    if source in list_checkpoints():
        return source
    folder = locate(source)
    name = load(folder).name
    _offered[name] = folder
    return name


def lend(folder: Path) -> None:
    """Makes a folder a checkpoint for whoever knows its name; `take_back` ends that."""
    _lent[folder.name] = folder


def take_back(name: str) -> None:
    """What was lent is a checkpoint no more."""
    _lent.pop(name, None)


def known(name: str) -> bool:
    """Whether the page may use a checkpoint of this name: one of the list, or one that was lent."""
    return name in _lent or name in list_checkpoints()


def locate(name: str | Path) -> Path:
    """The folder of a checkpoint: by its name in the list, by the path of a folder, or by its id on the Hub
    (owner/name), from where it is fetched.

    Raises:
        UserError: there is none.
    """
    name = str(name)
    if (folder := _here(name)) is not None:
        return folder
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UserError(
            "There is no checkpoint “{name}”. There are: {names}.",
            name=name,
            names=", ".join(list_checkpoints()) or "none",
        )
    try:
        return Path(snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS, CARD, *EXTRAS, *pretrained.FILES]))
    except Exception as error:
        raise UserError(
            "“{name}” is no folder here, and could not be fetched from the Hugging Face Hub ({reason}).",
            name=name,
            reason=type(error).__name__,
        ) from error


def _here(name: str) -> Path | None:
    folders = (_lent.get(name), _offered.get(name), FOLDER / name, Path(name).expanduser())
    return next((folder for folder in folders if name and folder is not None and folder.is_dir()), None)


def written(name: str) -> int:
    """When the weights of a checkpoint were last written, in ns; 0 for those that are not in a folder here."""
    folder = _here(name)
    files = folder.rglob("*.safetensors") if folder else ()
    return max((file.stat().st_mtime_ns for file in files), default=0)


def _called(folder: Path) -> str:
    """A checkpoint's name: that of its folder, or its id on the Hub, whose folders are named after commits."""
    folder = Path(os.path.abspath(folder))
    repository = folder.parent.parent.name
    if folder.parent.name == "snapshots" and repository.startswith("models--"):
        return repository.removeprefix("models--").replace("--", "/")
    return folder.name


def load(name: str | Path = DEFAULT, device: str | torch.device = "cpu") -> Checkpoint | pretrained.Pretrained:
    """Loads a checkpoint from wherever `locate` finds it.

    It never takes a name from a stranger: what the page and the API accept is `known`.

    Raises:
        UserError: there is none, or what is there is cut off, damaged or of another kind.
    """
    folder = locate(name)
    called = _called(folder)
    try:
        checkpoint = pretrained.load(folder, called) if pretrained.present(folder) else _load_own(folder, called)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise UserError(
            "“{name}” is not a checkpoint of this playground: its config.json and model.safetensors do not describe "
            "one of its nets.",
            name=called,
        ) from error
    checkpoint.name, checkpoint.card = called, card(str(folder))
    return checkpoint.to(device).eval()


def _load_own(folder: Path, name: str) -> Checkpoint:
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise UserError("The checkpoint “{name}” has no {file}.", name=name, file=file)
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        config["unet"]
        # The mixin's from_pretrained does the same, and prints a line about it.
        with InitialWeights():
            checkpoint = Checkpoint(**{k: v for k, v in config.items() if k in signature(Checkpoint).parameters})
        load_model(checkpoint, folder / WEIGHTS, strict=True)
        return checkpoint
    except (SafetensorError, EOFError) as error:
        raise UserError(
            "The weights of “{name}” are cut off or damaged; copy {file} again.", name=name, file=WEIGHTS
        ) from error
