"""A model's variational bound measured on pictures, as it comes in: numbers for scripts, figures for the page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import torch
from PIL import Image
from torch import Tensor

from playground.engine import Job, Runner
from playground.errors import UserError
from playground.images import to_tensor
from playground.images.bundled import PICTURES, picture
from playground.runs.figures import (
    STYLES,
    Line,
    figure,
    numbers,
)
from playground.runs.wire import figure_view, figures_value
from playground.samplers.noise import noise_of
from playground.schedules import NoiseSchedule
from playground.theory.objective import (
    VARIANCES,
    Bound,
    Misses,
    asking,
    bound,
    discretised_nll,
    drawn,
    interpolated,
    loss_weight,
    mean_misses,
    misses,
    posterior_coefficients,
    prior_kl,
    reverse_variance,
)

RUNS = 6  # questions about one picture of yours go side by side
DRAWS = 64  # of t, in each run
SENT_EVERY = 0.4  # seconds between two messages to the page
ROWS = 7  # levels in the table


@dataclass
class Assay:
    """What is known so far. Before anything is measured it holds the closed forms of the schedule."""

    schedule: NoiseSchedule
    variance: str = VARIANCES[0]
    settings: dict = field(default_factory=dict)
    runs: list[list[Misses]] = field(default_factory=list)  # of one picture each, at the t of `drawn`, t = 1 first
    prior: float | None = None  # L_T, nats per dimension
    decoders: list[list[float]] = field(default_factory=list)  # L_0, nats per dimension, of each run
    asked: int = 0  # evaluations of the network, and how many there will be
    of: int = 0
    seconds: float = 0.0
    device: str = ""

    @property
    def done(self) -> bool:
        return 0 < self.of == self.asked

    def bound(self) -> Bound | None:
        """The bound, once everything is measured."""
        if not self.done:
            return None
        steps = [[each for each in run if each.t > 1] for run in self.runs]
        return bound(self.schedule, steps, self.prior, self.decoders, self.variance)

    def errors(self) -> list[Misses]:
        """What was measured so far, as means over neighbouring t, rising."""
        return mean_misses([each for run in self.runs for each in run])

    # ------------------------------------------------------------------------------------ for scripts

    def report(self) -> dict:
        """Everything as JSON; lists are indexed by t = 0 … T, None where a quantity is not defined."""
        terms, (of_x0, of_x) = self.bound(), posterior_coefficients(self.schedule)
        return self.settings | {
            "unit": "bits per dimension",
            "L_T": terms.prior,
            "L_0": terms.decoder,
            "total": terms.total,
            "standard_error": terms.error,
            "steps": numbers(terms.steps),
            "errors": [asdict(each) for each in self.errors()],
            "lambda": numbers(loss_weight(self.schedule, "beta")),
            "posterior_mean": {"of_x0": numbers(of_x0), "of_x_t": numbers(of_x)},
            "beta": numbers(self.schedule.beta),
            "beta_tilde": numbers(self.schedule.posterior_variance),
            "evaluations": self.asked,
            "seconds": round(self.seconds, 3),
            "device": self.device,
        }

    # ------------------------------------------------------------------------------------ for the page

    def value(self) -> dict:
        """The curves widget's value."""
        terms = self.bound()
        measured = [self._errors(), self._terms(terms), self._share(terms)] if terms else []
        views = [*measured, self._weight(), self._posterior(), self._variances()]
        part = (lambda name: None) if terms is None else (lambda name: getattr(terms, name))
        steps = None if terms is None else terms.steps.sum().item()
        more = {
            "sum": [
                {"symbol": "L<sub>T</sub>", "label": "what x at T still knows", "value": part("prior")},
                {"symbol": "Σ L<sub>t−1</sub>", "label": "every step back", "value": steps, "view": terms and "terms"},
                {"symbol": "L<sub>0</sub>", "label": "the last step, to 256 levels", "value": part("decoder")},
                {"symbol": "L", "label": "bits per dimension", "value": part("total"), "view": terms and "share",
                 "error": part("error")},
            ],
            "open": "terms" if self.done else None,
            "progress": self._progress(),
        }  # fmt: skip
        if self.done:
            more["table"] = self._table()
        return figures_value(views, self.schedule.T, min(400, self.schedule.T), **more)

    def news(self) -> dict:
        """What the widget needs while the numbers come in."""
        return {"view": self._errors(), "progress": self._progress()}

    def _progress(self) -> dict:
        return {"done": self.asked, "of": self.of, "seconds": round(self.seconds, 1), "device": self.device}

    def _view(self, key: str, symbol: str, title: str, lines: list[Line], log: bool = True, **more) -> dict:
        drawing = figure(lines, x_title="t", y_title=symbol, log=log)
        return figure_view(key, symbol, title, drawing, **more)

    def _line(self, name: str, label: str, values: Tensor, style: int, first: int = 1) -> Line:
        ts = range(first, self.schedule.T + 1)
        return Line(name, label, ts, values[first:], STYLES[style])

    def _errors(self) -> dict:
        rows = self.errors()
        lines = [
            Line(name, label, [row.t for row in rows], [getattr(row, name) for row in rows], STYLES[k], measured=True)
            for k, (name, label) in enumerate((("eps", "of ε"), ("x0", "of x₀"), ("v", "of v")))
        ]
        return self._view("error", "error", "Mean squared error of the model's prediction", lines)

    def _terms(self, terms: Bound) -> dict:
        lines = [self._line("steps", "L of t−1", terms.steps, 0, 2)]
        return self._view("terms", "L<sub>t−1</sub>", "What each step back costs, in bits per dimension", lines)

    def _share(self, terms: Bound) -> dict:
        rows = self.errors()
        simple = interpolated(self.schedule, [row.t for row in rows], [row.eps for row in rows])
        simple[0] = 0
        whole = terms.steps.clone()
        whole[1] += terms.decoder  # the step from t = 1
        whole[-1] += terms.prior  # and what is not told from T on
        shares = [part.cumsum(0) / part.sum() for part in (whole, simple)]
        half = [int(torch.searchsorted(share, 0.5)) for share in shares]
        lines = [self._line("bound", "of the bound", shares[0], 0), self._line("simple", "of L simple", shares[1], 1)]
        return self._view(
            "share", "share up to t", "How much of the loss is told up to t", lines, log=False,
            caption="Half of the bound is told up to t = {bound}, half of the simple loss up to t = {simple}.",
            values={"bound": half[0], "simple": half[1]},
        )  # fmt: skip

    def _weight(self) -> dict:
        one = torch.ones(self.schedule.T + 1)
        lines = [
            self._line("beta", "λ, σ² = β", loss_weight(self.schedule, "beta"), 0),
            self._line("beta_tilde", "λ, σ² = β̃", loss_weight(self.schedule, "beta_tilde"), 1, 2),
            self._line("simple", "L simple: 1", one, 2),
        ]
        return self._view("weight", "λ<sub>t</sub>", "The weight of the error at t, which the simple loss drops", lines)

    def _posterior(self) -> dict:
        of_x0, of_x = posterior_coefficients(self.schedule)
        lines = [self._line("of_x0", "of x₀", of_x0, 0), self._line("of_x", "of xₜ", of_x, 1)]
        title = "The two coefficients of the posterior mean"
        return self._view("posterior", "μ̃<sub>t</sub>", title, lines, log=False)

    def _variances(self) -> dict:
        lines = [
            self._line("beta", "β", self.schedule.beta, 0),
            self._line("beta_tilde", "β̃", self.schedule.posterior_variance, 1, 2),
        ]
        return self._view("variance", "β, β̃", "The two variances a step back may have", lines)

    def _table(self) -> dict:
        rows = self.errors()
        chosen = [rows[round(k * (len(rows) - 1) / (ROWS - 1))] for k in range(ROWS)]
        told = [(row.t, row.eps, row.score, row.score / row.eps - 1) for row in chosen]
        return {
            "title": "Noise prediction is score matching: with s = −ε/√(1−ᾱ) the two losses below are one.",
            "head": [
                "t", "mean |ε̂ − ε|<sup>2</sup>",
                "(1−ᾱ) · mean |ŝ − ∇ log q(x<sub>t</sub> | x<sub>0</sub>)|<sup>2</sup>", "ratio − 1",
            ],
            "rows": [[f"{t:.0f}", *(f"{value:.3g}".replace("-", "−") for value in rest)] for t, *rest in told],
        }  # fmt: skip


def assays(engine: Runner, image: Image.Image | None, seed: int, variance: str, who: object = None) -> Iterator[Assay]:
    """Measures the engine's model on `image`, or on the bundled pictures: one Assay, yielded as it fills.

    who: as in `Runner.run`. Raises UserError.
    """
    if variance not in VARIANCES:
        raise UserError("The variance must be one of: {choices}.", choices=", ".join(VARIANCES))
    schedule = engine.schedule
    decoded = reverse_variance(schedule, variance)[1]
    pictures = [image] * RUNS if image is not None else [picture(name, engine.picture_size) for name in PICTURES]
    truths = [engine.space.encode(to_tensor(each, engine.picture_size).double()) for each in pictures]  # (1, C, H, W)
    settings = {
        "checkpoint": engine.checkpoint.name, "seed": seed, "variance": variance, "T": schedule.T,
        "pictures": ["yours"] if image is not None else list(PICTURES),
    }  # fmt: skip
    assay = Assay(schedule, variance, settings, [[] for _ in truths], device=str(engine.device))
    assay.prior = torch.cat([prior_kl(x0, schedule) for x0 in truths]).mean().item()
    assay.decoders = [[] for _ in truths]
    jobs = []
    for k, x0 in enumerate(truths):
        noise = noise_of(seed + k)
        levels = [schedule.level(t) for t in drawn(schedule, DRAWS, noise.generator)]
        jobs.append(Job(asking(x0, levels, noise), clip=False, steps_hint=len(levels)))
        assay.of += len(levels)
    began = sent = time.perf_counter()
    for step in engine.run(jobs, who):
        x0 = truths[step.job][0]
        assay.runs[step.job].append(misses(x0, step.x, step.level, step.prediction))
        if step.level.t == 1:
            assay.decoders[step.job].append(discretised_nll(x0, step.prediction.x0.double(), decoded).mean().item())
        assay.asked += 1
        now = time.perf_counter()
        assay.seconds = now - began
        if now - sent > SENT_EVERY and not assay.done:
            sent = now
            yield assay
    yield assay
