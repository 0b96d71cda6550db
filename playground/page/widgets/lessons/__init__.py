"""The lessons: a button in the page's head, and a panel beside whichever tab is open."""

from __future__ import annotations

import gradio as gr

from playground.errors import UserError
from playground.lessons import lesson, lessons
from playground.page.translations import TRANSLATIONS, say
from playground.page.widgets import widget

LISTED = ("name", "title", "about", "minutes")


def lesson_panel(elem_id: str = "lessons") -> gr.HTML:
    """The component; the page asks for the list of lessons and for each of them in its own language."""
    return widget("lessons", {}, elem_id, server_functions=[_listed, _lesson])


def _listed(language: str) -> list[dict]:
    return [{key: getattr(each, key) for key in LISTED} for each in lessons(_known(language))]


def _lesson(asked: dict, request: gr.Request) -> dict:
    try:
        return lesson(str(asked.get("name")), _known(asked.get("language"))).json()
    except UserError as error:
        return {"message": say(error, request)}


def _known(language: object) -> str:
    """A language that there are translations for, by its tag; English otherwise."""
    return language if language in TRANSLATIONS else "en"
