"""Browser widgets: canvases and charts that answer within a frame, as `gr.HTML` components.

A widget `NAME` is a folder beside this file: NAME.py (a function that makes the component by `widget`), NAME.html (its
markup, constant), NAME.css (scoped to the component by Gradio) and NAME.js, an ES module that exports ``mount(ui)``. It
is called for each instance that appears; `ui` is what Gradio gives a component: `element, trigger, props, server,
upload, watch`, and `early`, the values that came before the script was there (lib/widgets.js has the type). Modules
import what they share from lib/ (bytes, colour, canvas, chart, input, clock, words …) and the mathematics from maths/,
by relative paths: ``import { text } from "../lib/words.js"``. `served` serves them; node tests import the same files.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import gradio as gr

from playground.images import encoded
from playground.images.bundled import PICTURES, picture
from playground.page.undocumented import shipped
from playground.page.widgets.served import FOLDER, LOADER, preloads, put_aside

LARGE = 32_000  # characters of JSON that do not come with the page: a browser fetches them when their tab is opened

_START = (  # values that come while the script is loading are kept for it
    "let early = []; watch('value', () => early && early.push(props.value)); "
    "lab('lib/widgets.js').then((widgets) => { widgets.mount("
    "%s, {element, trigger, props, server, upload, watch, early}, lab.locales); early = null; }); // %s"
)


def _read(filename: str) -> str:
    path = FOLDER / filename
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _checked_template(filename: str) -> str:
    """A constant template: Gradio evaluates ``${…}`` and ``{{…}}``, which resets our canvases."""
    text = _read(filename)
    if "${" in text or "{{" in text or "`" in text or "\\" in text:
        raise ValueError(f"{filename} must be constant: no ${{…}}, no {{{{…}}}}, no backtick, no backslash.")
    return text


def widget(
    name: str,
    value: Any = None,
    elem_id: str | None = None,
    events: Iterable[str] = (),
    server_functions: list[Callable] | None = None,
    **props: Any,
) -> gr.HTML:
    """The widget `name` as a component.

    value   any JSON; the script hears a new one by ``ui.watch("value", …)`` (the same value
            twice is not heard: add a nonce). A large one does not come with the page: it is fetched
            before `mount`, when the tab is opened.
    events  names the script may `trigger`; each becomes a listener in Python (``component.name(fn)``).
    props   further values for the script (``ui.props.foo``), or arguments of `gr.HTML` (`elem_classes`, …).

    As an event's output use ``show_progress="hidden"``: Gradio otherwise dims the component while it waits.
    """
    html = _checked_template(f"{name}/{name}.html")
    if not html:
        raise FileNotFoundError(f"No widget {name!r}: {FOLDER / name / name}.html is missing.")
    known = " ".join(json.dumps(event) for event in events)  # Gradio looks for the quoted names in the script
    value, *others = (_aside(each) for each in (value, *props.values()))
    props = dict(zip(props, others, strict=True))
    return gr.HTML(
        value,
        html_template=html,
        css_template=_checked_template(f"{name}/{name}.css"),
        js_on_load=_START % (json.dumps(name), known),
        apply_default_css=False,
        elem_id=elem_id,
        server_functions=server_functions,
        **props,
    )


def _aside(value: Any) -> Any:
    """The value itself or, where it is large, the address from which lib/widgets.js fetches it, once."""
    if not isinstance(value, dict) or len(text := json.dumps(value)) < LARGE:
        return value
    return {"put_aside": put_aside(text)}


def _math_fonts() -> str:
    """@font-face rules for two KaTeX fonts that Gradio serves anyway: formulas look like TeX, offline.

    Without them (another Gradio, other file names) the stack falls back to the reader's serif.
    """
    rules = []
    for family, style, stem in (
        ("Lab Math", "italic", "KaTeX_Math-Italic"),
        ("Lab Math", "normal", "KaTeX_Main-Regular"),
    ):
        if address := shipped(f"{stem}-*.woff2"):
            rules.append(
                f"@font-face{{font-family:'{family}';font-style:{style};font-display:swap;"
                f"src:url('{address}') format('woff2')}}"
            )
    return "".join(rules)


def _picture_faces() -> str:
    """The faces of a radio group of class "lab-pictures": the bundled pictures, as small as they are shown."""
    rules = []
    for place, name in enumerate(PICTURES, start=1):
        file = io.BytesIO()
        picture(name, 96).save(file, "WEBP", quality=80)
        data = encoded(file.getvalue())
        rules.append(f".lab-pictures label:nth-of-type({place}){{--face:url(data:image/webp;base64,{data})}}")
    return "".join(rules)


def head(*first: str) -> str:
    """What the page's head needs for the widgets to run; `first` are those that the page begins with."""
    styles = f"<style>{_math_fonts()}{_picture_faces()}{_read('lib.css')}</style>"
    return f"{styles}\n<script>{LOADER}</script>\n{preloads('link', *first)}"
