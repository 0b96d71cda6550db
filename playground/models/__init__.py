"""The nets, and how they run on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from playground.models.conditioning import Condition, Vocabulary
from playground.schedules import NoiseSchedule


class Space(Protocol):
    """What a net denoises: pixels, or the latents of an autoencoder. All pictures are (B, C, H, W) in [−1, 1]."""

    factor: int  # pixels a side of one position in it

    def encode(self, pictures: Tensor) -> Tensor:
        """From pixels into the space."""

    def decode(self, x: Tensor) -> Tensor:
        """And back."""

    def speed_up(self) -> None:
        """Goes over to a faster way to decode, where there is one."""

    def enlarged(self, x: Tensor) -> Tensor:
        """What is in the space, as large as the picture, as it is: for the eye."""


class Model(Protocol):
    """A net with all that is needed to use it: `checkpoints.Checkpoint`, and `diffusers.Pretrained`."""

    name: str
    card: str  # Markdown
    size: int  # side of what the net sees, pixels or latents
    channels: int
    picture_size: int  # side in pixels
    space: Space
    T: int
    schedule: NoiseSchedule
    prediction_kind: str  # "eps", "x0" or "v"
    vocabulary: Vocabulary
    styles: list[str]
    conditional: bool  # whether it can be asked for anything
    conditions: tuple[str, ...]  # of what kinds: "style", "text", "lines"
    guidance: float | None  # the scale that a distilled net's answers have inside, None for all others
    steps: int | None  # how many a distilled net was made for
    model: nn.Module  # (x (B, C, H, W), t (B,), *encode(conditions)) -> (B, C, H, W)

    def parse(
        self, prompt: str = "", style: str | None = None, lines: Tensor | None = None
    ) -> tuple[Condition, tuple[str, ...]]:
        """What a prompt, a style and lines ask of it, and the words it does not know. Raises UserError for what
        it can't be asked."""

    def encode(self, conditions: Sequence[Condition]) -> tuple[Tensor, ...]:
        """What the net is told, each with a row a picture; nothing for an unconditional net."""
