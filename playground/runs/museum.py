"""The failure museum: what goes wrong in practice, switched on for a real model, beside the same seed done right.

A piece fixes model, words, seed, sampler and steps, since one and the same fault looks different elsewhere; what it is
said to look like is what its measure finds there (tests/runs/test_museum.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor

from playground.engine import Job, Runner
from playground.engine.known import Known
from playground.images import bundled, measures, to_tensor
from playground.runs import faults
from playground.runs.faults import Fault, spoil
from playground.runs.lanes import Lane, engine_for, lane_for
from playground.runs.live import Live
from playground.runs.rows import MAX_SEED
from playground.runs.settings import check
from playground.samplers import SAMPLERS
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, spaced, zero_terminal_snr
from playground.theory.exact import mixture

# ------------------------------------------------------------------------------------------------ the measures


def sharpness(lanes: Sequence[Lane]) -> float:
    """How much a value differs from those around it."""
    return measures.sharpness(finals(lanes))


def corner_noise(lanes: Sequence[Lane]) -> float:
    """Standard deviation of the values in the four corners, an eighth of a side each: there the picture is plain."""
    p = finals(lanes)
    k = p.shape[-1] // 8
    corners = [p[..., rows, columns] for rows in (slice(k), slice(-k, None)) for columns in (slice(k), slice(-k, None))]
    return torch.stack(corners).flatten(-2).std(-1).mean().item()


def brightness(lanes: Sequence[Lane]) -> float:
    """Mean of the values, from 0 for black to 1 for white."""
    return (finals(lanes).mean().item() + 1) / 2


def darkening(lanes: Sequence[Lane]) -> float:
    """How much of its brightness x̂0 loses from its brightest step to the last."""
    paths = [[frame.x0_hat.mean() / 255 for frame in lane.frames] for lane in lanes]
    return sum(max(path) - path[-1] for path in paths) / len(paths)


def contrast(lanes: Sequence[Lane]) -> float:
    """Standard deviation of a picture's values."""
    return finals(lanes).flatten(1).std(1).mean().item()


def darkest(lanes: Sequence[Lane]) -> float:
    """The darkest hundredth of the values, from 0 for black to 1 for white."""
    return (finals(lanes).flatten().double().quantile(0.01).item() + 1) / 2


def extremes(lanes: Sequence[Lane]) -> float:
    """Share of the values that lie at an end of the range, nearer than a hundredth."""
    return (finals(lanes).abs() > 0.98).double().mean().item()


def blocks(lanes: Sequence[Lane]) -> float:
    """Share of the values that are, to the last bit, those of the pixel to their right."""
    p = finals(lanes)
    return (p[..., 1:] == p[..., :-1]).double().mean().item()


def variety(lanes: Sequence[Lane]) -> float:
    """Root mean square distance of the pictures from their mean."""
    p = finals(lanes)
    return (p - p.mean(0)).square().mean().sqrt().item()


MEASURES: dict[str, Callable[[Sequence[Lane]], float]] = {
    measure.__name__: measure
    for measure in (
        sharpness, corner_noise, brightness, darkening, contrast, darkest, extremes, blocks, variety
    )
}  # fmt: skip


def finals(lanes: Sequence[Lane]) -> Tensor:
    """(N, C, S, S) in [−1, 1], the finished pictures."""
    return torch.stack([lane.final for lane in lanes]).clamp(-1, 1)


# ------------------------------------------------------------------------------------------------ the pieces


@dataclass(frozen=True)
class Piece:
    """One fault on the model where it shows.

    checkpoint: a model, or None for the exact one of `brightnesses`.
    common: settings of both pictures; `wrong`: of the faulty one alone.
    pictures: how many of each, with seeds that follow each other.
    measure: a name of MEASURES; the faulty pictures have between `least` and `most` times the right ones'.
    """

    symptoms: tuple[str, ...]
    measure: str
    fault: Fault = Fault()
    least: float = 0.0
    most: float = math.inf
    checkpoint: str | None = "emoji-32"
    common: Mapping[str, object] = field(default_factory=dict)
    wrong: Mapping[str, object] = field(default_factory=dict)
    pictures: int = 1


LION = {"prompt": "lion", "style": "noto", "seed": 1, "sampler": "ddim", "steps": 20, "guidance_scale": 2.0}
FACE = {"prompt": "red hair glasses", "style": "avataaars", "seed": 1, "sampler": "ddim", "steps": 20,
        "guidance_scale": 2.0}  # fmt: skip
PIECES: dict[str, Piece] = {
    "prediction": Piece(("noise",), "sharpness", Fault(answer=faults.v_as_x0), least=5, common=LION),
    "untrained": Piece(("noise",), "sharpness", Fault(answer=faults.nothing_learnt), least=4, common=LION),
    "cast": Piece(("black",), "brightness", Fault(decoded=faults.cut_to_whole), most=0.05, common=LION),
    "clipping": Piece(("darker", "burnt"), "darkening", Fault(clip=False), least=3, checkpoint="avatars-64",
                      common=FACE | {"guidance_scale": 20.0, "seed": 8}),
    "timestep": Piece(("leftover",), "corner_noise", Fault(question=faults.next_t), least=10,
                      common=LION | {"steps": 10}),
    "schedule": Piece(("dim",), "contrast", Fault(levels=faults.of_linear), most=0.9, common=LION),
    "unscaled": Piece(("dim",), "contrast", Fault(sampler=faults.unscaled_ddpm), most=0.92,
                      common=LION | {"sampler": "ddpm"}),
    "dark": Piece(("dim",), "brightness", least=2, checkpoint=None, common={"seed": 1}),
    "range": Piece(("washed_out",), "darkest", Fault(question=faults.of_unit_range, answer=faults.to_unit_range),
                   least=4, common=LION),
    "latents": Piece(("blocks",), "blocks", Fault(decoded=faults.as_it_is), least=5, checkpoint="emoji-64-latent",
                     common=LION),
    "latent_scale": Piece(("dim",), "contrast", Fault(decoded=faults.not_scaled_back), most=0.6,
                          checkpoint="avatars-64", common=FACE),
    "no_noise": Piece(("alike", "washed_out"), "variety", Fault(noise=faults.silent), most=0.2,
                      common=LION | {"sampler": "ddpm"}, pictures=2),
    "one_step": Piece(("alike",), "variety", most=0.4, checkpoint="avatars-64", common=FACE, wrong={"steps": 1},
                      pictures=2),
    "guidance": Piece(("burnt",), "sharpness", least=1.3, checkpoint="avatars-64", common=FACE | {"seed": 3},
                      wrong={"guidance_scale": 20.0}),
    "prediction_eps": Piece(("burnt",), "extremes", Fault(answer=faults.v_as_eps), least=1.3,
                            common=LION | {"seed": 3}),
}  # fmt: skip


def museum(values: Mapping[str, object], who: object = None) -> Live:
    """The pair of the piece `values["museum"]`: the right pictures, and the faulty ones from the same seeds.

    `values["seed"]` takes the place of the piece's own seed, where it is not None. Raises UserError.
    """
    name = check("museum", values.get("museum"))
    piece, seed = PIECES[name], values.get("seed")
    own = piece.common["seed"] if seed is None else check("seed", seed)
    seeds = [(own + k) % (MAX_SEED + 1) for k in range(piece.pictures)]
    if piece.checkpoint is None:
        engine: Runner = brightnesses()
        pairs = [exact_pair(engine, seed) for seed in seeds]
    else:
        engine = engine_for(piece.checkpoint, values.get("device"))
        pairs = [pair(engine, piece, seed) for seed in seeds]
    lanes = [lane for side in zip(*pairs, strict=True) for lane in side]
    for lane in lanes:
        lane.settings["museum"] = name
    run = Live(engine, lanes, curve="apart", who=who)
    run.more |= {"columns": 2, "explained": True}  # what went wrong stands beside it
    return run


def pair(engine: Runner, piece: Piece, seed: int) -> tuple[Lane, Lane]:
    """The right picture of a seed, and the faulty one."""
    values = {**piece.common, "seed": seed}
    right = lane_for(engine, values, ("right", {"seed": seed}))
    wrong = lane_for(engine, values | piece.wrong, ("faulty", {"seed": seed}))
    spoil(wrong, piece.fault, engine)
    return right, wrong


def measured(piece: Piece, lanes: Sequence[Lane]) -> dict[str, float]:
    """The piece's measure of the finished right pictures and of the faulty ones."""
    measure, half = MEASURES[piece.measure], len(lanes) // 2
    return {"right": measure(lanes[:half]), "faulty": measure(lanes[half:])}


# ------------------------------------------------------------------------------------------------ dark pictures

DARK = 0.99  # the share of the pictures with this word that are dark
SIDE = 64


@cache
def brightnesses() -> Known:
    """A perfect model of what a word shows of which `DARK` are dark: the bundled pictures, faint, at nine brightnesses.

    Its schedule is that of Stable Diffusion, whose x_T keeps 7 % of the signal.
    """
    pictures = torch.cat([to_tensor(bundled.picture(name), SIDE) for name in bundled.PICTURES]).double()
    shifts = torch.linspace(-0.68, 0.68, 9, dtype=torch.float64)
    means = torch.cat([0.3 * (pictures - pictures.mean((1, 2, 3), keepdim=True)) + shift for shift in shifts])
    weights = torch.full((9,), (1 - DARK) / 8, dtype=torch.float64)
    weights[0] = DARK
    model = mixture(means, 0.01, weights.repeat_interleave(len(pictures)))
    return Known(model, SCHEDULES["scaled_linear"].make(), SIDE)


def exact_pair(engine: Known, seed: int) -> tuple[Lane, Lane]:
    """From one noise: begun where no signal is left, as noise is; and where the schedule ends, as if it were noise."""
    lanes = []
    for label, schedule in (("right", zero_terminal_snr(engine.schedule)), ("faulty", engine.schedule)):
        noise = noise_of(seed)
        x, levels = noise((1, engine.channels, engine.size, engine.size)), spaced(schedule, 20)
        job = Job(SAMPLERS["ddim"].function(x, levels, noise), steps_hint=20)
        lanes.append(Lane({"seed": seed, "sampler": "ddim", "steps": 20}, job, (label, {"seed": seed})))
    return lanes[0], lanes[1]
