"""The lessons: a button in the page's head, and a panel beside whichever tab is open. The teacher's tools are there."""

from __future__ import annotations

import base64
import io
import secrets
from collections.abc import Mapping
from urllib.parse import quote

import gradio as gr
import segno

from playground import images
from playground.errors import UserError
from playground.lessons import answers, lesson, lessons, worksheet
from playground.page.controls import QUIET, answered, building, errors_shown
from playground.page.translations import TRANSLATIONS, say
from playground.page.widgets import widget
from playground.page.widgets.link import MAX_QUERY
from playground.runs.settings import DEFAULTS

LISTED = ("name", "title", "about", "minutes", "is_path")
FILES = 200  # looked at together
PAPER = 6_000_000  # characters of a handout's picture
DPI = 150.0  # of a handout


def lesson_panel(elem_id: str = "lessons") -> gr.HTML:
    """The component; the page asks for the list of lessons and for each of them in its own language.

    What a learner answers goes to the server as it is given, for the files of the runs, and comes back as a file to
    hand in with the runs of that session.
    """
    page = building()
    asked = [_listed, _lesson, _named, _worksheet, _judged, _made, _looked, _paper]
    panel = widget("lessons", {}, elem_id, ("answered", "hand_in"), asked)
    quiet = QUIET | {"queue": False}

    def keep(event: gr.EventData, request: gr.Request) -> None:
        page.answers.keep(request.session_hash, _given(event))

    def hand_in(event: gr.EventData, request: gr.Request) -> dict:
        records = [record for corner in page.corners for record in corner.of(request.session_hash)]
        return {"file": answers.handed_in(_given(event), records), "nonce": secrets.token_hex(4)}

    panel.answered(errors_shown(keep), None, None, **quiet)
    panel.hand_in(errors_shown(hand_in), None, panel, **quiet)
    return panel


def _listed(language: str) -> list[dict]:
    return [{key: getattr(each, key) for key in LISTED} for each in lessons(_known(language))]


def _lesson(asked: dict, request: gr.Request) -> dict:
    try:
        return lesson(str(asked.get("name")), _known(asked.get("language"))).json()
    except UserError as error:
        return {"message": say(error, request)}


def _named(_nothing: object) -> dict:
    """What the settings are called, in English (the page translates), and of a knob whose it is."""
    return {name: [row.label, row.methods] for name, row in DEFAULTS.items()}


def _worksheet(query: str) -> dict:
    title, questions = worksheet.from_link(str(query)[:MAX_QUERY])
    return {"title": title, "questions": [each.json() for each in questions]}


@answered
def _judged(asked: dict) -> dict:
    """Whether an answer to question `place` of the worksheet in `query` is right."""
    questions = worksheet.from_link(str(asked.get("query"))[:MAX_QUERY])[1]
    place = asked.get("place")
    if type(place) is not int or not 0 <= place < len(questions):
        raise UserError("There is no such question.")
    return {"right": worksheet.judged(questions[place], str(asked.get("given"))[: worksheet.LONGEST])}


@answered
def _made(asked: dict) -> dict:
    """The link of a worksheet and its QR code."""
    told = list(asked.get("rest", []))
    for each in list(asked.get("questions", []))[: worksheet.MOST]:
        text = str(each.get("ask"))[: worksheet.LONGEST]
        expected = worksheet.hidden(text, str(each.get("answer") or ""), str(each.get("tolerance") or ""))
        told += [("ask", text), ("answer", expected)]
    address = str(asked.get("address"))
    glue = "&" if "?" in address else "?"
    link = address + glue + "&".join(f"{name}={quote(str(value), safe=',/:')}" for name, value in told)
    if len(link) > MAX_QUERY:
        raise UserError("This worksheet is too long for a link: shorten its questions.")
    try:
        code = segno.make(link, micro=False)
    except segno.DataOverflowError:
        return {"link": link, "message": say("The link is too long for a QR code; send the link itself.")}
    return {"link": link, "code": code.svg_data_uri(scale=4, border=3, light="white")}


@answered
def _looked(asked: dict) -> dict:
    """What files of answers say: [{name, rows} or {name, error}]."""
    found, language, query = [], _known(asked.get("language")), str(asked.get("query"))[:MAX_QUERY]
    for each in list(asked.get("files", []))[:FILES]:
        name = str(each.get("name"))[:80]
        try:
            found.append({"name": name, "rows": answers.report(each.get("content"), language, query)})
        except UserError as error:
            found.append({"name": name, "error": say(error)})
    return {"files": found}


@answered
def _paper(asked: dict) -> dict:
    """A handout's pages, PNGs in base64, as one PDF."""
    pages = list(asked.get("pages", []))[:20]
    if not pages or sum(map(len, pages)) > PAPER:
        raise UserError("That is too much for one handout.")
    try:
        sheets = [images.open_picture(base64.b64decode(page)) for page in pages]
    except ValueError as error:
        raise UserError("The pages of this handout did not arrive.") from error
    file = io.BytesIO()
    title = str(asked.get("title"))[:200]
    sheets[0].save(file, "PDF", save_all=True, append_images=sheets[1:], resolution=DPI, title=title)
    return {"pdf": images.encoded(file.getvalue())}


def _given(event: gr.EventData) -> list[dict]:
    given = event._data.get("answers") if isinstance(event._data, Mapping) else None
    return [each for each in given if isinstance(each, dict)][: answers.MOST] if isinstance(given, list) else []


def _known(language: object) -> str:
    """A language that there are translations for, by its tag; English otherwise."""
    return language if language in TRANSLATIONS else "en"
