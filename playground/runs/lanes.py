"""Lanes: from plain settings to a picture to be made, its job and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from playground.checkpoints import known, list_checkpoints, outline
from playground.engine import Job, Runner, Step, get_engine, job_for
from playground.engine.jobs import kept
from playground.errors import UserError
from playground.images import to_pixels
from playground.models import Model
from playground.models.conditioning import Condition, Vocabulary
from playground.models.denoiser import NOTHING, evaluations
from playground.runs import receipts
from playground.runs.frames import Frame
from playground.runs.records import RunRecord, file_name, sha256
from playground.runs.settings import check, knobs_of
from playground.samplers import SAMPLERS, Noise, count_evaluations
from playground.samplers.inpainting import Hole
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, NoiseSchedule, spaced

SAMPLING = ("prompt", "style", "seed", "sampler", "steps", "spacing", "schedule", "guidance_scale", "clip")
DISTILLED_FOR = "ddim"  # the sampler of every distilled model: see playground.training.distilling


@dataclass
class Lane:
    """One picture to be made: its settings as a receipt names them, and its job."""

    settings: dict
    job: Job
    label: str | tuple[str, dict] = ""  # as it stands, or (a label of film.js, its values)
    note: str = ""
    unknown: tuple[str, ...] = ()  # words of the prompt that the model does not know
    start: Tensor | None = None  # the picture it was started from, (C, S, S)
    eps: Tensor | None = None  # and the noise that was added in the U-Net's space, (C, H, W)
    truth: Tensor | None = None  # what x̂0 should be, (C, S, S): that picture, unless a prompt asks for another
    mask: Tensor | None = None  # bool (S, S), where it is made anew; elsewhere it stays what it was started from
    frames: list[Frame] = field(default_factory=list)
    final: Tensor | None = None  # the finished picture, (C, S, S)
    seconds: float = 0.0  # from the beginning of its run to its last step
    lines: Tensor | None = None  # bool (S, S), the lines it was asked to have
    other: Tensor | None = None  # the picture that was mixed into the one it was started from, (C, S, S)
    retold: Callable[[Step], Step] | None = None  # what is shown of a step in its place
    decoded: Callable[[Tensor], Tensor] | None = None  # makes pictures of x in place of the model's space
    strayed: bool = False  # it ended far outside the range of pictures: the sampler flew off

    @property
    def rows(self) -> int:
        """Network evaluations a question costs."""
        return evaluations(self.job.condition, self.job.guidance_scale)

    @property
    def nfe(self) -> int:
        """Network evaluations spent so far."""
        return self.frames[-1].nfe if self.frames else 0

    @property
    def file(self) -> str:
        return f"{file_name(self.settings)}.png"

    def pasted(self, made: Tensor) -> Tensor:
        """A finished picture (C, S, S), and where it was not to be touched what it was before, to the last bit."""
        return made if self.mask is None else torch.where(self.mask, made, self.start.to(made))

    def record(self) -> RunRecord:
        """The finished picture with its steps, as receipts are written from it."""
        return RunRecord.of(self)

    def png(self) -> bytes:
        """The finished picture, its settings inside."""
        return receipts.png(self.record())

    def report(self) -> dict:
        """What an endpoint says of this picture."""
        made = {"file": self.file, "seed": self.settings["seed"]}
        made |= {"nfe": self.nfe, "sha256": sha256(to_pixels(self.final))}
        return made | ({"strayed": True} if self.strayed else {})


def engine_for(checkpoint: object = None, device: object = None) -> Runner:
    """The engine for a checkpoint that the page may use. Raises UserError for any other name."""
    name = check("checkpoint", checkpoint)
    if not known(name):
        names = ", ".join(list_checkpoints()) or "none"
        raise UserError("There is no model “{name}”; there are {names}.", name=name, names=names)
    return get_engine(name, check("device", device))


def announced(values: Mapping[str, object]) -> tuple[int, bool]:
    """(network evaluations a picture of such settings takes, whether guidance asks twice), before any model is loaded.

    Exact for a model of the schedule's usual T. Raises UserError.
    """
    given = {name: check(name, values.get(name)) for name in ("sampler", "steps", "spacing", "schedule", "T", "start")}
    schedule = SCHEDULES[given["schedule"]].make(T=given["T"], **knobs_of(SCHEDULES, given["schedule"], values))
    levels = spaced(schedule, min(given["steps"], given["T"]), given["spacing"])
    steered = values.get("checkpoint") is not None
    if given["start"] == "picture":
        levels = kept(levels, check("strength", values.get("strength")))
        steered = steered and check("steered", values.get("steered"))
    questions = count_evaluations(given["sampler"], levels, **knobs_of(SAMPLERS, given["sampler"], values))
    if not steered:
        return questions, False
    model = outline(check("checkpoint", values["checkpoint"]))
    words, _unknown = Vocabulary(model.words).parse(check("prompt", values.get("prompt")))
    style = check("style", values.get("style"))
    scale = check("guidance_scale", values.get("guidance_scale"))
    if model.guidance is not None and scale != 0:  # it is inside
        scale = 1.0
    rows = evaluations(Condition(words, style if style in model.styles else None), scale)
    return questions * rows, rows > 1


@dataclass(frozen=True)
class Plan:
    """What page settings ask of a model: all of them checked, and nothing made yet."""

    settings: dict  # as a receipt names them
    condition: Condition
    unknown: tuple[str, ...]  # words of the prompt that the model does not know
    knobs: dict  # of the sampler
    schedule: NoiseSchedule | None  # that the levels are of, where it is not the model's own


def plan_for(model: Model, values: Mapping[str, object], lines: Tensor | None = None) -> Plan:
    """The plan for page settings (names as in `settings.DEFAULTS`, missing ones at their defaults; a missing schedule
    is the model's own, and of a distilled model so are sampler and steps), and for lines, bool (S, S), that the picture
    should have.

    Raises:
        UserError: a setting is out of range, or the model has no such style or takes no lines.
    """
    made_for = {"sampler": DISTILLED_FOR, "steps": model.steps} if model.steps else {}
    asked = {name: made_for.get(name) if values.get(name) is None else values[name] for name in SAMPLING}
    used = {name: check(name, value) for name, value in asked.items()}
    knobs = knobs_of(SAMPLERS, used["sampler"], values)
    style = used["style"]
    if style not in model.styles and style == check("style", None):
        style = ""  # the page's default says nothing about a model that has other styles
    condition, unknown = model.parse(used["prompt"], style or None, None if lines is None else lines.double())
    used["style"] = condition.style or ""
    if not model.conditional:
        used |= {"prompt": "", "guidance_scale": 1.0}
    elif model.guidance is not None and used["guidance_scale"] != 0:
        used["guidance_scale"] = model.guidance
    own = model.schedule
    if values.get("schedule") is None and own.name in SCHEDULES:
        used["schedule"] = own.name
    bends = knobs_of(SCHEDULES, used["schedule"], values)
    used |= knobs | {"checkpoint": model.name}
    schedule = None
    if own.name not in SCHEDULES:
        del used["schedule"]  # a list of betas: there is no other like it, and it is always sampled on its own
    elif used["schedule"] != own.name:
        schedule = SCHEDULES[used["schedule"]].make(T=own.T, **bends)
        used |= bends
    return Plan(used, condition, unknown, knobs, schedule)


def lane_for(
    engine: Runner,
    values: Mapping[str, object],
    label: str | tuple[str, dict] = "",
    note: str = "",
    start: Tensor | None = None,
    noise: Noise | None = None,
    other: Tensor | None = None,
    mask: Tensor | None = None,
    lines: Tensor | None = None,
) -> Lane:
    """One picture from page settings, as `plan_for` reads them.

    start: a picture (1, 3, S, S) in [−1, 1], to be noised to `values["strength"]` first; None for pure noise.
    noise: stands in for the seed's.
    other: a second picture, mixed into `start` by `values["mix"]` of it in the space of the U-Net.
    mask: bool (S, S), True where `start` is to be made anew, from pure noise and around what is left of it.
    lines: bool (S, S), True on the lines that the picture should have; for models that take lines.

    Raises:
        UserError: a setting is out of range, or the model has no such style or takes no lines.
    """
    plan = plan_for(engine.checkpoint, values, lines)
    used = dict(plan.settings)
    x0 = eps = truth = hole = None
    if start is not None:
        x0 = engine.space.encode(start.double())
    if other is not None:
        used["mix"] = check("mix", values.get("mix"))
        x0 = torch.lerp(x0, engine.space.encode(other.double()), used["mix"])
    if mask is not None:
        used |= {name: check(name, values.get(name)) for name in ("resamplings", "jump")}
        hole, x0 = Hole(x0, covered(mask, engine.space.factor), used["resamplings"], used["jump"]), None
    elif start is not None:
        used |= {"start": "picture", "strength": check("strength", values.get("strength"))}
        used["steered"] = bool(used["prompt"] or used["style"])
        eps = noise_of(used["seed"])(x0.shape)[0]
        if other is None and (plan.condition == NOTHING or used["guidance_scale"] == 0):
            truth = engine.space.decode(x0)[0]
    else:
        used["start"] = "noise"
    job = job_for(
        engine,
        used["sampler"],
        used["steps"],
        used["seed"],
        used["spacing"],
        schedule=plan.schedule,
        start=x0,
        strength=used.get("strength", 1.0),
        condition=plan.condition,
        guidance_scale=used["guidance_scale"],
        clip=used["clip"],
        noise=noise,
        hole=hole,
        **plan.knobs,
    )
    return Lane(
        used,
        job,
        label=label,
        note=note,
        unknown=plan.unknown,
        start=None if start is None else start[0],
        eps=eps,
        truth=truth,
        mask=mask,
        lines=lines,
        other=None if other is None else other[0],
    )


def covered(mask: Tensor, factor: int) -> Tensor:
    """A mask of a picture, bool (S, S), in the U-Net's space, (1, 1, S/factor, S/factor): True wherever it touches."""
    return F.max_pool2d(mask[None, None].double(), factor) > 0
