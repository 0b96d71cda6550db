"""A net with its words, its schedule and its autoencoder, in one module, and how it is written to a folder.

huggingface_hub's PyTorchModelHubMixin puts its arguments into config.json; what reads such a folder is
`playground.checkpoints`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from huggingface_hub import PyTorchModelHubMixin
from safetensors.torch import save_file
from torch import Tensor, nn

from playground.errors import UserError
from playground.models.autoencoder import Autoencoder, Pixels
from playground.models.conditioning import Condition, Conditioner, TextTransformer, Vocabulary
from playground.models.publishing import publishing
from playground.models.unet import UNet
from playground.schedules import SCHEDULES, NoiseSchedule

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"  # what a checkpoint's folder holds
PREDICTIONS = ("eps", "x0", "v")


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
            (draft / CARD).write_text(card, encoding="utf-8")
            self.save_pretrained(draft)

    def _save_pretrained(self, save_directory: Path) -> None:
        """The mixin's hook: half precision halves the download, and costs less than a grey level in the picture."""
        weights = {key: value.detach().cpu().half().contiguous() for key, value in self.state_dict().items()}
        save_file(weights, save_directory / WEIGHTS)

    @classmethod
    def _load_as_pickle(cls, model, model_file, map_location, strict):
        """The mixin would fall back on pytorch_model.bin; a pickle can run code."""
        raise UserError("Those weights are pickled, and are not opened. Convert them to model.safetensors first.")


def kinds(words: Sequence[str], styles: Sequence[str], unet: dict | None) -> tuple[str, ...]:
    """What a model can be told: of "style", "text" and "lines" those that its config has."""
    known = {"style": bool(styles), "text": bool(words), "lines": bool((unet or {}).get("lines"))}
    return tuple(kind for kind, has in known.items() if has)
