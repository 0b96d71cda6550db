"""What the page says of a model: its card, as somebody wrote it, made fit to stand in a page, and the card's pictures
as `lab/card/MODEL/FILE`."""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from playground.checkpoints import PICTURES, beside, card, known

LONGEST = 24_000  # characters of a card that are shown
_PICTURE = re.compile(r"!\[([^\]]*)\](\(([^)]*)\)|\[[^\]]*\])?")  # ![…](…), ![…][…], ![…]


def about(name: str) -> str:
    """The card of a checkpoint as Markdown, without its front matter, its title, HTML and links to files; empty where
    it has none. Headings are two levels lower, for they stand below the page's own.

    A card may come from anybody: nothing in it makes the browser ask another machine, so the only pictures are those of
    `PICTURES` that lie beside the weights.
    """

    def picture(found: re.Match) -> str:
        text, file = found[1], found[3]
        if file not in PICTURES or not known(name) or not beside(name, file):
            return ""
        return f"![{text}](lab/card/{quote(name)}/{file})"

    text = re.sub(r"\A\s*---\n.*?\n---\n", "", card(name).replace("\r\n", "\n"), flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = _PICTURE.sub(picture, text)
    text = re.sub(r"(?<!!)\[([^\]]*)\]\((?!https?://)[^)]*\)", r"\1", text)  # to files that the page does not serve
    text = re.sub(r"</?[A-Za-z][^>]*>?", "", re.sub(r"<(https?://[^>\s]+)>", r"\1", text))
    text = re.sub(r"\A\s*# .*\n", "", text)
    text = re.sub(r"^(#+) ", lambda heading: "#" * min(6, len(heading[1]) + 2) + " ", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit("\n", 1)[0] + "\n\n…"


async def _answer(request: Request) -> Response:
    name, _, file = request.path_params["path"].rpartition("/")
    data = await run_in_threadpool(beside, name, file) if file in PICTURES and known(name) else b""
    if not data:
        return PlainTextResponse("There is no such picture.", status_code=404)
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(data, media_type=f"image/{file.rpartition('.')[2]}", headers=headers)


ROUTE = Route("/lab/card/{path:path}", _answer)
