"""Checkpoints: `checkpoints/<name>/` holds config.json, model.safetensors and README.md, the model card.

Such a folder is a Hugging Face Hub repository as it stands; huggingface_hub's PyTorchModelHubMixin reads and writes
it. A folder as diffusers writes it is a checkpoint too (see `pretrained`). Weights are safetensors only: nothing is
ever unpickled.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path

import torch
from huggingface_hub import PyTorchModelHubMixin, snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_model, save_file
from torch import Tensor, nn

from playground.errors import UserError
from playground.models import diffusers as pretrained
from playground.models.autoencoder import Autoencoder, Pixels
from playground.models.conditioning import Condition, Conditioner, TextTransformer, Vocabulary
from playground.models.initial import InitialWeights
from playground.models.publishing import publishing
from playground.models.unet import UNet
from playground.schedules import SCHEDULES, NoiseSchedule

FOLDER = Path(__file__).resolve().parent.parent / "checkpoints"
DEFAULT = "avatars-64"  # what the page starts with
PREDICTIONS = ("eps", "x0", "v")
_offered: dict[str, Path] = {}  # what the person who started the page added: name → folder
_lent: dict[str, Path] = {}  # trained on the page, for the person who did: in no list, under a name nobody can guess
_FILES = ("config.json", "model.safetensors", "README.md")
EXTRAS = ("vocabulary.json", "styles.webp", "history.json", "history.webp")  # what the page shows of a model, if there


class Checkpoint(nn.Module, PyTorchModelHubMixin):
    """A U-Net with all that is needed to use it: its schedule, what it predicts, its words and its styles.

    Args:
        size: side in pixels of what the U-Net sees: its pictures, or their latents.
        channels: of what it sees.
        schedule: a name of SCHEDULES, with its knobs in `schedule_knobs`, and `T` steps.
        prediction: what the net puts out: "eps", "x0" or "v".
        words, styles: what it can be asked for; both empty for an unconditional net.
        condition_dim: width of the condition vector.
        unet: further arguments of UNet.
        split: which pictures it was not trained on: `held_out` and `seed` of `data.held_out`.
        autoencoder: arguments of `Autoencoder`, for a model of latents.
        text: arguments of `TextTransformer`, which reads prompts in their order; without, the words' mean is taken.
        guidance: of a distilled model, the guidance scale that its answers have inside.
        steps: of a distilled model, how many it was made for.
        teacher: of a distilled model, the name of the one it was distilled from.
    """

    def __init__(
        self,
        size: int = 32,
        channels: int = 3,
        schedule: str = "cosine",
        schedule_knobs: dict | None = None,
        T: int = 1000,
        prediction: str = "v",
        words: Sequence[str] = (),
        styles: Sequence[str] = (),
        condition_dim: int = 192,
        unet: dict | None = None,
        split: dict | None = None,
        autoencoder: dict | None = None,
        text: dict | None = None,
        guidance: float | None = None,
        steps: int | None = None,
        teacher: str | None = None,
    ) -> None:
        super().__init__()
        if prediction not in PREDICTIONS:
            raise ValueError(f"prediction {prediction!r} is none of {PREDICTIONS}")
        self.name = "untitled"
        self.card = ""
        self.split = split or {}
        self.size, self.channels, self.T = size, channels, T
        self.space = Pixels(channels) if autoencoder is None else Autoencoder(**autoencoder)
        self.picture_size = size * self.space.factor
        self.schedule: NoiseSchedule = SCHEDULES[schedule].make(T=T, **(schedule_knobs or {}))
        self.prediction_kind = prediction
        self.vocabulary = Vocabulary(words)
        self.styles = list(styles)
        self.guidance, self.steps, self.teacher = guidance, steps, teacher
        self.conditions = kinds(words, styles, unet)
        self.conditional = bool(self.conditions)
        self.reads_order = text is not None
        if "lines" in self.conditions and not self.reads_order:
            raise ValueError("a net that takes lines is told its words one by one: it needs `text`")
        self.conditioner = None
        if self.conditional and text is None:
            self.conditioner = Conditioner(len(words), len(styles), condition_dim)
        elif self.conditional:
            self.conditioner = TextTransformer(len(words), len(styles), condition_dim, **text)
        told = condition_dim if self.conditional else 0
        words_dim = told if self.reads_order else 0
        self.model = UNet(channels=channels, condition_dim=told, words_dim=words_dim, T=T, **(unet or {}))
        if size % self.model.multiple:
            raise ValueError(f"pictures of {size} pixels, but the net needs a multiple of {self.model.multiple}")

    def parse(
        self, prompt: str = "", style: str | None = None, lines: Tensor | None = None
    ) -> tuple[Condition, tuple[str, ...]]:
        """What a prompt, a style and a map of lines ask of this model, and the words it does not know.

        lines: (S, S) or (1, S, S) in [0, 1], 1 on a line, S the picture's side; a blank map is none.

        Raises:
            UserError: the style is none of the model's, the prompt is longer than it reads, or it takes no such lines.
        """
        if not self.conditional:
            self._packed(lines)
            return Condition(), ()
        if style and style not in self.styles:
            raise UserError(
                "This model has no style “{style}”; it knows {styles}.", style=style, styles=", ".join(self.styles)
            )
        words, unknown = self.vocabulary.parse(prompt)
        if not self.reads_order:
            words = tuple(dict.fromkeys(words))
        elif len(words) > self.conditioner.length:
            raise UserError(
                "This model reads {most} words at most; your prompt has {count}.",
                most=self.conditioner.length,
                count=len(words),
            )
        return Condition(words, style or None, self._packed(lines)), unknown

    def _packed(self, lines: Tensor | None) -> bytes:
        if lines is None:
            return b""
        if "lines" not in self.conditions:
            raise UserError("This model takes no lines.")
        if lines.shape[-2:] != (self.picture_size, self.picture_size) or lines.numel() != self.picture_size**2:
            raise UserError("Lines must be a map of {side} × {side} pixels for this model.", side=self.picture_size)
        pixels = (lines.clamp(0, 1) * 255).round().to(torch.uint8)
        return pixels.cpu().numpy().tobytes() if pixels.any() else b""

    def encode(self, conditions: Sequence[Condition]) -> tuple[Tensor, ...]:
        """What the U-Net is told of some pictures besides x and t, with a row for each: nothing for an unconditional
        model; the condition vectors (B, condition_dim); of a model that reads in order also the words (B, 1 + length,
        condition_dim) and which are present (B, 1 + length); of one that takes lines also these, (B, 1, S, S)."""
        if self.conditioner is None:
            return ()
        width = self.conditioner.length if self.reads_order else max(1, *(len(c.words) for c in conditions), 1)
        word_ids = torch.zeros(len(conditions), width, dtype=torch.long)
        for row, condition in enumerate(conditions):
            for column, word in enumerate(condition.words[:width]):
                word_ids[row, column] = self.vocabulary.index.get(word, 0)
        style_ids = torch.tensor([1 + self.styles.index(c.style) if c.style else 0 for c in conditions])
        lines = None
        if "lines" in self.conditions:
            blank = bytes(self.picture_size**2)
            packed = bytearray(b"".join(condition.lines or blank for condition in conditions))
            shape = (len(conditions), 1, self.picture_size, self.picture_size)
            lines = torch.frombuffer(packed, dtype=torch.uint8).reshape(shape)
        device = self.conditioner.word.weight.device
        return self.embed(word_ids.to(device), style_ids.to(device), None if lines is None else lines.to(device))

    def embed(self, word_ids: Tensor, style_ids: Tensor, lines: Tensor | None = None) -> tuple[Tensor, ...]:
        """`encode` of what stands in tables already: word_ids (B, W) and style_ids (B,) as the conditioner takes them,
        lines (B, 1, S, S) uint8."""
        told = self.conditioner(word_ids, style_ids)
        told = told if self.reads_order else (told,)
        return told if lines is None else (*told, lines.to(told[0].dtype) / 255)

    def save(self, folder: Path | str, card: str) -> None:
        """Writes config.json, model.safetensors (fp16) and the model card to `folder`, all whole or none at all."""
        with publishing(folder) as draft:
            (draft / _FILES[2]).write_text(card, encoding="utf-8")
            self.save_pretrained(draft)

    def _save_pretrained(self, save_directory: Path) -> None:
        """The mixin's hook: half precision halves the download, and costs less than a grey level in the picture."""
        weights = {key: value.detach().cpu().half().contiguous() for key, value in self.state_dict().items()}
        save_file(weights, save_directory / _FILES[1])

    @classmethod
    def _load_as_pickle(cls, model, model_file, map_location, strict):
        """The mixin would fall back on pytorch_model.bin; a pickle can run code."""
        raise UserError("Those weights are pickled, and are not opened. Convert them to model.safetensors first.")


def kinds(words: Sequence[str], styles: Sequence[str], unet: dict | None) -> tuple[str, ...]:
    """What a model can be told: of "style", "text" and "lines" those that its config has."""
    known = {"style": bool(styles), "text": bool(words), "lines": bool((unet or {}).get("lines"))}
    return tuple(kind for kind, has in known.items() if has)


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


def outline(name: str) -> Outline:
    """From the configs of a checkpoint alone; an empty one where they can't be read."""
    try:
        folder = locate(name)
        if pretrained.present(folder):
            schedule = pretrained.schedule_in(folder, name)[0].name
            return Outline(schedule=schedule if schedule in SCHEDULES else "")
        config = json.loads((folder / _FILES[0]).read_text(encoding="utf-8"))
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
        return (locate(name) / _FILES[2]).read_text(encoding="utf-8", errors="replace")
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
    found = sorted(folder.name for folder in folders if (folder / _FILES[1]).is_file() or pretrained.weights(folder)[1])
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
        return Path(snapshot_download(name, allow_patterns=[*_FILES, *EXTRAS, *pretrained.FILES]))
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
    for file in _FILES[:2]:
        if not (folder / file).is_file():
            raise UserError("The checkpoint “{name}” has no {file}.", name=name, file=file)
    try:
        config = json.loads((folder / _FILES[0]).read_text(encoding="utf-8"))
        config["unet"]
        # The mixin's from_pretrained does the same, and prints a line about it.
        with InitialWeights():
            checkpoint = Checkpoint(**{k: v for k, v in config.items() if k in signature(Checkpoint).parameters})
        load_model(checkpoint, folder / _FILES[1], strict=True)
        return checkpoint
    except (SafetensorError, EOFError) as error:
        raise UserError(
            "The weights of “{name}” are cut off or damaged; copy {file} again.", name=name, file=_FILES[1]
        ) from error
