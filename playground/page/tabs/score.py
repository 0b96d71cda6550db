"""Score: the 2-D twin of the picture tabs. Points turn to noise and come back along ∇log q_t, on the same clock."""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr
import torch
from PIL import Image, ImageDraw

from playground.errors import UserError
from playground.page.controls import QUIET, control, errors_shown
from playground.page.endpoints import endpoint
from playground.page.parts.choices import schedule_titles
from playground.page.parts.clouds import CLOUDS
from playground.page.parts.knobs import follow_method, knob_controls
from playground.page.parts.sampler import KNOBS, sampler_controls, spacing, tell_cost
from playground.page.translations import _, say
from playground.page.widgets.field import field
from playground.runs.forward import FIRST, chosen_picture, schedule_of
from playground.runs.settings import check, fitted, knobs_of
from playground.runs.wire import field_value
from playground.samplers import SAMPLERS
from playground.samplers.noise import noise_of
from playground.schedules import SCHEDULES, Level, NoiseSchedule
from playground.theory.clouds import (
    EXTENT,
    Cloud,
    Trace,
    cloud,
    trace,
)
from playground.theory.matching import losses

TITLE = _("Points and score")
LEAD = _(
    "The same process with points in place of pictures: arrows say where they are denser. Play it, then try Langevin."
)
TAB = "score"
PICTURE_SIZE = 64
NO_DRAWING = {"points": [], "stamp": 0}
FACTORS = (0.6, 0.8, 1.0, 1.2, 1.4)
MATCHING = (
    "A net should learn the score, but nobody can tell it the true one: that would be the explicit loss. Two others do "
    "without. The implicit one asks how fast the net's own answer changes from place to place. The denoising one asks "
    "for the noise that was added, and that is known. Here the true score is known too, so all three can be measured, "
    "for scores that are a factor off: both others are the explicit one plus a number that is the same in every row. "
    "So all three are least at the same score, the true one (a factor of 1). That is why learning to find the noise is "
    "learning the score."
)
TEAL, ORANGE = (94, 190, 180), (217, 72, 15)


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            view = field(view_of({"schedule": page.start("schedule")}, NO_DRAWING), elem_id="score-field")
            with gr.Accordion(_("Three losses, one best score"), open=False, elem_id="score-matching") as box:
                gr.Markdown(_(MATCHING))
                at = control("matched_t", TAB)
                table = gr.Markdown(elem_id="score-losses")
        with gr.Column(elem_classes="lab-controls"):
            made = {"dataset": control("dataset", TAB, as_=gr.Radio, choices=CLOUDS)}
            chosen, cost = sampler_controls(TAB, guided=False)
            made |= chosen
            made["seed"] = control("seed", TAB)
            with gr.Accordion(_("More"), open=False, elem_id="score-more"):
                made |= {"particles": control("particles", TAB), "spacing": spacing(TAB)}
                made["schedule"] = control("schedule", TAB, choices=schedule_titles())
                bends = knob_controls(TAB, SCHEDULES, page.start("schedule"))
                made |= bends | {name: control(name, TAB) for name in ("zero_terminal_snr", "T")}
            tell_cost(cost, made, "particle")
            made["picture"] = control("picture", TAB, value=FIRST, visible=False)  # the Noise tab's, at the same t
    drawing = gr.State(NO_DRAWING)

    def show(drawn: dict, *values) -> dict:
        return view_of(dict(zip(made, values, strict=True)), drawn)

    def keep(event: gr.EventData, *values) -> tuple[dict, dict]:
        drawn = {"points": event.points, "stamp": check("seed", event.stamp)}
        return drawn, show(drawn, *values)

    changes, inputs = [item.change for item in made.values()], list(made.values())
    gr.on(changes, errors_shown(show), [drawing, *inputs], view, trigger_mode="always_last", **QUIET)
    view.drawn(errors_shown(keep), inputs, [drawing, view], trigger_mode="multiple", **QUIET)
    follow_method(SCHEDULES, made["schedule"], bends)
    told = [made["dataset"], drawing, made["schedule"], made["T"], at]
    heard = [box.expand, at.release, *(made[name].change for name in ("dataset", "schedule", "T"))]
    gr.on(heard, errors_shown(losses_told), told, table, trigger_mode="always_last", **QUIET)
    asked = ("dataset", "drawing", "x", "y", "t", "schedule", "T", "zero_terminal_snr")
    run = ("sampler", "steps", "spacing", "seed", "particles", *KNOBS, "points")
    endpoint(score_endpoint, "score", settings=asked + run)


def losses_told(dataset: str, drawn: Mapping, schedule: str, T: int, t: float) -> str:
    """The three losses of scores that are a factor off, in a table, at t or at the last level; Markdown. Raises
    UserError."""
    points = cloud(check("dataset", dataset), drawn["points"])
    if not len(points.points):
        raise UserError("Please give points to draw, such as [[0, 1], [1, 0]].")
    schedule, _used = schedule_of({"schedule": schedule, "T": T})
    level = schedule.level(min(t, schedule.T))
    made, constants = losses(points.denoise, level, FACTORS)
    measured = say(UserError("Measured at t = {t} of {T}.", t=f"{level.t:.0f}", T=schedule.T))
    heads = [say("the true score times"), say("explicit"), say("implicit"), say("denoising"),
             say("implicit − explicit"), say("denoising − explicit")]  # fmt: skip
    rows = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for factor, seen in zip(FACTORS, made, strict=True):
        gaps = [f"{gap:.3f} ± {error:.3f}" for gap, error in (seen.implicit_above, seen.denoising_above)]
        cells = [f"{factor:g}", *(f"{v:.3f}" for v in (seen.explicit, seen.implicit, seen.denoising)), *gaps]
        rows.append(f"| {' | '.join(cells)} |")
    by_theorem = [say("by the theorems"), "", "", "", f"{constants.implicit:.3f}", f"{constants.denoising:.3f}"]
    return "\n".join([measured, "", *rows, f"| {' | '.join(by_theorem)} |"]).replace("| -", "| −")


def view_of(values: Mapping[str, object], drawn: Mapping) -> dict:
    """The widget's value for settings of the page, missing ones at their defaults. Raises UserError."""
    # as many steps as T has: which of the two was meant is not known, and Steps may be of another tab
    steps = min(check("steps", values.get("steps")), check("T", values.get("T")))
    points, schedule, run, used = computed({**values, "steps": steps}, drawn["points"])
    x0 = chosen_picture(None, values.get("picture"), PICTURE_SIZE)
    step_size = check("step_size", values.get("step_size"))
    return field_value(
        points, schedule, run, seed=used["seed"], step_size=step_size, sampler=SAMPLERS[used["sampler"]].title,
        steps=used["steps"], picture=(x0[0], noise_of(used["seed"])(x0.shape)[0]), stamp=drawn["stamp"],
    )  # fmt: skip


def computed(values: Mapping, drawn: list) -> tuple[Cloud, NoiseSchedule, Trace | None, dict]:
    """The cloud, the schedule, the run (none for a drawing without points) and the settings they were made with."""
    names = ("dataset", "sampler", "steps", "spacing", "seed", "particles")
    used = {name: check(name, values.get(name)) for name in names}
    points = cloud(used["dataset"], drawn)
    schedule, told = schedule_of(values)
    used["steps"] = fitted("steps", used["steps"], schedule.T)
    knobs = knobs_of(SAMPLERS, used["sampler"], values)
    if not len(points.points):
        return points, schedule, None, used | told | knobs
    asked = {name: used[name] for name in names if name != "dataset"}
    return points, schedule, trace(points, schedule, knobs=knobs, **asked), used | told | knobs


def score_endpoint(values: dict, drawing: list = None, x: float = 0.9, y: float = 1.3):
    """Particles from noise to a point cloud by a sampler with the exact score; the score at (x, y) and level t.

    `dataset` is moons, spiral, rings, grid or draw, and then `drawing` the points: pairs of numbers. Returns a
    picture of q_t with the particles as they pass t, and as JSON the settings, log_density, score, eps and x0
    at (x, y), where the particles end, the t of every frame and the evaluations of one particle.
    """
    points, made, run, used = computed(values, drawing or [])
    t = fitted("t", values["t"], made.T)
    if run is None:
        raise UserError("Please give points to draw, such as [[0, 1], [1, 0]].")
    level = made.level(t)
    place = torch.tensor([[x, y]], dtype=torch.float64)
    belief = points.denoise(place, level)
    told = used | {"t": t, "x": x, "y": y, "alpha_bar": level.alpha_bar}
    told |= {name: getattr(belief, name)[0].tolist() for name in ("eps", "x0")}
    told["score"] = belief.score[0].tolist() if level.noise_rate else None
    told["log_density"] = points.denoise.log_density(place, level).item()
    told["ends"] = [[round(v, 5) for v in pair] for pair in run.paths[-1].tolist()]
    told |= {"levels": [at.t for at in run.levels], "evaluations": run.evaluations}
    passing = next(i for i, at in enumerate(run.levels) if at.t <= t)
    name = f"score_{used['dataset']}_t-{t}_seed-{used['seed']}.png"
    return [(name, picture_of(points, level, run.paths[passing]))], told


def picture_of(points: Cloud, level: Level, particles: torch.Tensor, size: int = 384) -> Image.Image:
    """√q_t in teal on white and the particles (N, 2) as dots, over ±EXTENT; size × size pixels."""
    axis = (torch.arange(size, dtype=torch.float64) + 0.5) * (2 * EXTENT / size) - EXTENT
    variance = level.alpha_bar * points.std**2 + level.noise_rate**2
    # a round Gaussian is a product of one along x and one along y: two (K, size) tables in place of (size², K)
    along_x, along_y = (
        (-((side - level.signal_rate * means[:, None]) ** 2) / (2 * variance)).exp()
        for side, means in zip((axis, -axis), points.points.T, strict=True)
    )
    density = along_y.T @ along_x  # rows from the top
    shade = (density / density.max()).sqrt()[..., None]
    picture = Image.fromarray((255 - shade * (255 - torch.tensor(TEAL))).round().to(torch.uint8).numpy())
    draw = ImageDraw.Draw(picture)
    for x, y in ((particles * torch.tensor([1, -1]) + EXTENT) * (size / (2 * EXTENT))).tolist():
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=ORANGE, outline="white")
    return picture
