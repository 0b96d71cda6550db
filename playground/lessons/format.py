"""How a lesson is written: text with a typed header, whose steps set the page, ask for something and check it.

``NAME.md`` is the English one; ``NAME.zh-TW.md`` beside it has the same steps in another language. A file begins with
a header, ``key: value`` between two lines of ``---`` (HEADER says which keys), and has a step for each ``## heading``:
paragraphs, and lines that begin with one of these words and a colon:

    set      the page's settings, as a link has them: ``tab=noise&picture=cat&t=0``
    do       what to do, in words; `until` says when it is done: ``noise.t >= 900 and picture == cat``
    show     what the button “Show me” does: settings as in `set`, or ``press`` and a button's id, with ``;`` between
    ask      a question, answered before the page shows the answer. Of one kind:
               lines that begin with ``- `` are choices; in square brackets behind each stands when it is right: a
                          condition, as in `until`, or ``right`` and ``wrong`` where it needs no measuring
               ``number`` a number is to be guessed: the fact that answers it, and its unit
               ``draw``   a curve is to be drawn: the fact that holds the true one, and the names of both axes
    lesson   the step is another lesson, by its name; `minutes` says how many this step takes of a path through lessons
    because  what to say once it is done or answered; ``{noise.snr_db:.1f}`` puts a number of the own run there

Names with a dot are facts, what the page has measured or done (FACTS); others are settings. Whoever writes a lesson
needs no code: `read` says, with the file and the line, what is wrong in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from playground.errors import UserError
from playground.runs.settings import DEFAULTS, check

HEADER = {"order": int, "minutes": int, "title": str, "about": str, "sources": str}
_RUN = ("runs", "nfe", "steps", "pictures", "apart", "first_blur", "change", "nfe_1", "nfe_2", "nfe_3", "nfe_4")
# What widgets tell while they are used: the name's beginning → what follows it. A step that waited for anything else
# would wait for ever.
FACTS = {
    "noise": ("t", "alpha_bar", "snr_db", "walked", "looked", "half"),
    "schedules": ("half", "alpha_bar", "shown", "drawn", "t"),
    "denoise": _RUN,
    "generate": _RUN,
    "duel": _RUN,
    "paint": _RUN,
    "train": ("seen", "loss"),
    "score": ("t", "near", "spread", "langevin", "ascent"),
    "objective": ("runs", "bits", "half"),
}
FACT = re.compile(r"[a-z]+\.[a-z_0-9]+(\.[a-z_0-9]+)?")
CHECK = re.compile(r"([a-z_0-9.A-Z]+)\s*(>=|<=|==|!=|>|<)\s*(\S+)")
WORDS = ("set", "do", "until", "show", "ask", "number", "draw", "because", "lesson", "minutes")


@dataclass(frozen=True)
class Check:
    """One comparison of a condition: the name of a fact or a setting, the sign, and the value it is held against."""

    name: str
    sign: str
    value: float | str

    def json(self) -> list:
        return [self.name, self.sign, self.value]


@dataclass
class Step:
    """One step of a lesson."""

    heading: str
    text: list[str] = field(default_factory=list)  # paragraphs
    settings: dict[str, str] = field(default_factory=dict)
    do: str = ""
    until: list[Check] = field(default_factory=list)
    show: list[str] = field(default_factory=list)
    ask: str = ""
    choices: list[tuple[str, list[Check] | bool]] = field(default_factory=list)
    number: tuple[str, str] | None = None  # (fact, unit)
    draw: tuple[str, str, str] | None = None  # (fact, x axis, y axis)
    because: list[str] = field(default_factory=list)
    lesson: str = ""
    minutes: int = 0

    def json(self) -> dict:
        """As the page takes it."""
        return {
            "heading": self.heading, "text": self.text, "settings": self.settings, "do": self.do,
            "until": [each.json() for each in self.until], "show": self.show, "ask": self.ask,
            "choices": [[text, right if isinstance(right, bool) else [each.json() for each in right]]
                        for text, right in self.choices],
            "number": self.number, "draw": self.draw, "because": self.because, "lesson": self.lesson,
            "minutes": self.minutes,
        }  # fmt: skip


@dataclass(frozen=True)
class Lesson:
    """A lesson in one language."""

    name: str
    language: str  # "en" or a tag such as "zh-TW"
    title: str
    about: str
    sources: str
    order: int
    minutes: int
    steps: tuple[Step, ...]

    @property
    def is_path(self) -> bool:
        """Whether it leads through other lessons."""
        return any(step.lesson for step in self.steps)

    def json(self) -> dict:
        """As the page takes it."""
        told = ("name", "title", "about", "sources", "order", "minutes")
        return {key: getattr(self, key) for key in told} | {"steps": [step.json() for step in self.steps]}


def read(text: str, file: str) -> Lesson:
    """A lesson from its text; `file` is its name, NAME.md or NAME.LANGUAGE.md.

    Raises:
        UserError: something in it is not as this module says; the sentence names the file and the line.
    """
    name, _, language = file.removesuffix(".md").partition(".")
    lines = text.split("\n")
    if lines[0].strip() != "---" or "---" not in (line.strip() for line in lines[1:]):
        raise UserError("{file} has to begin with a header between two lines of ---.", file=file)
    end = next(k for k, line in enumerate(lines[1:], start=1) if line.strip() == "---")
    header = dict(_pair(line, file, k + 1) for k, line in enumerate(lines[1:end], start=1) if line.strip())
    if header.keys() != HEADER.keys():
        raise UserError("The header of {file} has to have {keys}, once each.", file=file, keys=", ".join(HEADER))
    try:
        header = {key: kind(header[key]) for key, kind in HEADER.items()}
    except ValueError as error:
        raise UserError("order and minutes in the header of {file} are whole numbers.", file=file) from error
    steps: list[Step] = []
    for number, line in enumerate(lines[end + 1 :], start=end + 2):
        line = line.strip()
        if line.startswith("## "):
            steps.append(Step(line[3:].strip()))
        elif line and not steps:
            raise UserError("Line {n} of {file} stands before the first heading.", n=number, file=file)
        elif line:
            _take(line, steps[-1], file, number)
    for step in steps:
        _complete(step, file)
    if not steps:
        raise UserError("{file} has no step; a step begins with ## and its heading.", file=file)
    return Lesson(name, language or "en", steps=tuple(steps), **header)


def _pair(line: str, file: str, number: int) -> tuple[str, str]:
    key, colon, value = line.partition(":")
    if not colon or not value.strip():
        raise UserError("Line {n} of {file} has to be a word, a colon and what belongs to it.", n=number, file=file)
    return key.strip(), value.strip()


def _take(line: str, step: Step, file: str, number: int) -> None:
    """Puts a line of a step where it belongs."""
    if line.startswith("- ") and step.ask:
        text, _, condition = line[2:].rstrip("]").rpartition("[")
        if not text:
            raise UserError("The choice in line {n} of {file} does not say when it is right.", n=number, file=file)
        known = {"right": True, "wrong": False}
        right = known[condition] if condition in known else _checks(condition, file, number)
        step.choices.append((text.strip(), right))
        return
    word = line.split(":", 1)[0]
    if word not in WORDS:
        step.text.append(line)
        return
    value = _pair(line, file, number)[1]
    if word == "set":
        step.settings = _settings(value, file, number)
    elif word == "until":
        step.until = _checks(value, file, number)
    elif word == "show":
        step.show = [part.strip() for part in value.split(";")]
        for part in step.show:
            if not re.fullmatch(r"press [\w-]+", part):
                _settings(part, file, number)
    elif word == "number":
        fact, _, unit = value.partition(" ")
        step.number = (_known(fact, file, number), unit.strip())
    elif word == "draw":
        fact, x, y = (part.strip() for part in f"{value}||".split("|")[:3])
        step.draw = (_known(fact, file, number), x, y)
    elif word == "because":
        for used in re.findall(r"{([a-z]+\.[a-z_0-9.]+)[^}]*}", value):
            _known(used, file, number)
        step.because.append(value)
    elif word == "minutes":
        if not value.isdecimal():
            raise UserError("The minutes in line {n} of {file} are a whole number.", n=number, file=file)
        step.minutes = int(value)
    else:
        setattr(step, word, value)


def _settings(query: str, file: str, number: int) -> dict[str, str]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    if not given:
        raise UserError("Line {n} of {file} sets nothing; write tab=noise&t=0.", n=number, file=file)
    for name, value in given.items():
        try:
            check(name, value)
        except UserError as error:
            raise UserError("Line {n} of {file}: {reason}", n=number, file=file, reason=str(error)) from error
    return given


def _checks(condition: str, file: str, number: int) -> list[Check]:
    found = []
    for part in condition.split(" and "):
        match = CHECK.fullmatch(part.strip())
        if match is None:
            raise UserError(
                "Line {n} of {file}: “{part}” is no condition; write noise.t >= 900.", n=number, file=file, part=part
            )
        name, sign, value = match.groups()
        try:
            value = float(value)
        except ValueError:
            pass  # a word
        found.append(Check(_known(name, file, number), sign, value))
    return found


def _known(name: str, file: str, number: int) -> str:
    wing, _, rest = name.partition(".")
    if name in DEFAULTS or rest.split(".")[0] in FACTS.get(wing, ()) and FACT.fullmatch(name):
        return name
    raise UserError("Line {n} of {file}: nothing on the page is called “{name}”.", n=number, file=file, name=name)


def _complete(step: Step, file: str) -> None:
    kinds = sum(bool(kind) for kind in (step.choices, step.number, step.draw))
    if bool(step.ask) != bool(kinds) or kinds > 1:
        sentence = (
            "The step “{step}” of {file} needs a question with choices, a number or a curve, and only one of them."
        )
        raise UserError(sentence, step=step.heading, file=file)
    if bool(step.do) != bool(step.until) or step.do and not step.show:
        sentence = "The step “{step}” of {file} says what to do; it needs until and show as well."
        raise UserError(sentence, step=step.heading, file=file)
