"""Distilling a model into few steps without guidance: a student that lands where many guided steps of its teacher do.

The teacher goes from noise to picture with `teacher_steps` guided steps of DDIM, as the page would. The student's steps
are that many times longer: of each it learns the one x̂0 with which DDIM lands where the teacher's short steps had
landed. That is the target of progressive distillation (Salimans & Ho 2022, arXiv:2202.00512, appendix G), here in one
stage; and since the teacher's steps were guided, the answer has the guidance inside (Meng et al. 2023,
arXiv:2210.03142), for half the rows. Of the starts some are the student's own (Ross et al. 2011, arXiv:1011.0686): what
it missed in one step it learns to make good in the next.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from playground.errors import UserError
from playground.models.publishing import writable
from playground.schedules import spaced
from playground.training.captions import Told
from playground.training.recipe import Recipe
from playground.training.session import SAVE, begin, finite, stoppable, stopped
from playground.training.trainer import Trainer

Net = Callable[..., Tensor]


@dataclass
class Distillation:
    """What decides how a distillation goes.

    steps: the student's; teacher_steps: the teacher's, a multiple of them; guidance: the teacher's scale.
    pool: trajectories drawn at a time; kept: pools that are learnt from, the newest; updates: gradient steps on each.
    own: share of the starts where the student has got to by itself; between: share of those between its own levels.
    """

    steps: int = 4
    teacher_steps: int = 20
    guidance: float = 2.0
    pool: int = 2048
    kept: int = 24
    updates: int = 24
    own: float = 0.35
    between: float = 0.2


def secant(x: Tensor, landed: Tensor, here: tuple[Tensor, Tensor], there: tuple[Tensor, Tensor]) -> Tensor:
    """The x̂0 with which DDIM's step from x, at (signal rate, noise rate) `here`, lands on `landed`, at `there`: solved
    from x' = a'·x̂0 + (s'/s)(x − a·x̂0)."""
    (a, s), (a2, s2) = here, there
    ratio = s2 / s
    return (landed - ratio * x) / (a2 - ratio * a)


def ddim_step(x: Tensor, x0: Tensor, here: tuple[Tensor, Tensor], there: tuple[Tensor, Tensor]) -> Tensor:
    """DDIM's step with η = 0 (Song et al. 2021, arXiv:2010.02502, eq. 12), by the rates of either level.
    `samplers.ddim` takes one level for all rows; here each row may stand at another."""
    (a, s), (a2, s2) = here, there
    return a2 * x0 + s2 / s * (x - a * x0)


class Distiller:
    """A student on its way. The trainer's net is the student, and its recipe says how it learns.

    Args:
        trainer: holds the student, begun with the teacher's weights, and what conditions are drawn from.
        teacher: the same net with its own weights.
        forward: of the teacher, without gradients, where it has been compiled.
    """

    def __init__(self, trainer: Trainer, teacher: nn.Module, plan: Distillation, forward: Net | None = None) -> None:
        if plan.teacher_steps % plan.steps:
            raise UserError("The teacher's steps must be a multiple of the student's.")
        self.trainer, self.teacher, self.plan = trainer, teacher, plan
        self.forward = teacher.model if forward is None else forward
        self.stride = plan.teacher_steps // plan.steps
        levels = spaced(trainer.net.schedule, plan.teacher_steps)
        rates = [(level.signal_rate, level.noise_rate) for level in levels]
        self.rates = torch.tensor(rates, dtype=torch.float32, device=trainer.device)  # (N + 1, 2)
        self.t = torch.tensor([float(level.t) for level in levels], device=trainer.device)
        self.pools: list[tuple[Tensor, Tensor, Told]] = []
        self.drawn = 0  # number of the next pool

    def at(self, index: Tensor | int) -> tuple[Tensor, Tensor]:
        """(signal rate, noise rate), each (B, 1, 1, 1), at these of the teacher's levels."""
        index = torch.as_tensor(index, device=self.rates.device).reshape(-1)
        return tuple(part[:, None, None, None] for part in self.rates[index].unbind(dim=1))

    def believed(self, net: nn.Module, forward: Net, x: Tensor, index: int | Tensor, told: tuple) -> Tensor:
        """x̂0 of a net at one of the teacher's levels, for all rows or one each."""
        t = self.t[torch.as_tensor(index, device=self.t.device)].expand(len(x))
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.trainer.autocast):
            out = forward(x, t, *told).float()
        a, s = self.at(index)
        kind = self.trainer.recipe.prediction
        return out if kind == "x0" else a * x - s * out if kind == "v" else (x - s * out) / a

    @torch.no_grad()
    def trajectories(self, told: Told, x: Tensor) -> Tensor:
        """(N + 1, B, C, H, W): x from noise to picture, N guided steps of the teacher, x̂0 clipped as on the page."""
        plan, count = self.plan, len(x)
        nothing = Told(torch.zeros_like(told.words), torch.zeros_like(told.styles),
                       None if told.lines is None else torch.zeros_like(told.lines))  # fmt: skip
        both = told.with_more(nothing)
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.trainer.autocast):
            inputs = self.teacher.embed(both.words, both.styles, both.lines)
        path = [x]
        for k in range(plan.teacher_steps):
            x0 = self.believed(self.teacher, self.forward, torch.cat([x, x]), k, inputs)
            x0 = torch.lerp(x0[count:], x0[:count], plan.guidance).clamp(-1, 1)
            x = ddim_step(x, x0, self.at(k), self.at(k + 1))
            path.append(x)
        return torch.stack(path)

    @torch.no_grad()
    def rollout(
        self, told: Told, x: Tensor, net: nn.Module | None = None, stride: int | None = None, to: int | None = None
    ) -> Tensor:
        """(steps + 1, B, C, H, W): the same for the student, or for a net with its weights; in steps of so many of the
        teacher's, and as far as this one of its levels."""
        net, path = net or self.trainer.net, [x]
        stride, to = stride or self.stride, self.plan.teacher_steps if to is None else to
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.trainer.autocast):
            inputs = net.embed(told.words, told.styles, told.lines)
        for k in range(0, to, stride):
            x0 = self.believed(net, net.model, x, k, inputs).clamp(-1, 1)
            x = ddim_step(x, x0, self.at(k), self.at(k + stride))
            path.append(x)
        return torch.stack(path)

    def draw_pool(self) -> None:
        """New trajectories, and how the student as it is now goes from the same noises."""
        draw = self.trainer.draws(9_000_000 + self.drawn)
        x0, told = self.trainer.pictures(self.plan.pool, draw)
        x = torch.randn(x0.shape, generator=draw, device=x0.device)
        path = self.trajectories(told, x)
        self.trainer.net.eval()
        own = self.rollout(told, x)
        self.trainer.net.train()
        self.pools = [*self.pools, (path.half(), own.half(), told)][-self.plan.kept :]
        self.drawn += 1

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Told]:
        """(x, number of its level, x̂0 to be believed, what is told): a function of seed, step and pools."""
        plan, draw, count = self.plan, self.trainer.draws(11), self.trainer.recipe.batch

        def random(most: int) -> Tensor:
            return torch.randint(most, (count,), generator=draw, device=draw.device)

        def chance(share: float) -> Tensor:
            return torch.rand(count, generator=draw, device=draw.device) < share

        path, own, told = self.pools[int(torch.randint(len(self.pools), (1,), generator=draw, device=draw.device))]
        rows, step = random(path.shape[1]), random(plan.steps)
        index = torch.where(chance(plan.between), random(plan.teacher_steps), step * self.stride)
        to = (index + self.stride).clamp(max=plan.teacher_steps)
        x = path[index, rows].float()
        mine = (chance(plan.own) & (index % self.stride == 0))[:, None, None, None]
        x = torch.where(mine, own[index // self.stride, rows].float(), x)
        target = secant(x, path[to, rows].float(), self.at(index), self.at(to)).clamp(-1, 1)
        return x, index, target, told[rows]

    @property
    def settings(self) -> dict:
        """What decides how it goes; who goes on with it has to give the same."""
        return asdict(self.plan)

    def save(self, state: Path) -> None:
        """All that it takes to go on, pools aside: they hold gigabytes."""
        self.trainer.save(state)

    def resume(self, state: Path) -> None:
        """What there is to go on from besides the trainer's own state."""

    def train_step(self, progress: float) -> Tensor:
        """One gradient step on v, which is the error of x̂0 weighted by SNR + 1; returns the loss."""
        trainer = self.trainer
        x, index, target, told = self.batch()
        with torch.autocast(x.device.type, torch.bfloat16, enabled=trainer.autocast):
            inputs = trainer.net.embed(told.words, told.styles, told.lines)
        believed = self.believed(trainer.net, trainer.forwards[0], x, index, inputs)
        _, noise = self.at(index)
        loss = F.mse_loss(believed / noise, target / noise)
        trainer.net.zero_grad(set_to_none=True)
        loss.backward()
        trainer.apply_gradients(progress, loss.detach())
        return loss.detach()


def recipe_of(config: dict, **more: object) -> Recipe:
    """How a student of a checkpoint with this config is built, and with which share of pictures shown with lines.

    Raises:
        UserError: it is of a kind that can't be distilled.
    """
    unet, split = config["unet"] or {}, config.get("split") or {}
    if unet.get("self_condition"):
        raise UserError("A model that is told its own last estimate can't be distilled.")
    if config.get("guidance") is not None:
        raise UserError("This model has been distilled already: take its teacher.")
    names = {field.name for field in fields(Recipe)} - {"lines"}
    shape = {key: tuple(value) if isinstance(value, list) else value for key, value in unet.items() if key in names}
    shape |= {key: config[key] for key in ("size", "schedule", "T", "prediction", "condition_dim") if key in config}
    shape |= split
    text = "mean" if config.get("text") is None else "transformer"
    return Recipe(**shape, text=text, lines=1 / 3 if unet.get("lines") else 0.0, drop_words=0.0, **more)


def distil(distiller: Distiller, out: Path, runs: Path, images: int, minutes: float) -> None:
    """Learns until so many pictures were seen or minutes are up, whichever comes first, for a student that is to be
    written to `out`. The state is kept in `runs`; who goes on from there draws new pools and does not end with the very
    same weights, for pools are not kept: they hold gigabytes.

    Raises:
        UserError: `runs` holds the state of another distillation, `out` a model and `runs` no state of its own, nothing
            can be written there, or the loss is no longer a number.
    """
    trainer, plan = distiller.trainer, distiller.plan
    about = writable(runs) / "distillation.json"
    own = json.dumps({"teacher": weights_hash(distiller.teacher), **distiller.settings})
    if about.exists() and about.read_text(encoding="utf-8") != own:
        raise UserError("{path} is of a run with other settings; give those, or another --out.", path=about)
    state = begin(trainer, out, runs)
    about.write_text(own, encoding="utf-8")
    distiller.resume(state)
    distiller.drawn = trainer.step // plan.updates
    before, began, saved, progress = trainer.seconds, time.monotonic(), time.monotonic(), 0.0
    bar = tqdm(total=images, initial=trainer.images, unit="img", unit_scale=True, smoothing=0.05)
    with bar, stoppable() as asked:
        while not asked.is_set() and (progress := max(trainer.images / images, trainer.seconds / 60 / minutes)) < 1:
            if not distiller.pools or trainer.step % plan.updates == 0:
                distiller.draw_pool()
            distiller.train_step(progress)
            bar.update(trainer.recipe.batch)
            trainer.seconds = before + time.monotonic() - began
            if trainer.step % plan.updates == 0:  # a GPU has to be waited for
                finite(loss := trainer.loss, trainer.step)
                bar.write(f"{trainer.images:,} images, loss {loss:.5f}")
            if time.monotonic() - saved > SAVE:
                distiller.save(state)
                saved = time.monotonic()
    distiller.save(state)
    if progress < 1:
        stopped(trainer)


def weights_hash(net: nn.Module) -> str:
    """A name for the very weights of a net."""
    found = hashlib.sha256()
    for key, tensor in net.state_dict().items():
        found.update(key.encode() + tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return found.hexdigest()
