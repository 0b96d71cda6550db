"""Latents, seen: what an autoencoder makes of a picture, what its space is like, and draws from it at random."""

from __future__ import annotations

import functools
import json
import threading
from dataclasses import dataclass

import torch
from torch import Tensor

from playground.checkpoints import DEFAULT, FOLDER
from playground.engine import Runner
from playground.errors import UserError
from playground.images import to_tensor
from playground.images.bundled import PICTURES, picture
from playground.images.measures import peak_signal_to_noise
from playground.models import Space
from playground.models.autoencoder import load_autoencoder
from playground.models.devices import one_thread
from playground.models.variational import FIGURES, CodeAutoencoder
from playground.predictions import q_sample
from playground.samplers.noise import noise_of

WALK = 7  # pictures of a walk
DRAWN = 8  # pictures drawn at random
CODES = FOLDER / "avatars-32-codes"  # two small autoencoders of one build that the project comes with
WAYS = {"variational": "normal", "plain": "normal", "each": "each", "together": "together"}  # of drawing their codes
_one = threading.Lock()  # one question at a time: the runs of all others go on


def latent_space(engine: Runner) -> Space:
    """The space of a latent model. Raises UserError of one that works on pixels."""
    if engine.space.factor == 1:
        raise UserError("This model works on pixels: it has no latents to see. Choose one that has, such as {name}.",
                        name=DEFAULT)  # fmt: skip
    return engine.space


@dataclass(frozen=True)
class Trip:
    """A picture x, (1, 3, S, S), its latent z, (1, C, H, W), and what comes back, both in [−1, 1]."""

    x: Tensor
    z: Tensor
    back: Tensor

    @property
    def decibels(self) -> float:
        return peak_signal_to_noise(self.back, self.x)


def trip(space: Space, x: Tensor) -> Trip:
    """There and back."""
    with _one, one_thread():
        z = space.encode(x)
        return Trip(x, z, space.decode(z))


def noised(engine: Runner, x: Tensor, t: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """A picture's latent noised to t with the seed's noise, as the model sees it; what the decoder makes of that; and
    the picture itself noised as far, in pixels."""
    space, level = latent_space(engine), engine.schedule.level(min(t, engine.schedule.T))
    with _one, one_thread():
        z = space.encode(x)
        z = q_sample(z.double(), level, noise_of(seed)(z.shape)).to(x)
        return z, space.decode(z), q_sample(x.double(), level, noise_of(seed)(x.shape)).to(x)


def walk(space: Space, one: Tensor, other: Tensor, count: int = WALK) -> tuple[Tensor, Tensor]:
    """From one picture to another in a straight line of `count` steps: between their latents, decoded, and between
    their pixels; (count, 3, S, S) each."""
    shares = torch.linspace(0, 1, count, dtype=one.dtype).view(-1, 1, 1, 1)
    with _one, one_thread():
        start, end = space.encode(torch.cat([one, other])).split(1)
        return space.decode(torch.lerp(start, end, shares)), torch.lerp(one, other, shares)


def bent(space: Space, x: Tensor, channel: int, shift: float) -> tuple[Tensor, Tensor]:
    """A picture's latent with one of its channels, from 0, changed by so much everywhere, and what that decodes to.
    Raises UserError for what is no channel or too large a change: they come from the page as they are."""
    if type(channel) is not int or type(shift) not in (int, float) or not -2 <= shift <= 2:
        raise UserError("A channel is changed by a number between −2 and 2.")
    with _one, one_thread():
        z = space.encode(x).clone()
        z[:, channel % z.shape[1]] += shift
        return z, space.decode(z)


def at_random(engine: Runner, seed: int, count: int = DRAWN) -> Tensor:
    """Latents drawn at random from where those of pictures lie, each number by itself, decoded: (count, 3, S, S)."""
    space = latent_space(engine)
    with _one, one_thread():
        middle, spread = _where(space, engine.picture_size)
        shape = (count, engine.channels, engine.size, engine.size)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        return space.decode((middle + spread * noise).clamp(-1, 1))


def _where(space: Space, size: int) -> tuple[Tensor, Tensor]:
    """Where latents lie, by the bundled pictures: each channel's mean and deviation, (1, C, 1, 1)."""
    z = space.encode(torch.cat([to_tensor(picture(name, size), size) for name in PICTURES]))
    return z.mean(dim=(0, 2, 3), keepdim=True), z.std(dim=(0, 2, 3), keepdim=True)


def codes(seed: int, count: int = DRAWN) -> dict[str, Tensor]:
    """Codes drawn at random from the same numbers and decoded, (count, 3, 32, 32) for each of `WAYS`: of the
    variational autoencoder from N(0, 1); of the plain one from there too, and from where its own codes lie."""
    with _one, one_thread():
        nets = {way: _coder("variational" if way == "variational" else "plain") for way in WAYS}
        drawn = {way: net.at_random(count, torch.Generator().manual_seed(seed), WAYS[way]) for way, net in nets.items()}
        return {way: nets[way].decode(each) for way, each in drawn.items()}


@functools.cache
def _coder(name: str) -> CodeAutoencoder:
    return load_autoencoder(CODES / name, CodeAutoencoder)


@functools.cache
def figures() -> dict[str, dict]:
    """What was measured: of each of the two as `training.autoencoding.figures` has it, and by the same measure of a
    shipped model's latents drawn at random, by its name."""
    told = {name: CODES / name / FIGURES for name in ("variational", "plain")} | {"latents": CODES / "latents.json"}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in told.items()}


def shapes(trip: Trip) -> dict[str, list[int]]:
    """Of the picture, (3, S, S), and of its latent, (C, H, W)."""
    return {"picture": list(trip.x.shape[1:]), "latent": list(trip.z.shape[1:])}
