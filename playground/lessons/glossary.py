"""The glossary: every symbol, control and number of the page in plain words, from glossary.json beside this file.

An entry has a `name`, `plain` words, and `code` ("module:name", where it is in this project); where there are such, its
`symbol`, its `formula` (``_`` and ``^`` before what is lowered or raised, in braces if it is more than one letter), the
`source` with the equation, the `settings` it explains, and the `effect` of changing them, a clause. Its words are
English, and keys of the page's translations.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from playground.runs.settings import DEFAULTS
from playground.schedules import SCHEDULES

GLOSSARY: dict[str, dict] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
_OF = {setting: key for key, entry in GLOSSARY.items() for setting in entry.get("settings", ())}


def explaining(setting: str) -> str | None:
    """The key of a setting's entry; a lane's own (``eta_2``) and a schedule's own (``cosine_offset``) have theirs."""
    names = [setting, re.sub(r"_\d$", "", setting)]
    names += [setting.removeprefix(f"{kind}_") for kind in SCHEDULES if setting.startswith(f"{kind}_")]
    return next((_OF[name] for name in names if name in _OF), None)


def told() -> dict:
    """What the page is sent: the entries, and which of them explains which setting."""
    settings = {name: explaining(name) for name in DEFAULTS}
    return {"terms": GLOSSARY, "settings": {name: key for name, key in settings.items() if key}}
