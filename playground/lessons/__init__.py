"""Lessons: one file each, text with a typed header (`format` says how it is written), in every language of the page."""

from __future__ import annotations

import re
from pathlib import Path

from playground.errors import UserError, decoded
from playground.lessons.format import Lesson, read

FOLDER = Path(__file__).parent


def lessons(language: str = "en", folder: Path = FOLDER) -> list[Lesson]:
    """All lessons in their order, each in `language` where there is a translation and in English otherwise."""
    names = sorted(path.stem for path in folder.glob("*.md") if "." not in path.stem)
    return sorted((lesson(name, language, folder) for name in names), key=lambda each: each.order)


def lesson(name: str, language: str = "en", folder: Path = FOLDER) -> Lesson:
    """One lesson. Raises UserError where there is none, or its file is not as this module says."""
    translated = folder / f"{name}.{language}.md"
    path = translated if translated.is_file() else folder / f"{name}.md"
    if not re.fullmatch(r"[a-z0-9-]+", name) or not path.is_file():
        names = ", ".join(sorted(path.stem for path in folder.glob("*.md") if "." not in path.stem))
        raise UserError("There is no lesson “{name}”; there are {names}.", name=name[:40], names=names)
    return read(decoded(path.read_bytes(), path.name), path.name)
