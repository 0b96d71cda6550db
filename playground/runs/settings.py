"""One typed table of every setting of the page.

From `DEFAULTS` come the controls and their limits, the validation of the API, the link, the receipts and the
reset button. Settings are page-wide: `seed` in one tab is `seed` in all of them. The table never changes; a page that
starts with other defaults is built from a table of its own (`with_defaults`).

The knobs of schedules and samplers are rows of the same table, made from their registries. Their default is
None, "whatever this method itself uses", because two methods may share a knob's name and not its default. Where
schedules stand side by side each has rows of its own (`cosine_offset`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from urllib.parse import urlencode

from playground.errors import UserError
from playground.knobs import Knob
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
    "no_noise", "one_step", "guidance", "prediction_eps",
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


def _with_lanes(rows: Iterable[Setting]) -> Iterator[Setting]:
    """The rows, and those of what stands side by side in the duel: `sampler_1` is the first lane's."""
    yield from rows
    for k, (sampler, steps) in enumerate(LANES, start=1):
        yield Setting(f"sampler_{k}", "choice", sampler, choices=tuple(SAMPLERS), tabs=("duel",), label="Sampler")
        yield Setting(f"steps_{k}", "int", steps, 1, 250, 1, tabs=("duel",), label="Steps")
        yield Setting(f"eta_{k}", "float", 0.0, 0, 1, 0.1, tabs=("duel",), label="η")
        yield Setting(f"guidance_scale_{k}", "float", 2.0, 0.0, 20.0, 0.1, tabs=("duel",), label="Guidance")
    for k, strength in enumerate(STRENGTHS, start=1):
        yield Setting(f"strength_{k}", "float", strength, 0.0, 1.0, 0.05, tabs=("paint",), label="Strength")


def _with_knobs(rows: Iterable[Setting]) -> dict[str, Setting]:
    """Rows by name, after them one row per knob of the registries; a shared knob spans all its methods' ranges."""
    table = {row.name: row for row in rows}
    for tabs, registry in ((TABS, SCHEDULES), (SAMPLING_TABS, SAMPLERS)):
        for method, entry in registry.items():
            for knob in entry.knobs:
                row = table.get(knob.name) or _row_of(knob, tabs)
                if row.kind in ("int", "float"):
                    row = replace(row, low=min(row.low, knob.low), high=max(row.high, knob.high))
                row = replace(row, choices=tuple(dict.fromkeys(row.choices + tuple(knob.choices or ()))))
                table[knob.name] = replace(row, methods=(*row.methods, method))
    # Side by side, every schedule has its knobs to itself, though another may have one of that name.
    for method, entry in SCHEDULES.items():
        for knob in entry.knobs:
            if not isinstance(knob.default, str):
                name, label = f"{method}_{knob.name}", f"{entry.title}: {knob.label}"
                table[name] = Setting(name, "float", knob.default, knob.low, knob.high, knob.step, (),
                                      ("schedules",), label)  # fmt: skip
    return table


def _row_of(knob: Knob, tabs: tuple[str, ...]) -> Setting:
    kinds = {bool: "bool", int: "int", float: "float", str: "choice" if knob.choices else "text"}
    kind = kinds[type(knob.default)]
    high = MAX_TEXT if kind == "text" else knob.high
    return Setting(knob.name, kind, None, knob.low, high, knob.step, (), tabs, knob.label)


DEFAULTS: Mapping[str, Setting] = MappingProxyType(_with_knobs(_with_lanes(ROWS)))


def with_defaults(**values: object) -> Mapping[str, Setting]:
    """The table with these defaults in place of its own; None keeps a row's. Raises UserError for a bad value."""
    rows = {name: replace(DEFAULTS[name], default=check(name, value)) for name, value in values.items()}
    return MappingProxyType({**DEFAULTS, **rows})


def shorten(value: object, limit: int = 40) -> str:
    """A value as a person may be shown it: one line, no longer than `limit` characters."""
    if isinstance(value, int | float):
        value = "a huge number" if abs(value) > 10**15 and value not in (math.inf, -math.inf) else repr(value)
    text = value if isinstance(value, str) else type(value).__name__
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def check(name: str, value: object) -> object:
    """`value` as the table's kind, or a UserError that says what is wanted. None becomes the default."""
    row = DEFAULTS.get(name)
    if row is None:
        raise UserError("There is no setting called “{name}”.", name=shorten(name))
    if value is None:
        return row.default
    if row.kind in ("int", "float"):
        return _number(row, value)
    if row.kind == "bool":
        return _truth(row, value)
    if row.kind == "names":
        return _names(row, value)
    return _text(row, value)


def fitted(name: str, value: float, most: float) -> float:
    """`value`, or `most` where it is the table's own and beyond that: nobody has asked for it."""
    return min(value, most) if value == DEFAULTS[name].default else value


def _number(row: Setting, value: object) -> float:
    number = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool) or isinstance(value, str) and len(value) < 40:
        try:
            number = float(value)
        except (ValueError, OverflowError):
            pass
    if row.kind == "int":
        if row.low <= number <= row.high and number == int(number):
            return int(number)
        sentence = "{label} must be a whole number between {low} and {high}; you gave {value}."
    else:
        if row.low <= number <= row.high:
            return number
        sentence = "{label} must be a number between {low} and {high}; you gave {value}."
    low, high = as_text(float(row.low)), as_text(float(row.high))
    raise UserError(sentence, label=row.label, low=low, high=high, value=shorten(value))


def _truth(row: Setting, value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str | int) and shorten(value).lower() in ("true", "1", "yes", "on"):
        return True
    if isinstance(value, str | int) and shorten(value).lower() in ("false", "0", "no", "off"):
        return False
    raise UserError("{label} must be true or false; you gave {value}.", label=row.label, value=shorten(value))


def _text(row: Setting, value: object) -> str:
    if not isinstance(value, str):
        raise UserError("{label} must be text; you gave {value}.", label=row.label, value=shorten(value))
    if row.choices:
        if value not in row.choices:
            raise UserError("{label} must be one of {choices}; you gave {value}.", label=row.label,
                            choices=", ".join(row.choices), value=shorten(value))  # fmt: skip
        return value
    if len(value) > row.high:
        raise UserError("{label} may have at most {high} characters; you gave {length}.", label=row.label,
                        high=int(row.high), length=len(value))  # fmt: skip
    if row.kind == "name" and not re.fullmatch(r"[\w .+/:()-]*", value):
        raise UserError("{label} must be a plain name; you gave {value}.", label=row.label, value=shorten(value))
    return "".join(c if c.isprintable() else " " for c in value)


def _names(row: Setting, value: object) -> tuple[str, ...]:
    parts = value.split(",", int(row.high)) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not row.low <= len(parts) <= row.high:
        raise UserError("{label} must be a list of {low} to {high} names.", label=row.label, low=int(row.low),
                        high=int(row.high))  # fmt: skip
    return tuple(dict.fromkeys(_text(row, part.strip() if isinstance(part, str) else part) for part in parts))


def checked(**values: object) -> dict[str, object]:
    """Every given value checked, every missing setting (or None) at its default: the whole table."""
    given = {name: check(name, value) for name, value in values.items()}
    return {name: row.default for name, row in DEFAULTS.items()} | given


def knobs_of(registry: Mapping, method: str, values: Mapping[str, object]) -> dict[str, object]:
    """The keyword arguments for `registry[method]` out of page settings: its own knobs, its own defaults for None.

    ``SAMPLERS[name].function(x, levels, noise, **knobs_of(SAMPLERS, name, values))``. A value outside this
    method's own range is a UserError, though another method of the same knob may allow it.
    """
    given = {knob.name: (knob, check(knob.name, values.get(knob.name))) for knob in registry[method].knobs}
    return {name: knob.default if value is None else knob.checked(value) for name, (knob, value) in given.items()}


def from_query(query: Mapping[str, str]) -> tuple[dict[str, object], list[UserError]]:
    """Settings named in a link, and one sentence for each that had to fall back to its default.

    Names that are no settings (`__theme`, `hide`, `lock`, a mailer's `utm_source`) are passed over.
    """
    values, messages = {}, []
    for name in DEFAULTS:
        if name not in query:
            continue
        try:
            values[name] = check(name, query[name])
        except UserError as error:
            messages.append(error)
    return values, messages


def as_text(value: object) -> str:
    """A setting's value as a link writes it: 0.5, true, linear,cosine."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        written = f"{value + 0.0:.10g}"  # no −0
        if "e" not in written:
            return written
        if 1e-6 <= abs(value) < 1e21:  # as JavaScript has it: powers of ten outside these bounds, and without zeros
            return format(Decimal(written), "f")
        return re.sub(r"e([+-])0", r"e\1", written)
    return ",".join(value) if isinstance(value, tuple | list) else str(value)


def to_query(values: Mapping[str, object], tab: str | None = None) -> str:
    """The readable query string of a link: the tab, the seed, and whatever differs from the defaults."""
    pairs = {"tab": tab or values.get("tab") or DEFAULTS["tab"].default}
    for name, row in DEFAULTS.items():
        value = values.get(name)
        if name != "tab" and value is not None and (name == "seed" or value != row.default):
            pairs[name] = as_text(value)
    return urlencode(pairs, safe=",/:")
