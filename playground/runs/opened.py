"""A step of a run, laid open: every part that x at the next question is made of, as pictures and numbers.

What was run is kept by the run's id, as what it was begun with; the run is gone through once more to the step that
somebody wants to see.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from playground.engine import Job, Runner
from playground.engine.jobs import started
from playground.errors import UserError
from playground.images import encoded, to_pixels
from playground.models.conditioning import Condition
from playground.models.denoiser import NOTHING
from playground.predictions import Prediction, clip, guide
from playground.runs.lanes import Lane
from playground.samplers import count_evaluations
from playground.samplers.anatomy import FORMULAS, Anatomy, weights
from playground.samplers.inpainting import FORMULAS as OF_A_HOLE
from playground.samplers.inpainting import Hole, stretches
from playground.schedules import Level

KEPT = 600  # lanes of which it is known what they were begun with
MOST = 1000  # questions that are asked once more to come to a step

_begun: OrderedDict[str, tuple[Runner, list[Job]]] = OrderedDict()
_keeping = threading.Lock()


def keep(run: str, engine: Runner, lanes: Sequence[Lane]) -> None:
    """Remembers what a run is begun with, before it begins."""
    jobs = [replace(lane.job, sampler=None, recipe=_before(lane.job.recipe)) for lane in lanes]
    with _keeping:
        _begun[run] = engine, jobs
        while sum(len(jobs) for _engine, jobs in _begun.values()) > KEPT and len(_begun) > 1:
            _begun.popitem(last=False)


def _before(recipe: tuple | None) -> tuple | None:
    """A recipe as it is now: of what is in it only the noise changes, with every draw."""
    if recipe is None:
        return None
    name, x, levels, noise, *rest = recipe
    return name, x, levels, copy.deepcopy(noise), *rest


@dataclass(frozen=True)
class Part:
    """A term of the step: what it is (a `samplers.anatomy.Weight`'s `of` and `ago`, or "known": the picture around a
    hole), its weight, and its numbers (C, H, W)."""

    of: str
    ago: int
    weight: float
    value: Tensor


@dataclass(frozen=True)
class Opened:
    """A question of a run with its answer, and how the sampler goes on from it; all tensors (C, H, W) float64.

    Attributes:
        without, told: ε as the net says it without the condition and with it; the same where it was asked once.
        raw, belief: what is believed after guidance, and after clipping; the sampler is told `belief`.
        parts: whose sum, each times its weight, is `after`.
        after: x at the next question, or the finished picture.
    """

    here: Level
    there: Level
    scale: float
    rows: int
    x: Tensor
    without: Tensor
    told: Tensor
    raw: Prediction
    belief: Prediction
    parts: tuple[Part, ...]
    after: Tensor

    @property
    def fresh(self) -> Tensor:
        """σ·z: what of x at the next question is fresh noise."""
        return sum((p.weight * p.value for p in self.parts if p.of == "z"), torch.zeros_like(self.x))

    @property
    def mean(self) -> Tensor:
        """The rest of it: μ̃, where the sampler would go without."""
        return sum((p.weight * p.value for p in self.parts if p.of != "z"), torch.zeros_like(self.x))


def opened(engine: Runner, job: Job, index: int, clipped: bool | None = None, who: object = None) -> Opened:
    """Question `index` of a job that has been kept, laid open. `clipped`: x̂0 kept within [−1, 1] at this step, None: as
    in the run; those before it are as they were.

    Raises:
        UserError: the job has no such question.
    """
    sampling, asked, beliefs, draws = reached(engine, job, index, who)
    name, _x, levels, _noise, knobs, hole = job.recipe
    x, here = asked[index]
    without, told = _both(engine, x, here, job.condition, beliefs, who)
    w = job.guidance_scale
    raw = told if w == 1 or job.condition == NOTHING else without if w == 0 else guide(without, told, w)
    belief = clip(raw) if (job.clip if clipped is None else clipped) else raw
    beliefs.append(belief)
    drawn = len(draws)
    try:
        after, there = sampling.send(belief)
    except StopIteration as end:
        after, there = end.value, levels[-1]
    part, place, again = _place(name, levels, index, knobs, hole)
    anatomy = weights(name, part, place, **knobs)[place]
    parts = tuple(_parts(anatomy, x, beliefs, draws[drawn:]))
    if hole is not None:
        back = (part[-1], part[0]) if again and place == count_evaluations(name, part, **knobs) - 1 else None
        parts = tuple(_around(hole, parts, there, draws[drawn:], back, index == job.steps_hint - 1))
    rows = 2 if w not in (0, 1) and job.condition != NOTHING else 1
    return Opened(here, there, w, rows, x[0], without.eps[0], told.eps[0], _one(raw), _one(belief), parts, after[0])


def reached(engine: Runner, job: Job, index: int, who: object = None) -> tuple[Generator, list, list, list]:
    """A job run once more as far as its question `index`, which is not asked: its sampler, what that has asked so far
    with this one, what it was told before, and what it has drawn. Raises UserError where it has no such question."""
    if job.recipe is None:
        raise UserError("This picture was made with a fault on purpose: its steps are not taken apart.")
    if not 0 <= index < min(job.steps_hint or 0, MOST):
        raise UserError("This run has no step {step} that can be opened.", step=index)
    name, x, levels, noise, knobs, hole = _before(job.recipe)
    draws: list[Tensor] = []

    def recorded(shape: Sequence[int]) -> Tensor:
        draws.append(noise(shape))
        return draws[-1]

    sampling = started(name, x, levels, recorded, knobs, hole)
    asked: list[tuple[Tensor, Level]] = []
    beliefs: list[Prediction] = []
    again = replace(job, sampler=_until(sampling, index, asked, beliefs), recipe=None, steps_hint=index)
    for _step in engine.run([again], who=who):
        pass
    return sampling, asked, beliefs, draws


def _until(sampling: Generator, index: int, asked: list, beliefs: list) -> Generator:
    """A sampler as far as its question `index`, which it does not ask; what it asked and was told before is noted."""
    x, level = next(sampling)
    asked.append((x, level))
    for _question in range(index):
        beliefs.append((yield asked[-1]))
        asked.append(sampling.send(beliefs[-1]))
    return asked[-1][0]


def _glance(x: Tensor, level: Level) -> Generator:
    return (yield x, level).x0


def _both(
    engine: Runner, x: Tensor, level: Level, condition: Condition, before: Sequence[Prediction], who: object
) -> tuple[Prediction, Prediction]:
    """What the net says without a condition and with it, unclipped, after what it was heard to say before."""
    last = before[-1].x0 if before else None
    jobs = [Job(_glance(x, level), told, 1.0, clip=False, steps_hint=1, believed=last) for told in (NOTHING, condition)]
    found = {step.job: step.prediction for step in engine.run(jobs, who=who)}
    rows = [Prediction(found[k].x0[None].double(), found[k].eps[None].double(), level) for k in (0, 1)]
    return rows[0], rows[1]


def _one(row: Prediction) -> Prediction:
    return Prediction(row.x0[0], row.eps[0], row.level)


def _parts(anatomy: Anatomy, x: Tensor, beliefs: Sequence[Prediction], draws: Sequence[Tensor]):
    for term in anatomy.weights:
        if term.of == "x":
            value = x
        elif term.of == "z":
            value = draws[term.ago]
        else:
            value = getattr(beliefs[-1 - term.ago], term.of)
        yield Part(term.of, term.ago, term.weight, value[0])


def _place(
    name: str, levels: Sequence[Level], index: int, knobs: dict, hole: Hole | None
) -> tuple[Sequence[Level], int, bool]:
    """The levels that the sampler goes through with question `index`, which of its questions it is there, and whether
    it goes through them again afterwards: a hole may be filled stretch by stretch."""
    if hole is None:
        return levels, index, False
    for stretch, times in stretches(len(levels) - 1, hole.resamplings, hole.jump):
        part = levels[stretch.start : stretch.stop]
        asked = count_evaluations(name, part, **knobs)
        if index < asked * times:
            return part, index % asked, index // asked < times - 1
        index -= asked * times
    raise AssertionError("a question beyond the last one")


def _around(
    hole: Hole, parts: Sequence[Part], there: Level, draws: Sequence[Tensor], back: tuple | None, end: bool
) -> Iterator[Part]:
    """The parts of a step that fills a hole: within it the sampler's, around it what is known, noised afresh to the
    next level (`inpainting.filled`). `back`: (from, to) where RePaint then goes back to a noisier level.

    draws: those of the step, in their order: the sampler's, that of going back, that of what is known.
    """
    hidden, x0 = hole.mask[0].double(), hole.x0[0]
    alpha = back[1].alpha_bar / back[0].alpha_bar if back else 1.0
    for part in parts:
        yield replace(part, weight=alpha**0.5 * part.weight, value=hidden * part.value)
    if back:
        yield Part("z", len(draws) - 2, (1 - alpha) ** 0.5, hidden * draws[-2][0])
    yield Part("known", 0, 1.0 if end else there.signal_rate, (1 - hidden) * x0)
    if not end:
        yield Part("z", len(draws) - 1, there.noise_rate, (1 - hidden) * draws[-1][0])


def kept_job(run: str, lane: int) -> tuple[Runner, Job]:
    """A lane of a run that is kept. Raises UserError where it is not."""
    with _keeping:
        engine, jobs = _begun.get(run, (None, []))
    if engine is None or not 0 <= lane < len(jobs):
        raise UserError("This run is not kept any more. Make it again, and open its steps then.")
    return engine, jobs[lane]


def laid_open(run: str, lane: int, index: int, clipped: bool | None = None, who: object = None) -> dict:
    """A step as the page shows it, plain JSON with pictures in base64. Raises UserError."""
    engine, job = kept_job(run, lane)
    found = opened(engine, job, index, clipped, who)
    space = engine.space
    views = {
        "x": found.x, "without": found.without, "told": found.told,
        "guided": found.scale * (found.told - found.without), "eps": found.belief.eps,
        "raw": found.raw.x0, "x0": found.belief.x0, "mean": found.mean, "fresh": found.fresh, "after": found.after,
    }  # fmt: skip
    hole = job.recipe[-1]
    if hole is not None:
        views["known"] = torch.where(hole.mask[0], torch.zeros_like(hole.x0[0]), hole.x0[0])
    formula = (*FORMULAS[job.recipe[0]], *(OF_A_HOLE[: 1 + (hole.resamplings > 1)] if hole else ()))
    beyond = (found.raw.x0.abs() > 1).double().mean().item()
    total = sum((part.weight * part.value for part in found.parts), torch.zeros_like(found.x))
    return {
        "n": engine.picture_size, "t": found.here.t, "next": found.there.t, "scale": found.scale, "rows": found.rows,
        "inside": engine.checkpoint.guidance,
        "sampler": job.recipe[0], "formula": formula, "beyond": beyond,
        "clipped": job.clip if clipped is None else clipped,
        "views": {name: _shown(space.enlarged(value)) for name, value in views.items()},
        "parts": [{"of": p.of, "ago": p.ago, "weight": p.weight, "spread": _spread(p.value)} for p in found.parts],
        "off": (total - found.after).abs().max().item(),
        "latent": engine.size if space.factor > 1 else None,
    }  # fmt: skip


def _shown(value: Tensor) -> dict:
    return {"pixels": encoded(to_pixels(value)), "mean": value.mean().item(), "spread": _spread(value)}


def _spread(value: Tensor) -> float:
    """The root mean square of its numbers."""
    return value.square().mean().sqrt().item()
