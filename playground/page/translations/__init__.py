"""Every visible word of the page, in gettext's style: the English text is the key.

``from playground.page.translations import _`` and ``gr.Button(_("New seed"))``: the browser shows zh-TW.json's entry
where its language asks for it, and the English key itself otherwise. So a further language is one file beside it, which
has its own name under "English"; test_translations.py names what is missing in it.

Rules for a key given to `_`: a literal string (a test collects them all) without braces, for the page finds the
end of a key by its first "}"; dots are fine, whole keys are looked up before paths. Sentences with {placeholders}
(`UserError`) are looked up on the server, by `say`; those of scripts in the page by ``text`` of lib/words.js.
"""

from __future__ import annotations

import json
from pathlib import Path

import gradio as gr

from playground.errors import UserError
from playground.page.undocumented import request_in_hand

TRANSLATIONS: dict[str, dict[str, str]] = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(__file__).parent.glob("*.json"))
}

# Each language's name in itself, by its tag: a translation has its own under "English".
NAMES = {"en": "English"} | {name: words.get("English", name) for name, words in TRANSLATIONS.items()}

_page = gr.I18n(**TRANSLATIONS)


def _(text: str):
    """`text` as something that any component or Markdown shows in the reader's language."""
    if "}" in text or "{" in text:
        raise ValueError(f"A key of the page's words may have no braces: {text!r}")
    return _page(text)


def i18n() -> gr.I18n:
    """For ``launch(i18n=…)``."""
    return _page


def say(message: UserError | str, request: gr.Request | None = None) -> str:
    """A sentence in the language of the request (of the event in hand, if none is given)."""
    words = TRANSLATIONS.get(language(request or request_in_hand()), {})
    if isinstance(message, str):
        return words.get(message, message)
    text = words.get(message.template, message.template)
    params = {name: words.get(value, value) if isinstance(value, str) else value
              for name, value in message.params.items()}  # fmt: skip
    return text.format(**params) if params else text


def language(request: gr.Request | None) -> str:
    """ "en", or the name of the translation that the browser's Accept-Language header puts before English.

    Only whole tags count, for Gradio too shows the page in zh-TW to a reader of zh-TW and not to one of zh-CN.
    """
    header = request.headers.get("accept-language", "") if request is not None else ""
    names = {name.lower(): name for name in TRANSLATIONS}
    for part in header[:200].split(","):
        tag = part.split(";")[0].strip().lower()
        if tag in names or tag.split("-")[0] == "en":
            return names.get(tag, "en")
    return "en"
