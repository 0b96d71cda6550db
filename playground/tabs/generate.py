"""Generate: a prompt, a style, a seed; pictures side by side, each with its seed, each a run to scrub."""

from __future__ import annotations

import math
from collections.abc import Mapping

import gradio as gr
import torch

from playground.api import endpoint
from playground.controls import control
from playground.jobs import noise_of
from playground.runs import Lane, Live, engine_for, lane_for
from playground.samplers import Noise
from playground.settings import check
from playground.tabs.looks import first_look
from playground.tabs.sampling import (
    QUIET,
    follow_model,
    more_controls,
    prompt_controls,
    run_row,
    sampler_controls,
    starting_model,
    stop_on,
    stream,
    with_knobs,
)
from playground.widgets.player import player
from playground.widgets.receipt import ReceiptCorner
from playground.words import _

TITLE = _("Generate")
ID = "generate-player"
BETWEEN = 5  # pictures from one seed to the other, both included
MAX_SEED = 2**31 - 1
DICE = "() => Math.floor(Math.random() * 10000)"  # as many as a person can tell another


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            view = player(ID)
        with gr.Column(elem_classes="lab-controls"):
            inputs, hints = prompt_controls("generate")
            with gr.Row(elem_classes="lab-seed"):
                inputs["seed"] = control("seed", "generate", info=None, scale=2, min_width=100)
                dice = gr.Button(_("New seed"), scale=1, min_width=80, elem_id="generate-dice")
            inputs["count"] = control("count", "generate")
            go, stop = run_row(_("Generate"))
            inputs |= sampler_controls("generate")
            pair = gr.Button(
                _("With and without guidance"), elem_id="generate-pair", visible=starting_model().conditional
            )
            with gr.Accordion(_("Between two seeds"), open=False):
                inputs["other_seed"] = control("other_seed", "generate")
                between = gr.Button(_("From one to the other"), elem_id="generate-between")
            inputs |= more_controls("generate")
            follow_model("generate", inputs, hints, [pair])
            corner = ReceiptCorner("generate")
    runs = [
        stream([go.click, inputs["prompt"].submit], pictures, inputs, view, corner),
        stream([pair.click], guidance_pair, inputs, view, corner),
        stream([between.click], lambda values, who: interpolation(values, who=who), inputs, view, corner),
    ]
    stop_on(stop, runs, ID)
    dice.click(None, None, inputs["seed"], js=DICE, **QUIET)
    first_look(view, pictures, inputs)
    endpoint(with_knobs(generate), "generate")
    endpoint(with_knobs(interpolate), "interpolate")


def pictures(values: Mapping[str, object], who: object = None) -> Live:
    """`count` pictures; picture k has seed + k. Raises UserError."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    seed, count = check("seed", values.get("seed")), check("count", values.get("count"))
    seeds = [(seed + k) % (MAX_SEED + 1) for k in range(count)]
    return Live(engine, [lane_for(engine, {**values, "seed": s}, seed_label(s)) for s in seeds], who=who)


def seed_label(seed: int) -> tuple[str, dict]:
    return "seed", {"seed": seed}


def guidance_pair(values: Mapping[str, object], who: object = None) -> Live:
    """The same seed without guidance and with it. Where guidance is off (1 or less) it is shown against the default."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    scale = check("guidance_scale", values.get("guidance_scale"))
    scale = scale if scale > 1 else check("guidance_scale", None)
    lanes = [
        lane_for(engine, {**values, "guidance_scale": 1.0}, ("unguided", {}), "w = 1"),
        lane_for(engine, {**values, "guidance_scale": scale}, ("guided", {}), f"w = {scale:g}"),
    ]
    return Live(engine, lanes, curve="apart", who=who)


def interpolation(values: Mapping[str, object], count: int = BETWEEN, who: object = None) -> Live:
    """`count` pictures from the noise of `seed` to that of `other_seed`, along the sphere both lie on."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    seed, other = check("seed", values.get("seed")), check("other_seed", values.get("other_seed"))
    lanes: list[Lane] = []
    for k in range(count):
        share = k / max(1, count - 1)
        label = seed_label(seed) if k == 0 else seed_label(other) if share == 1 else f"{share:.0%}"
        lane = lane_for(engine, {**values, "seed": seed}, label, noise=noise_between(seed, other, share))
        lane.settings |= {"other_seed": other, "share": round(share, 4)}
        lanes.append(lane)
    return Live(engine, lanes, who=who)


def noise_between(seed: int, other: int, share: float) -> Noise:
    """noise(shape) whose every draw is the spherical interpolation of both seeds' draws, the ends being theirs."""
    one, two = noise_of(seed), noise_of(other)
    return lambda shape: slerp(one(shape), two(shape), share)


def slerp(a: torch.Tensor, b: torch.Tensor, share: float) -> torch.Tensor:
    """Spherical interpolation (Shoemake 1985): sin((1−s)θ)/sin θ · a + sin(sθ)/sin θ · b, θ the angle between both.

    The straight line would pass nearer to 0 than noise ever is, and give grey pictures.
    """
    cosine = (a * b).sum() / (a.norm() * b.norm())
    angle = math.acos(float(cosine.clamp(-1, 1)))
    if angle < 1e-6:
        return a + share * (b - a)
    return (math.sin((1 - share) * angle) * a + math.sin(share * angle) * b) / math.sin(angle)


def answer(run: Live) -> tuple[list, dict]:
    """A run as an endpoint returns it: PNG files, and the settings used with NFE, seeds and hashes."""
    run.finish()
    files = [(f"{k + 1:02d}_{lane.file}", lane.png()) for k, lane in enumerate(run.lanes)]
    return files, run.lanes[0].settings | run.report()


def generate(
    prompt: str | None = None,
    style: str | None = None,
    seed: int | None = None,
    count: int | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    guidance_scale: float | None = None,
    eta: float | None = None,
    spacing: str | None = None,
    schedule: str | None = None,
    checkpoint: str | None = None,
    device: str | None = None,
    **knobs,
):
    """Makes `count` pictures; picture k has the seed `seed` + k.

    Returns the PNG files, and the settings used with `nfe` (network evaluations), and `pictures`: file, seed, nfe and
    sha256 of the 8-bit RGB pixels of each.
    """
    values = {k: v for k, v in locals().items() if k != "knobs"} | knobs
    return answer(pictures(values))


def interpolate(
    prompt: str | None = None,
    style: str | None = None,
    seed: int | None = None,
    other_seed: int | None = None,
    count: int = BETWEEN,
    sampler: str | None = None,
    steps: int | None = None,
    guidance_scale: float | None = None,
    eta: float | None = None,
    spacing: str | None = None,
    schedule: str | None = None,
    checkpoint: str | None = None,
    device: str | None = None,
    **knobs,
):
    """Makes `count` pictures whose starting noise goes from that of `seed` to that of `other_seed` along the sphere.

    Returns the PNG files in order, and the settings used; the first and the last are those that /generate makes.
    """
    values = {k: v for k, v in locals().items() if k not in ("knobs", "count")} | knobs
    return answer(interpolation(values, count))
