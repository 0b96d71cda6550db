"""The failure museum: what goes wrong in practice, switched on for a real model, beside the same seed done right."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from playground.predictions import Prediction
from playground.runs.lanes import Lane, engine_for, lane_for
from playground.runs.live import Live
from playground.runs.settings import check
from playground.samplers import Noise
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, Level, NoiseSchedule

Question = Callable[[Level, NoiseSchedule], Level]
Answer = Callable[[Prediction, torch.Tensor, Level], Prediction]
STEPS = 20


@dataclass(frozen=True)
class Piece:
    """One fault. `symptom` is what people search for; `right` and `wrong` are settings of the two pictures beyond those
    of the page. Of the wrong one, `question` is what the net is told instead of the level, `answer` what is made of its
    answer, and `noise` the noise that is drawn. `measure` names a measure below by which the symptom is plain:
    between `low` and `high` times the right picture's."""

    symptom: str
    cause: str
    mending: str
    right: Mapping[str, object] = field(default_factory=dict)
    wrong: Mapping[str, object] = field(default_factory=dict)
    question: Question | None = None
    answer: Answer | None = None
    noise: Callable[[int], Noise] | None = None
    clip: bool = True
    measure: str = "sharpness"
    low: float = 0.0
    high: float = np.inf


def first_draw_only(seed: int) -> Noise:
    """The noise that a run starts from, and zeros whenever more is asked for."""
    draw, drawn = noise_of(seed), []

    def noise(shape):
        drawn.append(draw(shape))
        return drawn[0] if len(drawn) == 1 else torch.zeros_like(drawn[0])

    return noise


def of_linear(level: Level, schedule: NoiseSchedule) -> Level:
    """The t at which a linear schedule has this much noise."""
    return replace(level, t=SCHEDULES["linear"].make(schedule.T).level_at(level.log_snr).t)


def a_step_early(level: Level, schedule: NoiseSchedule) -> Level:
    return replace(level, t=max(0.0, level.t - schedule.T / STEPS))


def v_as_eps(said: Prediction, x: torch.Tensor, level: Level) -> Prediction:
    return Prediction.from_output("eps", said.v, x, level)


def nothing_learnt(said: Prediction, x: torch.Tensor, level: Level) -> Prediction:
    """A net whose last layer is zero still, as it is when training begins: it says v = 0."""
    return Prediction.from_output("v", torch.zeros_like(x), x, level)


def of_unit_range(said: Prediction, x: torch.Tensor, level: Level) -> Prediction:
    """What a net says that has learnt pictures in [0, 1]."""
    return Prediction.from_output("x0", (said.x0 + 1) / 2, x, level)


PIECES: dict[str, Piece] = {
    "prediction": Piece(
        "Only noise, though the loss is low",
        "The net was trained to say v, and what it says is read as ε.",
        "Keep with the weights what they predict, and read it from there.",
        answer=v_as_eps, low=1.5,
    ),
    "untrained": Piece(
        "Only noise, whatever the prompt",
        "The weights were never loaded: this is what the net says before training.",
        "Let loading fail when a name does not fit (strict=True).",
        answer=nothing_learnt, low=1.5,
    ),
    "timestep": Piece(
        "Noise left at the end",
        "The net is told the t of the step after: it believes that there is less noise than there is.",
        "Tell it the level of the x that it is given, not of the x that is to be made.",
        question=a_step_early, low=1.1,
    ),
    "schedule": Piece(
        "Blotches and wrong colours",
        "Sampled on another schedule than it was trained on: the net is told the t of the wrong one.",
        "Take the schedule from the model; on another one, tell the net the t of its own with the same noise.",
        question=of_linear, measure="apart",
        low=20.0,
    ),
    "no_noise": Piece(
        "Washed out and smooth",
        "DDPM without its σ z: each step takes the mean of all that could come, and nothing else.",
        "Add the noise in every step but the last, or take DDIM, which is made to go without.",
        right={"sampler": "ddpm"}, wrong={"sampler": "ddpm"}, noise=first_draw_only, high=0.9,
    ),
    "one_step": Piece(
        "A blur",
        "One step only: the first guess of x0 is the mean of all pictures that the words allow.",
        "More steps, or a model that was distilled for few.",
        wrong={"steps": 1}, high=0.7,
    ),
    "guidance": Piece(
        "Colours burnt, edges hard",
        "A guidance scale of 20: the sum of the two answers lies far outside of all pictures.",
        "Stay between 1.5 and 4; more steps allow a little more.",
        wrong={"guidance_scale": 20.0}, measure="saturation", low=1.2,
    ),
    "clipping": Piece(
        "Colours burnt already at moderate guidance",
        "x̂0 is not kept within the range of pictures, so that what lies outside feeds the next step.",
        "Clip x̂0 to [−1, 1] in every step.",
        right={"guidance_scale": 8.0}, wrong={"guidance_scale": 8.0}, clip=False, measure="beyond", low=1.02,
    ),
    "range": Piece(
        "Pale, without black",
        "The pictures were left in [0, 1] in training, and are shown as if they had been in [−1, 1].",
        "Scale pictures to [−1, 1] before training, and back after sampling.",
        answer=of_unit_range, measure="darkest", low=0.3,
    ),
}  # fmt: skip


def museum(values: Mapping[str, object], who: object = None) -> Live:
    """The pair of the chosen piece: the right picture, and the wrong one from the same seed. Raises UserError."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    piece = PIECES[check("piece", values.get("piece"))]
    common = {**values, "sampler": "ddim", "steps": STEPS}
    right = lane_for(engine, common | piece.right, ("right", {}))
    noise = piece.noise and piece.noise(right.settings["seed"])
    wrong = lane_for(engine, common | piece.wrong, ("wrong", {}), noise=noise)
    sampler = altered(wrong.job.sampler, engine.schedule, piece.question, piece.answer)
    wrong.job = replace(wrong.job, sampler=sampler, clip=piece.clip, recipe=None)
    wrong.settings["piece"] = check("piece", values.get("piece"))
    return Live(engine, [right, wrong], curve="apart", who=who)


def altered(sampler: Generator, schedule: NoiseSchedule, question: Question | None, answer: Answer | None) -> Generator:
    """A sampler whose questions or answers are tampered with on their way."""
    x, level = next(sampler)
    while True:
        said = yield x, question(level, schedule) if question else level
        try:
            x, level = sampler.send(answer(said, x, level) if answer else said)
        except StopIteration as end:
            return end.value


def measured(piece: Piece, right: Lane, wrong: Lane) -> dict[str, float]:
    """The piece's measure of both pictures, finished, and how many times the right one's the wrong one's is."""
    measure = MEASURES[piece.measure]
    one, two = measure(right.final, right.final), measure(wrong.final, right.final)
    return {"right": one, "wrong": two, "times": two / one if one else two}


def sharpness(picture: torch.Tensor, _right: torch.Tensor) -> float:
    """Mean size of the Laplacian, (C, S, S) in [−1, 1]."""
    c = picture[:, 1:-1, 1:-1]
    around = picture[:, :-2, 1:-1] + picture[:, 2:, 1:-1] + picture[:, 1:-1, :-2] + picture[:, 1:-1, 2:]
    return (4 * c - around).abs().mean().item()


def saturation(picture: torch.Tensor, _right: torch.Tensor) -> float:
    """Share of the values that lie at an end of the range."""
    return (picture.abs() > 0.98).double().mean().item()


def beyond(picture: torch.Tensor, _right: torch.Tensor) -> float:
    """Root mean square: how large the values are."""
    return picture.square().mean().sqrt().item()


def darkest(picture: torch.Tensor, _right: torch.Tensor) -> float:
    """The darkest hundredth of the values, from 0 for black to 1 for white."""
    return (picture.flatten().double().quantile(0.01).item() + 1) / 2


def apart(picture: torch.Tensor, right: torch.Tensor) -> float:
    """Root mean square distance from the right picture in grey levels."""
    return ((picture - right) * 127.5).square().mean().sqrt().item()


MEASURES = {
    "sharpness": sharpness, "saturation": saturation, "beyond": beyond, "darkest": darkest, "apart": apart,
}  # fmt: skip
