"""An adversarial finish for a student: what it lands on should not be told from real pictures.

A student that was only regressed onto where its teacher lands draws the mean of what it can't tell apart, and a mean is
blurred. So a judge is trained beside it to tell the student's latents from those of real pictures with the same words,
style and lines, and the student to be taken for real (Goodfellow et al. 2014, arXiv:1406.2661). The judge does not see
the latents themselves but what the frozen teacher makes of them on its way down, a little noised: so it is strong from
the first steps, and the two kinds are never wholly apart (Sauer et al. 2024, arXiv:2403.12015). Every step of the
student is judged, where it has got to by itself (Yin et al. 2024, arXiv:2405.14867, §4.5): the last one by its picture,
an earlier one by where it lands on the noise axis, beside real pictures noised to that level (Xiao et al. 2022,
arXiv:2112.07804). The regression onto its teacher's trajectories goes on beside, so that it stays what it was made for.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from playground.checkpoints import Checkpoint
from playground.models.initial import InitialWeights
from playground.training.captions import Told
from playground.training.distilling import Distillation, Distiller, Net, ddim_step
from playground.training.trainer import Trainer


@dataclass
class Finish:
    """What decides how a student is judged.

    weight: the judge's pull on the student over that of the regression; ahead: steps in which the judge alone learns,
    for what does not know yet pulls anywhere; ramp: steps after that over which its pull grows to its weight.
    noises: rollouts a step; each is judged at its end and where one of its steps before landed.
    others: share of the steps at which they are in other strides than the student's own, one of `strides` of the
    teacher's steps each; noised: share of T up to which an end is noised before it is judged, mostly far less.
    lr: the judge's.
    """

    weight: float = 1.0
    ahead: int = 80
    ramp: int = 40
    noises: int = 12
    others: float = 0.2
    strides: tuple[int, ...] = (2, 10, 20)
    noised: float = 0.2
    lr: float = 1e-3


class Enough(Exception):
    """A net has said all that is listened to."""


class Judge(nn.Module):
    """Says at every position of the teacher's maps of features whether they are of a real picture: > 0 for yes.

    A head looks at what each stage of the way down and the middle say. Its score is of that alone and of how well it
    goes with what was asked (Miyato & Koyama 2018, arXiv:1802.05637).
    """

    def __init__(self, teacher: Checkpoint, width: int = 64) -> None:
        super().__init__()
        model = teacher.model
        stages = [stage for stages, _ in model.down for stage in stages]
        # In a tuple they do not become a part of this module, and so are neither trained nor written with it.
        self.places = (*(stage[-1] for stage in stages), model.middle2)
        dims = [block.conv2.out_channels for block in (*(stage[0] for stage in stages), model.middle2)]
        told = 0 if model.embed_condition is None else model.embed_condition.in_features

        def head(dim: int) -> nn.Sequential:
            # Without weights: their gradient crashes where the input needs none (PyTorch 2.13, a processor).
            return nn.Sequential(nn.GroupNorm(8, dim, affine=False), nn.Conv2d(dim, width, 3, padding=1), nn.SiLU())

        self.heads = nn.ModuleList(map(head, dims))
        self.alone = nn.ModuleList(nn.Conv2d(width, 1, 1) for _ in dims)
        self.fitting = nn.ModuleList(nn.Linear(told, width, bias=False) for _ in dims) if told else None

    def seen(self, model: Net, x: Tensor, t: Tensor, inputs: Sequence[Tensor]) -> list[Tensor]:
        """What the teacher's net makes of x (B, C, H, W) at the times t (B,): maps (B, dim, h, w), the finest first.
        It is stopped there: its way up is half of the work."""
        found: list[Tensor] = []

        def listen(_module: nn.Module, _given: tuple, said: Tensor) -> None:
            found.append(said)
            if len(found) == len(self.places):
                raise Enough

        hooks = [place.register_forward_hook(listen) for place in self.places]
        try:
            with contextlib.suppress(Enough):
                model(x.contiguous(memory_format=torch.channels_last), t, *inputs)
        finally:
            for hook in hooks:
                hook.remove()
        return [each.float() for each in found]

    def forward(self, seen: Sequence[Tensor], condition: Tensor | None = None) -> Tensor:
        """seen: those maps; condition: (B, condition_dim), what was asked. Returns (B, N), N the positions of all."""
        scores = []
        for k, maps in enumerate(seen):
            maps = self.heads[k](maps)  # (B, width, h, w)
            score = self.alone[k](maps)[:, 0]
            if self.fitting is not None:
                wanted = self.fitting[k](condition)[:, :, None, None] / maps.shape[1] ** 0.5
                score = score + (maps * wanted).sum(dim=1)
            scores.append(score.flatten(1))
        return torch.cat(scores, dim=1)


class Finisher(Distiller):
    """A student that is judged beside real pictures, while it goes on to be regressed onto its teacher's trajectories.

    Args:
        teacher: whose features the judge looks at; it is frozen.
        finish: how it is judged. For the rest see `Distiller`: a batch of the recipe is the regression's.
    """

    def __init__(
        self, trainer: Trainer, teacher: Checkpoint, plan: Distillation, finish: Finish, forward: Net | None = None
    ) -> None:
        super().__init__(trainer, teacher, plan, forward)
        self.finish = finish
        teacher.requires_grad_(False)
        with InitialWeights(trainer.recipe.seed):
            self.judge = Judge(teacher).to(trainer.device)
        self.optimiser = torch.optim.AdamW(self.judge.parameters(), lr=finish.lr, betas=(0.0, 0.99))

    def starts(self, told: Told, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Where the student has got to by itself from new noises: (x (R, C, H, W), numbers of the teacher's levels at
        which they are (R,), and to which its next step leads (R,)). First what stands before the last step, one for
        each row of `told`; then, where there are several steps, as many from before one of the others."""
        finish, net, last, stride = self.finish, self.trainer.net, self.plan.teacher_steps, self.stride

        def random(most: int, *shape: int) -> Tensor:
            return torch.randint(most, shape, generator=draw, device=draw.device)

        strides = [each for each in finish.strides if last % each == 0]
        if strides and torch.rand((), generator=draw, device=draw.device) < finish.others:
            stride = strides[int(random(len(strides)))]
        x = torch.randn((len(told.words), net.channels, net.size, net.size), generator=draw, device=draw.device)
        net.eval()
        path = self.rollout(told, x, stride=stride, to=last - stride)  # (S, R, C, H, W)
        net.train()
        rows = torch.arange(len(x), device=x.device)
        index = torch.full_like(rows, last - stride)
        if len(path) == 1:
            return path[0], index, index + stride
        step = random(len(path) - 1, len(x))
        index = torch.cat([index, step * stride])
        return torch.cat([path[-1], path[step, rows]]), index, index + stride

    def judged(self, landed: Tensor, to: Tensor, x0: Tensor, told: Told, draw: torch.Generator) -> Tensor:
        """How latents (R, C, H, W) at these levels (R,) would have to change to be taken for real: the gradient of the
        judge's doubt, −log of how likely it finds them. The judge learns from them and the real ones, x0, of which the
        same is told."""
        trainer, alpha_bar = self.trainer, self.trainer.alpha_bar
        end = to == self.plan.teacher_steps
        noised = self.finish.noised * torch.rand(len(to), generator=draw, device=draw.device) ** 2 * trainer.recipe.T
        t = torch.where(end, noised, self.t[to]).long()
        signal, noise = (part[:, None, None, None] for part in (alpha_bar[t].sqrt(), (1 - alpha_bar[t]).sqrt()))
        eps = torch.randn((2, *landed.shape), generator=draw, device=draw.device)
        landed = landed.detach().requires_grad_()
        made = torch.where(end[:, None, None, None], signal * landed + noise * eps[0], landed)
        real = signal * x0 + noise * eps[1]
        self.teacher.train()  # on a processor attention has cheaper gradients so
        with torch.autocast(landed.device.type, torch.bfloat16, enabled=trainer.autocast):
            with torch.no_grad():
                inputs = self.teacher.embed(told.words, told.styles, told.lines)
                of_real = self.judge.seen(self.teacher.model, real, t.float(), inputs)
            of_made = self.judge.seen(self.teacher.model, made, t.float(), inputs)
        self.teacher.eval()
        condition = inputs[0].float() if self.judge.fitting is not None else None
        doubt = F.softplus(-self.judge(of_made, condition)).mean()
        (pull,) = torch.autograd.grad(doubt, landed)
        wrong = F.softplus(-self.judge(of_real, condition)).mean()
        wrong = wrong + F.softplus(self.judge([each.detach() for each in of_made], condition)).mean()
        self.optimiser.zero_grad(set_to_none=True)
        wrong.backward()
        self.optimiser.step()
        return pull

    def train_step(self, progress: float) -> Tensor:
        """One gradient step of the judge and one of the student; returns the regression's loss."""
        trainer, draw = self.trainer, self.trainer.draws(13)
        x0, asked = trainer.pictures(self.finish.noises, draw)
        starts, here, there = self.starts(asked, draw)
        if len(starts) > len(x0):
            x0, asked = torch.cat([x0, x0]), asked.with_more(asked)
        x, index, target, told = self.batch()
        count, every = len(x), told.with_more(asked)
        x, index = torch.cat([x, starts]), torch.cat([index, here])
        ahead = trainer.step < self.finish.ahead
        with torch.set_grad_enabled(not ahead):
            with torch.autocast(x.device.type, torch.bfloat16, enabled=trainer.autocast):
                inputs = trainer.net.embed(every.words, every.styles, every.lines)
            believed = self.believed(trainer.net, trainer.forwards[0], x, index, inputs)
        _, noise = self.at(index[:count])
        loss = F.mse_loss(believed[:count] / noise, target / noise)
        landed = ddim_step(starts, believed[count:].clamp(-1, 1), self.at(here), self.at(there))
        pull = self.judged(landed, there, x0, asked, draw)
        if ahead:
            trainer.count(loss.detach())
            return loss.detach()
        # What a judge's score is worth changes all along, so the two gradients of x̂0 are brought to one size, as Esser
        # et al. 2021 (arXiv:2012.09841, eq. 7) do with those of the last layer.
        (other,) = torch.autograd.grad(loss, believed, retain_graph=True)
        weight = self.finish.weight * min(1.0, (trainer.step - self.finish.ahead + 1) / self.finish.ramp)
        pull = pull * (weight * other.norm() / pull.norm().clamp(min=1e-12))
        trainer.net.zero_grad(set_to_none=True)
        (loss + (landed * pull).sum()).backward()
        trainer.apply_gradients(progress, loss.detach())
        return loss.detach()

    @property
    def settings(self) -> dict:
        """Those of the distillation, and what decides how it is judged."""
        return super().settings | {f"judge_{key}": value for key, value in asdict(self.finish).items()}

    def save(self, state: Path) -> None:
        """The trainer's state, and beside it the judge's."""
        super().save(state)
        tensors = self.judge.state_dict()
        for name, weight in self.judge.named_parameters():
            tensors |= {f"moment.{key}.{name}": value for key, value in self.optimiser.state.get(weight, {}).items()}
        partial = beside(state).with_suffix(".partial")
        save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, partial)
        os.replace(partial, beside(state))

    def resume(self, state: Path) -> None:
        """The judge as it was; a new one where its file is not there."""
        if not beside(state).exists():
            return
        tensors = load_file(beside(state), device=str(self.trainer.device))
        self.judge.load_state_dict({key: value for key, value in tensors.items() if not key.startswith("moment.")})
        weights = dict(self.judge.named_parameters())
        for key, value in tensors.items():
            if key.startswith("moment."):
                _, kind, name = key.split(".", 2)
                self.optimiser.state[weights[name]][kind] = value


def beside(state: Path) -> Path:
    """Where the judge of a training is kept."""
    return state.with_name("judge.safetensors")
