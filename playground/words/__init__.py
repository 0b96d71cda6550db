"""Every visible word of the page, in gettext's style: the English text is the key.

``from playground.words import _`` and ``gr.Button(_("New seed"))``: the browser shows zh-TW.json's entry where its
language asks for it and the English key itself otherwise, so a further language is one file beside it.

Rules for a key given to `_`: a literal string (a test collects them all), and no braces, for the page finds the end of
a key by its first "}". Sentences with {placeholders} (`UserError`) are looked up here, on the server, by `say`.
"""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr
from gradio.i18n import I18nData

from playground.errors import UserError

TRANSLATIONS: dict[str, dict[str, str]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(__file__).parent.glob("*.json"))
}


def _(text: str) -> I18nData:
    """`text` as something any Gradio component or Markdown shows in the reader's language."""
    if "}" in text or "{" in text:
        raise ValueError(f"A key of the page's words may have no braces: {text!r}")
    return I18nData(text)


def i18n() -> gr.I18n:
    """For ``launch(i18n=…)``."""
    return gr.I18n(**TRANSLATIONS)


def say(message: UserError | str, request: gr.Request | None = None) -> str:
    """A sentence in the first language of the request's Accept-Language header that there is a file for."""
    template, params = (message.template, message.params) if isinstance(message, UserError) else (message, {})
    words = TRANSLATIONS.get(language(request), {})
    text = words.get(template, template)
    return text.format(**{k: words.get(v, v) if isinstance(v, str) else v for k, v in params.items()}) if params else text


def language(request: gr.Request | None) -> str:
    """"en", or the name of a translation the browser asked for before English."""
    header = request.headers.get("accept-language", "") if request is not None else ""
    for part in header[:200].split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("en"):
            break
        for name in TRANSLATIONS:
            if tag == name.lower() or tag.split("-")[0] == name.lower().split("-")[0]:
                return name
    return "en"
