"""A reader: a small net that says which words are true of a picture, and whose features tell pictures apart.

Evaluation trains one on the pictures that a model was trained on, and asks it about what the model draws. It judges no
better than it reads real pictures that it has not seen, so that is measured beside.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from playground.models.devices import bf16
from playground.models.initial import InitialWeights
from playground.training.data import PictureSet
from playground.training.muon import Muon

SIDE = 64  # pixels of what it looks at; pictures of other sizes are scaled
WIDTHS = (32, 64, 128, 256)
HIDDEN, FEATURES = 256, 64
BATCH, PASSES, RATE = 64, 3, 5e-3  # about a minute of two cores for 35,000 pictures
FEWEST = 8  # pictures with a word, below which it is not learnt
NOISE, SHIFT = 0.1, 2  # generated pictures may be noisy or a pixel off, and are to be read all the same
EMPHASIS = 5.0  # most that a picture with a rare word counts more than one without


class Reader(nn.Module):
    """Reads words and the style off pictures (N, 3, H, W) in [−1, 1].

    Args:
        words: phrases as the metadata has them, such as "red hair".
        styles: what a picture may be drawn in.
    """

    def __init__(self, words: Sequence[str], styles: Sequence[str] = ()) -> None:
        super().__init__()
        self.words, self.styles = tuple(words), tuple(styles)
        self.index = {word: k for k, word in enumerate(self.words)}
        layers: list[nn.Module] = []
        for before, after in zip((3, *WIDTHS), WIDTHS, strict=False):
            layers += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        flat = WIDTHS[-1] * (SIDE >> len(WIDTHS)) ** 2
        layers += [nn.Flatten(), nn.Linear(flat, HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN), nn.ReLU()]
        self.body = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.out = nn.Linear(HIDDEN, len(self.words) + len(self.styles))
        # Features are the body's output along the directions in which real pictures differ most.
        self.register_buffer("axes", torch.eye(HIDDEN, FEATURES))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(what the body sees (N, HIDDEN), logits of words and styles (N, words + styles))."""
        if pictures.shape[-1] != SIDE:
            pictures = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", antialias=True)
        seen = self.body(pictures.contiguous(memory_format=torch.channels_last))
        return seen, self.out(seen)

    @torch.inference_mode()
    def look(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(features (N, FEATURES), probability of each word (N, words)) of pictures (N, 3, H, W)."""
        seen, logits = zip(*(self(part.float()) for part in pictures.split(256)), strict=True)
        return torch.cat(seen) @ self.axes, torch.cat(logits)[:, : len(self.words)].sigmoid()

    def look_at(self, pictures: PictureSet, rows: Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
        """`look` at some rows of a set or at all of it, a thousand pictures at a time."""
        rows = torch.arange(len(pictures)) if rows is None else torch.tensor(rows, dtype=torch.long)
        parts = [self.look(pictures.x0(part)) for part in rows.split(1000)]
        features, found = zip(*parts, strict=True)
        return torch.cat(features), torch.cat(found)

    def save(self, path: Path) -> None:
        """Writes weights, words and styles to a safetensors file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        about = {"words": json.dumps(self.words), "styles": json.dumps(self.styles)}
        partial = path.with_suffix(".partial")
        save_file({key: value.contiguous() for key, value in self.state_dict().items()}, partial, about)
        os.replace(partial, path)

    @classmethod
    def load(cls, path: Path) -> Reader | None:
        """The reader in a file; None where there is none that can be read."""
        try:
            with safe_open(path, "pt") as file:
                about = file.metadata()
                reader = cls(json.loads(about["words"]), json.loads(about["styles"]))
                reader.load_state_dict({key: file.get_tensor(key) for key in file.keys()})
        except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError):
            return None
        return reader.eval()


def labels(pictures: PictureSet, reader: Reader) -> tuple[Tensor, Tensor]:
    """What is true of each picture, and what is known of it, (N, words + styles) of 1 and 0 each."""
    true = torch.zeros(len(pictures), len(reader.words) + len(reader.styles))
    known = torch.ones_like(true)
    for row, words in enumerate(pictures.words):
        true[row, [reader.index[word] for word in words if word in reader.index]] = 1
    for row, words in enumerate(pictures.unsure):
        known[row, [reader.index[word] for word in words if word in reader.index]] = 0
    for row, style in enumerate(pictures.styles):
        if style in reader.styles:
            true[row, len(reader.words) + reader.styles.index(style)] = 1
    return true, known


def train_reader(pictures: PictureSet, passes: int = PASSES, seed: int = 0) -> Reader:
    """A reader of the words and styles of some pictures, whose `words` say what is true of them.

    Binary cross-entropy for each word (what is `unsure` of a picture does not count), Muon for the matrices.
    """
    counts: dict[str, int] = {}
    for words in pictures.words:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    words = sorted(word for word, count in counts.items() if count >= FEWEST)
    with InitialWeights(seed):
        reader = Reader(words, sorted(set(pictures.styles) - {""})).train()
    true, known = labels(pictures, reader)
    with_word = (true * known).sum(dim=0)
    rarity = ((known.sum(dim=0) - with_word) / with_word.clamp(min=1)).sqrt().clamp(1, EMPHASIS)

    matrices = [weight for weight in reader.body[1:].parameters() if weight.ndim > 1]
    inner = set(map(id, matrices))
    others = [weight for weight in reader.parameters() if id(weight) not in inner]
    optimisers = [torch.optim.AdamW(others, RATE, weight_decay=0.01), Muon(matrices, RATE)]
    draw = torch.Generator().manual_seed(seed)
    batches = list(_batches(len(pictures), passes, draw))
    half = torch.autocast("cpu", torch.bfloat16, enabled=bf16("cpu"))
    for step, rows in enumerate(tqdm(batches, desc="learning to read", unit="batches", leave=False)):
        progress = step / len(batches)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(1.0, progress / 0.1 + 0.01, (1 - progress) / 0.6)
        with half:
            _, logits = reader(_disturbed(pictures.x0(rows), draw))
        loss = F.binary_cross_entropy_with_logits(logits.float(), true[rows], reduction="none", pos_weight=rarity)
        loss = (loss * known[rows]).sum() / len(rows)
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
    reader.eval()
    with torch.inference_mode():
        some = torch.randperm(len(pictures), generator=draw)[:4096]
        seen = torch.cat([reader(pictures.x0(part))[0] for part in some.split(256)]).double()
        axes = torch.linalg.eigh(seen.T.cov()).eigenvectors[:, -FEATURES:]  # (HIDDEN, FEATURES), the largest last
        reader.axes.copy_(axes.flip(1))
    return reader


def _batches(count: int, passes: int, draw: torch.Generator) -> Iterator[Tensor]:
    size = min(BATCH, max(2, count // 2))
    for _ in range(max(passes, -(-40 * size // count))):  # a few dozen steps even for a handful of pictures
        for rows in torch.randperm(count, generator=draw).split(size):
            if len(rows) == size:
                yield rows


def _disturbed(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """Moved by up to `SHIFT` pixels, all of them alike, each with a noise of its own strength."""
    down, across = torch.randint(-SHIFT, SHIFT + 1, (2,), generator=draw).tolist()
    strength = NOISE * torch.rand(len(pictures), 1, 1, 1, generator=draw)
    return pictures.roll((down, across), (2, 3)) + strength * torch.randn(pictures.shape, generator=draw)
