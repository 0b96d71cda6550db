"""The settings of the page, a row each: kind, default, limits, tabs, label. `settings` makes the table of them."""

from __future__ import annotations

from dataclasses import dataclass

from playground.samplers import SAMPLERS
from playground.schedules import MAX_T, SCHEDULES, SPACINGS, drawn

TABS = ("noise", "schedules", "train", "denoise", "generate", "paint", "duel", "score", "objective", "latent", "museum")
PICTURE_TABS = ("noise", "denoise", "generate", "paint", "duel", "latent")
SAMPLING_TABS = ("denoise", "generate", "paint", "duel", "score")


@dataclass(frozen=True)
class Setting:
    """One row: `kind` is "int", "float", "bool", "choice", "name", "text" or "names" (a list of names).

    `low` and `high` bound numbers, and the number of characters of a text. `default` None (knobs only) means
    the method's own default. `methods` lists the schedules or samplers that have the knob.
    """

    name: str
    kind: str
    default: object
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[str, ...] = ()
    tabs: tuple[str, ...] = ()
    label: str = ""
    help: str = ""
    methods: tuple[str, ...] = ()


SPOKEN = ("denoise", "generate", "paint", "duel")
MAX_SEED = 2**31 - 1
MAX_TEXT = 400
SYMPTOMS = ("noise", "black", "darker", "leftover", "dim", "washed_out", "alike", "burnt", "blocks")
MUSEUM = (
    "prediction", "untrained", "cast", "clipping", "timestep", "schedule", "unscaled", "dark", "range", "latents",
    "latent_scale", "no_noise", "one_step", "guidance", "prediction_eps",
)  # fmt: skip

ROWS = (
    Setting("tab", "choice", "noise", choices=TABS, label="Tab"),
    Setting("seed", "int", 7, 0, MAX_SEED, 1, tabs=TABS, label="Seed", help="The same seed gives the same noise."),
    Setting("picture", "name", "", 0, 80, tabs=(*PICTURE_TABS, "schedules"), label="Picture"),
    Setting("schedule", "choice", "cosine", choices=tuple(SCHEDULES), tabs=TABS, label="Schedule"),
    Setting("schedules", "names", ("linear", "cosine"), 1, 8, choices=tuple(SCHEDULES), tabs=("schedules",),
            label="Schedules"),
    Setting("points", "text", drawn.POINTS, 1, MAX_TEXT, tabs=TABS, label="Drawn curve",
            help="Signal left at even steps from 0 to T, from 1 downwards."),
    Setting("T", "int", 1000, 1, MAX_T, 1, tabs=TABS, label="Steps of the schedule, T"),
    Setting("t", "int", 400, 0, MAX_T, 1, tabs=TABS, label="Level t", help="0 is the clean picture, T is noise."),
    Setting("zero_terminal_snr", "bool", False, tabs=("noise", "schedules", "denoise"), label="Zero signal at T"),
    Setting("fresh", "bool", False, tabs=("schedules",), label="Strips at k·T/10, each with a noise of its own",
            help="Otherwise one noise for all: one picture that dissolves."),
    Setting("prompt", "text", "red hair glasses", 0, 200, tabs=SPOKEN, label="Prompt"),
    Setting("style", "name", "", 0, 40, tabs=SPOKEN, label="Style"),
    Setting("count", "int", 4, 1, 16, 1, tabs=("generate",), label="Pictures"),
    Setting("sampler", "choice", "ddpm", choices=tuple(SAMPLERS), tabs=SAMPLING_TABS, label="Sampler"),
    Setting("steps", "int", 20, 1, 1000, 1, tabs=SAMPLING_TABS, label="Steps"),
    Setting("spacing", "choice", "trailing", choices=tuple(SPACINGS), tabs=SAMPLING_TABS,
            label="Spacing of the steps"),
    Setting("guidance_scale", "float", 2.0, 0.0, 20.0, 0.1, tabs=SPOKEN, label="Guidance scale",
            help="1 is the plain conditional model, 0 the unconditional one."),
    Setting("clip", "bool", True, tabs=("denoise", "generate"), label="Clip x̂0",
            help="Keeps what the model believes in within the range of pictures, at every step."),
    Setting("strength", "float", 0.6, 0.0, 1.0, 0.01, tabs=("denoise", "generate", "paint"), label="Strength",
            help="How far towards noise the picture is taken before it is denoised."),
    Setting("start", "choice", "noise", choices=("noise", "picture"), tabs=("denoise",), label="Start from"),
    Setting("steered", "bool", False, tabs=("denoise",), label="Use the prompt"),
    Setting("paint_mode", "choice", "picture", choices=("picture", "fill", "mix", "lines"), tabs=("paint",),
            label="Painting makes"),
    Setting("paint_sampler", "choice", "ddim", choices=tuple(SAMPLERS), tabs=("paint",), label="Sampler"),
    Setting("paint_steps", "int", 8, 1, 50, 1, tabs=("paint",), label="Steps of an answer"),
    Setting("resamplings", "int", 1, 1, 20, 1, tabs=("paint",), label="Resamplings, r",
            help="How often each stretch of the run is gone through. 1 only replaces what is known, at every level."),
    Setting("jump", "int", 5, 1, 50, 1, tabs=("paint",), label="Steps of a stretch, j"),
    Setting("mix", "float", 0.5, 0.0, 1.0, 0.01, tabs=("paint",), label="Share of the other picture, λ"),
    Setting("other_picture", "name", "", 0, 80, tabs=("paint", "latent"), label="The other picture"),
    Setting("other_seed", "int", 8, 0, MAX_SEED, 1, tabs=("generate",), label="Second seed"),
    Setting("dataset", "name", "moons", 0, 40, tabs=("train", "score"), label="Points"),
    Setting("motion", "choice", "reverse", choices=("forward", "reverse", "langevin", "ascent"), tabs=("score",),
            label="Motion",
            help="What moves the particles: the noise, a sampler, Langevin dynamics, or the score alone."),
    Setting("particles", "int", 300, 1, 2000, 1, tabs=("score",), label="Particles"),
    Setting("step_size", "float", 0.1, 0.0001, 2.0, 0.0001, tabs=("score",), label="Step size"),
    Setting("matched_t", "int", 300, 1, MAX_T, 1, tabs=("score",), label="Level t of the losses"),
    Setting("subject", "choice", "points", choices=("points", "digits", "pictures", "history"), tabs=("train",),
            label="What learns"),
    Setting("prediction", "choice", "eps", choices=("eps", "x0", "v"), tabs=("train",), label="The net predicts"),
    Setting("target", "choice", "v", choices=("eps", "x0", "v"), tabs=("train",), label="The net predicts",
            help="v draws best in few steps: ε says little of the picture near T, and x₀ little of the noise near 0."),
    Setting("loss", "choice", "mse", choices=("mse", "l1", "huber"), tabs=("train",), label="Loss"),
    Setting("width", "int", 48, 4, 128, 4, tabs=("train",), label="Width"),
    Setting("layers", "int", 3, 1, 5, 1, tabs=("train",), label="Hidden layers"),
    Setting("learning_rate", "float", 0.004, 0.0001, 0.1, 0.0001, tabs=("train",), label="Learning rate"),
    Setting("batch", "int", 64, 1, 512, 1, tabs=("train",), label="Batch"),
    Setting("seen", "int", 20_000, 2000, 150_000, 2000, tabs=("train",), label="Pictures to see"),
    Setting("self_conditioning", "bool", False, tabs=("train",), label="Self-conditioning"),
    Setting("dropped", "float", 0.1, 0.0, 0.5, 0.05, tabs=("train",), label="Share of dropped conditions",
            help="So many pictures come without their digit: guidance needs them."),
    Setting("called", "text", "", 0, 40, tabs=("train",), label="A word for them, if you like",
            help="It is then what the prompt asks them by."),
    Setting("origin", "name", "", 0, 120, tabs=("train",), label="Going on from",
            help="A model keeps its schedule, its size and what it predicts."),
    Setting("minutes", "float", 2.0, 0.1, 10.0, 0.1, tabs=("train",), label="Minutes"),
    Setting("moment", "int", 99, 0, 99, tabs=("train",), label="Moment of the training"),
    Setting("slips", "names", (), 0, 7,
            choices=("clean_input", "noisy_target", "attention", "t", "range", "ema", "variance"), tabs=("train",),
            label="Slips on purpose"),
    Setting("checkpoint", "name", "avatars-64", 1, 120, tabs=("noise", "train", *SPOKEN, "objective", "latent"),
            label="Model"),
    Setting("device", "choice", "auto", choices=("auto", "cpu", "cuda", "mps"), tabs=("denoise",), label="Device"),
    Setting("view", "name", "", 0, 20, tabs=TABS, label="View"),
    Setting("resolution", "choice", "256", choices=("64", "128", "256", "512"), tabs=("noise",), label="Resolution"),
    Setting("museum", "choice", "prediction", choices=MUSEUM, tabs=("museum",), label="What is wrong"),
    Setting("symptom", "choice", "any", choices=("any", *SYMPTOMS), tabs=("museum",), label="What one sees"),
    Setting("lane_count", "int", 2, 2, 4, 1, tabs=("duel",), label="Lanes"),
)  # fmt: skip
LANES = (("ddim", 10), ("dpmpp_2m", 10), ("unipc", 10), ("ddpm", 10))  # a duel is fair: as many steps in every lane
STRENGTHS = (0.3, 0.5, 0.7, 0.9)
