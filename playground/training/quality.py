"""How good a model's pictures are, in numbers: each function measures one thing.

What is compared are features rather than pixels, so that a shift by a pixel counts for little: simple ones with nothing
learnt (`features`), or those of a `reader`.
Pictures are (N, 3, H, W) in [−1, 1], features (N, 320); a denoiser that draws has `.checkpoint` and `.output`,
as `UNetDenoiser` does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from playground.engine import job_for
from playground.engine.tasks import run_direct
from playground.images.measures import peak_signal_to_noise
from playground.models.autoencoder import Autoencoder
from playground.models.conditioning import Condition
from playground.models.denoiser import Denoiser, UNetDenoiser, evaluations
from playground.predictions import q_sample
from playground.schedules import Level
from playground.training.data import PictureSet

LOG_SNRS = (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0)
DIRECTIONS = 8  # of edges, over half a turn
EDGES = 4.0  # weight of the edges: both halves then vary about alike, and real pictures were told apart best
BATCH = 64  # rows through the network together


# ---------------------------------------------------------------------------------------------- with the model


@torch.inference_mode()
def denoising_error(
    denoise: Denoiser, x0: Tensor, conditions: Sequence[Condition], log_snrs: Sequence[float] = LOG_SNRS, seed: int = 0
) -> dict[float, float]:
    """Mean squared error of x̂0 at each log-SNR, over pictures x0 (N, C, H, W) in [−1, 1]; one noise for all levels.

    Pixels are in [−1, 1], so an error of 1 is that of guessing grey on black and white.
    """
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(seed))
    errors = {}
    for log_snr in log_snrs:
        level = denoise.checkpoint.schedule.level_at(log_snr)
        total = 0.0
        for rows in torch.arange(len(x0)).split(BATCH):
            prediction = denoise(q_sample(x0[rows], level, eps[rows]), level, [conditions[i] for i in rows.tolist()])
            total += (prediction.x0 - x0[rows]).square().mean(dim=(1, 2, 3)).sum().item()
        errors[log_snr] = total / len(x0)
    return errors


def psnr(autoencoder: Autoencoder, pictures: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures (N, 3, S, S) in [−1, 1] that went through an autoencoder and back,
    over all of them."""
    returned = torch.cat([autoencoder.decode(autoencoder.encode(part)) for part in pictures.split(BATCH)])
    return peak_signal_to_noise(returned, pictures)


class Counted:
    """A net that counts the rows it is asked about, which is the NFE with all that guidance adds."""

    def __init__(self, denoise: UNetDenoiser, bar: tqdm) -> None:
        self.denoise, self.checkpoint, self.bar, self.rows = denoise, denoise.checkpoint, bar, 0

    def output(self, x: Tensor, levels: Sequence[Level], conditions: Sequence[Condition]) -> Tensor:
        self.rows += len(x)
        self.bar.update(len(x))
        return self.denoise.output(x, levels, conditions)


def generate(
    denoise: UNetDenoiser,
    conditions: Sequence[Condition],
    seeds: Sequence[int],
    sampler: str,
    steps: int,
    guidance_scale: float = 1.0,
    label: str = "pictures",
) -> tuple[Tensor, float]:
    """(pictures (N, C, S, S) float32 in [−1, 1], NFE of each), one for each condition and seed.

    A picture is the one that the page makes with these settings: its noise comes from its own seed, and its first draw
    is the same for every sampler. NFE: rows through the network, counted; guidance (Ho & Salimans 2022) takes two.

    Raises:
        UserError: the schedule has fewer steps than that, or a picture grew beyond all bounds.
    """
    jobs = [
        job_for(denoise.checkpoint, sampler, steps, seed, condition=condition, guidance_scale=guidance_scale)
        for condition, seed in zip(conditions, seeds, strict=True)
    ]
    pictures: list[Tensor | None] = [None] * len(jobs)
    rows = sum(job.steps_hint * evaluations(job.condition, job.guidance_scale) for job in jobs)
    with tqdm(total=rows, desc=label, unit="rows", leave=False) as bar:
        counted = Counted(denoise, bar)
        for answered in run_direct(counted, jobs, BATCH):
            for step in answered:
                if step.final is not None:
                    pictures[step.job] = step.final
    decode = denoise.checkpoint.space.decode
    made = torch.cat([decode(part) for part in torch.stack(pictures).float().split(BATCH)])
    return made.clamp(-1, 1), counted.rows / len(jobs)


# ------------------------------------------------------------------------------------------------ the features


def features(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) → (N, 320): where which colours are, and where edges run in which direction.

    The picture is averaged to 32 × 32 first, so that the space is the same for every size. Then 192 numbers are its
    8 × 8 RGB averages over √192. The other 128 are histograms of oriented gradients (Dalal & Triggs 2005): in each
    field of 4 × 4, how strong the edges of 8 directions are on average, of the strongest channel; the square root of
    that, which keeps a single hard edge from deciding (Arandjelović & Zisserman 2012), times 4/√128.
    """
    x = F.adaptive_avg_pool2d(pictures.float(), 32)
    colours = F.adaptive_avg_pool2d(x, 8).flatten(1)
    across, down = x[..., 1:-1, 2:] - x[..., 1:-1, :-2], x[..., 2:, 1:-1] - x[..., :-2, 1:-1]  # (N, 3, 30, 30)
    strongest = (across**2 + down**2).argmax(dim=1, keepdim=True)
    across, down = across.gather(1, strongest), down.gather(1, strongest)  # (N, 1, 30, 30)
    # An edge between two directions counts for both, by how near it is.
    place = torch.atan2(down, across).remainder(math.pi) / math.pi * DIRECTIONS
    low = place.floor()
    strength = torch.hypot(across, down)
    edges = torch.zeros(len(x), DIRECTIONS, *place.shape[2:])
    edges.scatter_add_(1, low.long() % DIRECTIONS, strength * (low + 1 - place))
    edges.scatter_add_(1, (low.long() + 1) % DIRECTIONS, strength * (place - low))
    edges = F.adaptive_avg_pool2d(edges, 4).flatten(1).sqrt()
    return torch.cat([colours / colours.shape[1] ** 0.5, EDGES * edges / edges.shape[1] ** 0.5], dim=1)


def features_of(pictures: PictureSet) -> Tensor:
    """(N, 320): the features of a whole set, a thousand pictures at a time."""
    return torch.cat([features(pictures.x0(rows)) for rows in torch.arange(len(pictures)).split(1000)])


def distances(a: Tensor, b: Tensor) -> Tensor:
    """(N, M) Euclidean distances of two sets, without the shortcut that leaves a picture a little off itself."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")


# ------------------------------------------------------------------------------------------------ the measures


def energy_distance(a: Tensor, b: Tensor) -> float:
    """2·E|X − Y| − E|X − X'| − E|Y − Y'| of two sets of features, ≥ 2 each: Székely & Rizzo 2013, eq. 1.

    It is zero just where both come from one distribution. A picture is never paired with itself within its set, so
    that few pictures give the same on average as many; the estimate can then be a little below zero.
    """
    within = [distances(each, each).sum().item() / (len(each) * (len(each) - 1)) for each in (a, b)]
    return 2 * distances(a, b).mean().item() - sum(within)


def energy_floor(real: Tensor, count: int, draws: int = 40) -> tuple[float, float]:
    """(mean, standard deviation) of the energy distance of `count` of some real pictures, drawn at random, to the
    others: what perfect pictures would get, and how far chance moves it."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for _ in range(draws):
        order = torch.randperm(len(real), generator=generator)
        found.append(energy_distance(real[order[:count]], real[order[count:]]))
    spread, mean = torch.std_mean(torch.tensor(found))
    return mean.item(), spread.item()


def ranks(queries: Tensor, asked: Sequence[int], held_out: PictureSet, held: Tensor) -> list[int]:
    """For each query, how many held-out pictures of its style are nearer to it than that of its own prompt.

    queries (Q, F): features of pictures made for the prompt and style of held-out picture asked[q]; held (N, F): of the
    held-out pictures.
    """
    found = []
    for apart, k in zip(distances(queries, held), asked, strict=True):
        own, others = _rivals(held_out, k)
        found.append(int((apart[others] < apart[own].min()).sum()))
    return found


def chance(asked: Iterable[int], held_out: PictureSet, top: int) -> float:
    """How often one of the prompt's own is among the `top` nearest if the order is drawn at random."""
    shares = []
    for k in asked:
        own, others = map(len, _rivals(held_out, k))
        shares.append(1 - math.comb(others, top) / math.comb(own + others, top) if top < own + others else 1.0)
    return sum(shares) / len(shares)


def _rivals(held_out: PictureSet, k: int) -> tuple[list[int], list[int]]:
    """The held-out pictures in the style of the kth: those of its prompt, and the others."""
    same = [i for i, style in enumerate(held_out.styles) if style == held_out.styles[k]]
    own = [i for i in same if held_out.texts[i] == held_out.texts[k]]
    return own, [i for i in same if held_out.texts[i] != held_out.texts[k]]


def share_within(found: Sequence[int], top: int) -> float:
    """The share of ranks below `top`."""
    return sum(rank < top for rank in found) / len(found)


def other_styles(held_out: PictureSet, training: PictureSet) -> tuple[list[int], list[int]]:
    """Pairs (held-out picture, training picture) of one prompt in two styles, as two lists of indices."""
    by_text: dict[str, list[int]] = {}
    for i, text in enumerate(training.texts):
        by_text.setdefault(text, []).append(i)
    pairs = [
        (k, i)
        for k, text in enumerate(held_out.texts)
        for i in by_text.get(text, [])
        if training.styles[i] != held_out.styles[k]
    ]
    return [k for k, _ in pairs], [i for _, i in pairs]


def copying(generated: Tensor, held: Tensor, training: Tensor) -> dict[str, float]:
    """Distances to the nearest training picture, all in features: of generated pictures and of real held-out ones.

    A model that gives back what it has seen comes nearer than pictures that were never shown to it: `closer` is the
    share of generated pictures nearer than `near`, the 5th percentile of the held-out ones. Without copying that share
    is about 5 %; blurred pictures raise it too.
    """
    made, real = (distances(each, training).min(dim=1).values for each in (generated, held))
    near = real.quantile(0.05).item()
    return {
        "generated": made.median().item(),
        "held_out": real.median().item(),
        "near": near,
        "closer": (made < near).float().mean().item(),
        "nearest": made.min().item(),
        "held_out_nearest": real.min().item(),
    }


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """|μ_a − μ_b|² + tr(C_a + C_b − 2 (C_a C_b)^½) of two sets of features (N, F): how far apart two Gaussians with
    their means and covariances are (Dowson & Landau 1982). Called FID where the features are Inception's."""
    a, b = a.double(), b.double()
    (values, axes), other = torch.linalg.eigh(a.T.cov()), b.T.cov()
    root = axes * values.clamp(min=0).sqrt() @ axes.T  # C_a^½
    between = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    shift = (a.mean(dim=0) - b.mean(dim=0)).square().sum()
    return (shift + values.sum() + other.trace() - 2 * between).item()


def manifold(real: Tensor, made: Tensor, neighbours: int = 5) -> dict[str, float]:
    """Fidelity and diversity of made pictures, features (M, F), against real ones, (N, F).

    Around every picture lies a ball that reaches to its kth neighbour of the same set. precision: share of the made
    ones in a ball of a real one; recall: share of the real ones in a ball of a made one (Kynkäänniemi et al. 2019,
    arXiv:1904.06991). density: in how many balls of real ones a made one lies, over k, so that a single stray real
    picture counts for little; coverage: share of the real ones with a made one in their own ball (Naeem et al. 2020,
    arXiv:2002.09797).
    """
    across = distances(real, made)  # (N, M)
    k = min(neighbours, len(real) - 1, len(made) - 1)
    reach_real, reach_made = (distances(own, own).kthvalue(k + 1, dim=1).values for own in (real, made))
    in_real, in_made = across <= reach_real[:, None], across <= reach_made
    return {
        "precision": in_real.any(dim=0).float().mean().item(),
        "recall": in_made.any(dim=1).float().mean().item(),
        "density": in_real.sum(dim=0).float().mean().item() / k,
        "coverage": in_real.any(dim=1).float().mean().item(),
    }


def spread(rows: Tensor) -> float:
    """Mean over all pairs of rows (N, …), N ≥ 2, of the root of their mean squared difference: how different pictures
    of one prompt are. Of pixels in [−1, 1], 127.5 times that is in grey levels."""
    flat = rows.flatten(1)
    return (torch.pdist(flat).mean() / flat.shape[1] ** 0.5).item()


def rmse(a: Tensor, b: Tensor) -> tuple[float, float]:
    """(root of the mean squared difference of pictures (N, …), its standard error over the N pictures, N ≥ 2)."""
    each = (a - b).square().flatten(1).mean(dim=1)
    root = each.mean().sqrt().item()
    return root, each.std().item() / len(each) ** 0.5 / max(2 * root, 1e-12)  # d√m = dm / 2√m


def grey_levels(a: Tensor, b: Tensor) -> float:
    """Root of the mean squared difference of two equally many pictures in [−1, 1], in levels of 255."""
    return 127.5 * (a - b).square().mean().sqrt().item()
