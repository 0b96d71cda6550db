"""What the page says of a model: its card, as somebody wrote it, made fit to stand in a page."""

from __future__ import annotations

import re

from playground.checkpoints import card

LONGEST = 12_000  # characters of a card that are shown


def about(name: str) -> str:
    """The card of a checkpoint as Markdown, without its front matter, its title, pictures and HTML; empty where it has
    none. Headings are two levels lower, for they stand below the page's own.

    A card may come from anybody: nothing in it makes the browser ask another machine.
    """
    text = re.sub(r"\A\s*---\n.*?\n---\n", "", card(name).replace("\r\n", "\n"), flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"!\[[^\]]*\](\([^)]*\)|\[[^\]]*\])?", "", text)  # ![…](…), ![…][…], ![…]
    text = re.sub(r"</?[A-Za-z][^>]*>?", "", re.sub(r"<(https?://[^>\s]+)>", r"\1", text))
    text = re.sub(r"\A\s*# .*\n", "", text)
    text = re.sub(r"^(#+) ", lambda heading: "#" * min(6, len(heading[1]) + 2) + " ", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit("\n", 1)[0] + "\n\n…"
