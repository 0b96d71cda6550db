"""Worksheets: a link that sets the page, hides and locks parts of it, and asks questions.

The address holds ``worksheet=TITLE`` and, for each question, ``ask=`` and ``answer=``. The first line of ``ask`` is the
question, every further line a choice. Of the answer there is a hash alone, so that nobody reads it in passing; it is
no secret for who tries all numbers. ``HASH~0.05`` takes numbers that are so close to it; without a hash the question
is open, and whatever is written is kept.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import parse_qsl

from playground.errors import UserError
from playground.runs.settings import as_text

DIGITS = 12  # of a hash
MOST = 8  # questions
LONGEST = 600  # characters of a question with its choices, of an answer, of a title
TRIES = 2001  # numbers that are as good as the one expected


@dataclass(frozen=True)
class Question:
    """A question of a worksheet; `answer` as the link has it, empty where none is expected."""

    text: str
    choices: tuple[str, ...]
    answer: str

    @property
    def asked(self) -> str:
        """As the link has it."""
        return "\n".join((self.text, *self.choices))

    def json(self) -> dict:
        """As the page takes it."""
        return {"ask": self.text, "choices": list(self.choices), "open": not self.answer}


def questions(pairs: Sequence[tuple[str, str]]) -> list[Question]:
    """Of (asked, answer) as they stand in a link; what cannot be a question is left out."""
    found = []
    for asked, answer in pairs[:MOST]:
        text, *choices = (line.strip() for line in asked[:LONGEST].split("\n"))
        if text:
            found.append(Question(text, tuple(filter(None, choices)), answer[:40]))
    return found


def from_link(query: str) -> tuple[str, list[Question]]:
    """Title and questions of an address's query, such as ``worksheet=Noise&ask=Which t?&answer=…``."""
    pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True)
    listed = {key: [value for name, value in pairs if name == key] for key in ("worksheet", "ask", "answer")}
    answers = listed["answer"] + [""] * len(listed["ask"])
    return (listed["worksheet"] or [""])[0][:LONGEST], questions(list(zip(listed["ask"], answers, strict=False)))


def hidden(asked: str, expected: str, tolerance: str = "") -> str:
    """The answer as a link has it: hashed with its question, and how far off a number may be.

    Raises:
        UserError: a tolerance that is no number, or is too wide for so many digits.
    """
    if not expected.strip():
        return ""
    wide = _number(tolerance) if tolerance.strip() else None
    if tolerance.strip() and (wide is None or wide < 0 or _number(expected) is None):
        raise UserError("A tolerance is a number, and so has to be the answer it belongs to.")
    if not wide:
        return _hash(asked, expected)
    digits = max(0, -min(each.normalize().as_tuple().exponent for each in (wide, _number(expected))))
    if 2 * wide * 10**digits + 1 > TRIES:
        sentence = "The tolerance {wide} is too wide for an answer with so many digits."
        raise UserError(sentence, wide=as_text(float(wide)))
    return f"{_hash(asked, expected)}~{wide:.{digits}f}"


def judged(question: Question, written: str) -> bool | None:
    """Whether what somebody wrote is the answer; None where none is expected."""
    if not question.answer:
        return None
    expected, _, tolerance = question.answer.partition("~")
    number, wide = _number(written), _number(tolerance)
    if wide is None or number is None:
        return _hash(question.asked, written) == expected
    step = Decimal(1).scaleb(wide.as_tuple().exponent)
    low, high = math.ceil((number - wide) / step), math.floor((number + wide) / step)
    tries = range(low, min(high + 1, low + TRIES))
    return any(_hash(question.asked, format(step * k, "f")) == expected for k in tries)


def _number(text: str) -> Decimal | None:
    """A number as people write it: 0.5, 0,5, −3, 1e-3; None for what is none, or is absurdly large or fine."""
    plain = unicodedata.normalize("NFKC", text).strip().replace("−", "-").replace(" ", "")
    plain = plain.replace(",", ".") if plain.count(",") == 1 and "." not in plain else plain.replace(",", "")
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 12 and len(plain) < 20 else None


def _plain(text: str) -> str:
    """What two people mean who write the same: case, width, spaces and a full stop don't matter, nor do zeros."""
    number = _number(text)
    if number is not None:
        return as_text(float(number))
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".。!！")


def _hash(asked: str, answer: str) -> str:
    return hashlib.sha256(f"{asked}\n{_plain(answer)}".encode()).hexdigest()[:DIGITS]
