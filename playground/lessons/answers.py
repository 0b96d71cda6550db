"""What a learner answered, as a file to hand in: no account, no list of people; who it is from is the file's name.

The file holds each answer with the settings and the numbers it was given by, and of the last run of each tab the
settings, the seed among them, and a hash of the picture: whoever makes the picture again has the proof. Its seal says
that it is as the page wrote it; that is no signature. `report` looks at such files again: it trusts no verdict in them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl

from playground.errors import UserError
from playground.lessons import lesson, worksheet
from playground.lessons.format import Check, Step
from playground.runs.records import RunRecord
from playground.runs.settings import DEFAULTS, as_text, check, from_query, shorten

FORMAT = "playground answers 1"
MOST = 400  # answers of one learner
LONGEST = 400  # characters of a text in a report
SIGNS = {
    ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, "<": lambda a, b: a < b,
    "==": lambda a, b: _text(a) == _text(b), "!=": lambda a, b: _text(a) != _text(b),
}  # fmt: skip


def handed_in(answers: Sequence[Mapping], records: Iterable[RunRecord] = ()) -> dict:
    """The file of a learner: the answers as the page kept them, and what the last runs were, sealed.

    It can be dropped onto the page like any receipt of a run: the settings are those of the last run or answer.
    """
    runs = [
        {"settings": dict(record.settings), "sha256": record.sha256, "height": len(record.final),
         "width": len(record.final[0])}
        for record in records
    ]  # fmt: skip
    content = {"format": FORMAT, "answers": [dict(each) for each in answers[:MOST]], "pictures": runs}
    if answers and not runs:
        content["settings"] = answers[-1].get("settings")
    return json.loads(json.dumps(content, default=str)) | {"seal": seal(content)}


def seal(content: Mapping) -> str:
    """A hash of everything in a file but its seal."""
    told = json.loads(json.dumps({key: value for key, value in content.items() if key != "seal"}, default=str))
    text = json.dumps(_plain(told), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def report(content: object, language: str = "en", query: str = "") -> list[dict]:
    """What a file says, looked at again: a row for each lesson or worksheet in it.

    Args:
        content: the file's JSON; it may be anybody's.
        language: of the lessons.
        query: of the teacher's own page. Where it has a worksheet, answers are held against that one.

    Each row has `title`, `answers` [{asked, given, right (None where nothing is to be judged), measured}], `fits` (None
    where nothing was prescribed), `amiss` (settings that are others: name, wanted, found), `sealed`, and `runs`: the
    queries of links that make the pictures again.

    Raises:
        UserError: the file has no answers in it.
    """
    answers = content.get("answers") if isinstance(content, dict) else None
    if not isinstance(answers, list) or not answers or not all(isinstance(each, dict) for each in answers):
        raise UserError("There are no answers in that file.")
    groups: dict[tuple[str, str], list[dict]] = {}
    for each in answers[:MOST]:
        groups.setdefault((_text(each.get("lesson")), _text(each.get("query"))), []).append(each)
    rows = []
    for (name, own), group in groups.items():
        row = _of_worksheet(group, own, query) if not name else _of_lesson(group, name, language)
        rows.append(row | {"sealed": content.get("seal") == seal(content), "runs": _runs(content)})
    return rows


def _of_lesson(group: Sequence[Mapping], name: str, language: str) -> dict:
    try:
        steps, title = lesson(name, language).steps, lesson(name, language).title
    except UserError:
        steps, title = (), name[:40]
    told, amiss = [], []
    for each in group:
        place = each.get("step")
        step = steps[place] if type(place) is int and 0 <= place < len(steps) else Step("")
        known = each.get("facts") if isinstance(each.get("facts"), dict) else {}
        told.append(_told(each) | {"asked": step.ask or step.do or step.heading, "right": _right(step, each, known)})
        moved = {check.name for check in step.until} | {
            key for part in step.show for key, _ in parse_qsl(part, keep_blank_values=True)
        }
        amiss += _amiss({key: value for key, value in step.settings.items() if key not in moved}, each)
    return {"title": title, "answers": told, "amiss": _once(amiss), "fits": not amiss if steps else None}


def _of_worksheet(group: Sequence[Mapping], own: str, query: str) -> dict:
    mine = bool(worksheet.from_link(query)[1])
    title, questions = worksheet.from_link(query if mine else own)
    wanted = dict(parse_qsl((query if mine else own).removeprefix("?"), keep_blank_values=True))
    usual = {name: as_text(row.default) for name, row in DEFAULTS.items() if row.default is not None}
    locked = {name: wanted.get(name, usual.get(name)) for name in wanted.get("lock", "").split(",")}
    locked = {name: value for name, value in locked.items() if value is not None}
    told, amiss = [], []
    for each in group:
        question = next((q for q in questions if q.text == _text(each.get("asked"))), None)
        right = worksheet.judged(question, _text(each.get("given"))) if question else None
        told.append(_told(each) | {"asked": _text(each.get("asked")), "right": right})
        amiss += _amiss(locked, each)
    other = mine and own and worksheet.from_link(own)[1] != questions
    return {"title": title or _text(group[0].get("title")), "answers": told, "amiss": _once(amiss),
            "fits": False if other else not amiss if locked else None, "other": bool(other)}  # fmt: skip


def _told(each: Mapping) -> dict:
    facts = each.get("facts") if isinstance(each.get("facts"), dict) else {}
    measured = {_text(name, 40): _text(value, 20) for name, value in list(facts.items())[:12]}
    return {"given": _text(each.get("given")), "measured": measured}


def _right(step: Step, each: Mapping, known: Mapping) -> bool | None:
    """Whether a choice is the right one, by the numbers that were measured; of other steps there is nothing to say."""
    right = next((right for text, right in step.choices if text == _text(each.get("given"))), None)
    if not step.choices or right is None:
        chosen = each.get("choice")  # of another language
        right = step.choices[chosen][1] if type(chosen) is int and 0 <= chosen < len(step.choices) else None
    return right if right is None or isinstance(right, bool) else _holds(right, known)


def _holds(checks: Sequence[Check], known: Mapping) -> bool:
    try:
        return all(SIGNS[each.sign](known[each.name], each.value) for each in checks)
    except (KeyError, TypeError):
        return False


def _amiss(wanted: Mapping[str, str], each: Mapping) -> list[tuple[str, str, str]]:
    """Of settings as a link has them those that an answer was not given by: (name, wanted, found)."""
    values = from_query(wanted)[0]
    given = each.get("settings") if isinstance(each.get("settings"), dict) else {}
    found = []
    for name, value in values.items():
        try:
            other = check(name, given.get(name, DEFAULTS[name].default)) if name != "tab" else value
        except UserError:
            other = shorten(given.get(name))
        if as_text(other) != as_text(value):
            found.append((name, shorten(as_text(value)), shorten(as_text(other))))
    return found


def _runs(content: Mapping) -> list[dict]:
    pictures = content.get("pictures") if isinstance(content.get("pictures"), list) else []
    found = []
    for each in pictures[:16]:
        settings = each.get("settings") if isinstance(each, dict) else None
        if isinstance(settings, dict):
            values = from_query({name: _text(value) for name, value in settings.items() if value is not None})[0]
            found.append({"seed": _text(settings.get("seed"), 12), "sha256": _text(each.get("sha256"), 64),
                          "settings": {name: as_text(value) for name, value in values.items()}})  # fmt: skip
    return found


def _plain(value: object) -> object:
    """JSON with one way to write a number: a browser writes 2.0 as 2."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _once(rows: Iterable[tuple]) -> list[tuple]:
    return list(dict.fromkeys(rows))


def _text(value: object, limit: int = LONGEST) -> str:
    """Anything as one line of text; numbers as a person writes them."""
    if isinstance(value, list | tuple):
        return shorten(",".join(map(_text, value[:16])), limit)
    if isinstance(value, bool | int | float):
        return as_text(value)
    return shorten(value, limit) if isinstance(value, str) else "" if value is None else shorten(str(value), limit)
