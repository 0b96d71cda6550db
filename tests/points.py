"""Writes tests/js/points.fixture.json: ten steps of PyTorch's Adam, for the net that learns in the page to agree with.

Run by hand when that net is meant to change: ``python -m tests.points``. tests/page/test_train.py recomputes it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

from playground.predictions import Prediction, q_sample
from playground.schedules import SCHEDULES
from playground.theory.clouds import cloud

FILE = Path(__file__).parent / "js" / "points.fixture.json"
CASES = (("eps", "mse"), ("x0", "l1"), ("v", "huber"))
LOSSES = {"mse": F.mse_loss, "l1": F.l1_loss, "huber": F.huber_loss}
T, ROWS, STEPS, WIDTH, LAYERS, RATE = 100, 8, 10, 6, 2, 0.01


def features(x: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """What the net sees of points x (B, 2) at u = t/T (B, 1): (B, 23)."""
    columns = [x, u]
    for frequency in (0.5, 1, 2, 4):
        columns += [(2 * math.pi * frequency * u).sin(), (2 * math.pi * frequency * u).cos()]
    for frequency in (0.25, 0.5, 1):
        for axis in (x[:, :1], x[:, 1:]):
            columns += [(2 * math.pi * frequency * axis).sin(), (2 * math.pi * frequency * axis).cos()]
    return torch.cat(columns, dim=1)


def case(kind: str, loss: str) -> dict:
    """Weights before and after ten steps of Adam, the batches and the losses."""
    torch.manual_seed(3)
    schedule, moons = SCHEDULES["cosine"].make(T=T), cloud("moons")
    sizes = [features(torch.zeros(1, 2), torch.zeros(1, 1)).shape[1], *[WIDTH] * LAYERS, 2]
    layers = [torch.nn.Linear(a, b, dtype=torch.float64) for a, b in zip(sizes, sizes[1:], strict=False)]
    net = torch.nn.Sequential(*[m for layer in layers for m in (layer, torch.nn.SiLU())][:-1])
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE)

    def flat() -> list[float]:
        return torch.cat([p.detach().flatten() for p in net.parameters()]).tolist()

    before, batches, losses = flat(), [], []
    for step in range(STEPS):
        x0, eps = moons.sample(ROWS, seed=step)
        t = torch.randint(1, T + 1, (ROWS,))
        batches.append({"x0": x0.flatten().tolist(), "eps": eps.flatten().tolist(), "t": t.tolist()})
        levels = [schedule.level(int(each)) for each in t]
        target = getattr(Prediction(x0, eps, levels), kind)
        value = LOSSES[loss](net(features(q_sample(x0, levels, eps), t[:, None].double() / T)), target)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(value.item())
    return {"prediction": kind, "loss": loss, "before": before, "batches": batches, "losses": losses, "after": flat()}


def fixture() -> dict:
    """All of the file."""
    moons = cloud("moons")
    return {
        "points": moons.points.flatten().tolist(),
        "std": moons.std,
        "alpha_bar": SCHEDULES["cosine"].make(T=T).alpha_bar.tolist(),
        "settings": {"width": WIDTH, "layers": LAYERS, "rate": RATE, "batch": ROWS, "seed": 1},
        "cases": [case(kind, loss) for kind, loss in CASES],
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(fixture()) + "\n", encoding="utf-8")
