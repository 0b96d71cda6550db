"""The recipe of a training: every number that decides how it goes, with the reason for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Recipe:
    """Everything that decides how a training goes. The numbers are those of the shipped emoji-32 on two cores."""

    size: int = 32
    schedule: str = "cosine"
    T: int = 1000
    prediction: str = "v"  # the target's scale is the same at every t, so no level drowns the others
    loss: str = "mse"  # or "l1" or "huber", as in the annotated-diffusion tutorial
    dims: tuple[int, ...] = (64, 128, 192)
    attention: tuple[int, ...] = (0, 1, 1)  # 16² positions attending to each other cost more than they give
    blocks: int = 1
    emb_dim: int = 256  # of time and condition together; paid for in every block
    condition_dim: int = 192
    patch: int = 2  # 4 × fewer positions: the largest single gain on a CPU
    self_condition: bool = False
    sketch: int = 1024  # width of the MLP that says what a prompt looks like before there is anything to see
    sketch_batch: int = 256  # captions a step that only the MLP sees: it costs next to nothing
    sketch_dropout: float = 0.1  # of its hidden units; without, it learns the training pictures by heart
    text: str = "mean"  # of the word vectors; or "transformer", which reads them in their order
    cross: tuple[int, ...] = ()  # cross-attention to the words, for each resolution; needs the transformer
    lines: float = 0.0  # share of pictures shown with their lines; 0: the net takes none
    optimiser: str = "muon"  # for the matrices; "adamw" for all, as everybody else
    batch: int = 48
    lr: float = 1e-3
    warmup: int = 300  # steps
    cooldown: float = 0.6  # share of the run over which the learning rate falls to zero
    ema: float = 0.998
    drop_words: float = 0.05  # each word on its own, so that part of a caption is a prompt too
    drop_prompt: float = 0.05  # all the words, for classifier-free guidance
    drop_style: float = 0.1
    drop_all: float = 0.1  # everything together, or the unconditional model is one that was never trained
    as_given: float = 0.3  # share of captions taken as they are, where fresh ones can be drawn from `words`
    flip: float = 0.0  # chance of mirroring; arrows and letters have a right way round
    held_out: int = 256
    seed: int = 0
