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
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from urllib.parse import urlencode

from playground.errors import UserError
from playground.knobs import Knob
from playground.runs.rows import LANES, MAX_TEXT, ROWS, SAMPLING_TABS, STRENGTHS, TABS, Setting
from playground.samplers import SAMPLERS
from playground.schedules import SCHEDULES


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
