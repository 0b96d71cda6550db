"""The widgets' scripts as files: `lab/VERSION/NAME/NAME.js`, the translations as `lab/VERSION/words/LOCALE.json`,
the glossary as `lab/VERSION/glossary.json`; what a page starts with, where that is large, as `lab/aside/HASH.json`;
and the page itself, packed.

VERSION is a hash of them all. It stands in the path, so that a module's relative imports keep it and a browser may keep
every file for ever: another version has other addresses.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.lessons.glossary import told
from playground.page.translations import TRANSLATIONS
from playground.page.undocumented import FIRST_TAB, same_for_all

FOLDER = Path(__file__).parent
GLOSSARY = told()
FOR_EVER = "public, max-age=31536000, immutable"
_IMPORT = re.compile(r'^(?:import|export)\b[^;"]*?"(\.[^"]+)";', re.M)


def _version() -> str:
    digest = hashlib.sha256(json.dumps([TRANSLATIONS, GLOSSARY], sort_keys=True).encode())
    for path in sorted(FOLDER.rglob("*.js")):
        digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


VERSION = _version()
_aside: dict[str, bytes] = {}  # what was put aside, by its hash


def put_aside(text: str) -> str:
    """Keeps some JSON to be served; returns its address, relative to the page."""
    data = text.encode()
    name = f"{hashlib.sha256(data).hexdigest()[:24]}.json"
    _aside[name] = data
    return f"lab/aside/{name}"


class _Scripts(StaticFiles):
    """Scripts, words and glossary, and nothing else of this folder. Under another version's address (a page that was
    open while the server began anew) there is what is here, not to be kept."""

    async def get_response(self, path: str, scope) -> Response:
        version, *parts = Path(path).parts or ("",)
        name = "/".join(parts)
        if version == "aside" and name in _aside:
            return Response(_aside[name], media_type="application/json", headers={"Cache-Control": FOR_EVER})
        locale = name.removeprefix("words/").removesuffix(".json")
        if name == f"words/{locale}.json" and locale in TRANSLATIONS:
            response = JSONResponse(TRANSLATIONS[locale])
        elif name == "glossary.json":
            response = JSONResponse(GLOSSARY)
        elif name.endswith(".js"):
            response = await super().get_response(name, scope)
            response.headers["Content-Type"] = "text/javascript; charset=utf-8"  # some machines say text/plain
        else:
            raise HTTPException(404)
        response.headers["Cache-Control"] = FOR_EVER if version == VERSION else "no-cache"
        return response


async def _answer(request: Request) -> Response:
    return await _SCRIPTS.get_response(request.path_params["path"], request.scope)


_SCRIPTS = _Scripts(directory=FOLDER)
# No Mount: that one takes a file's name from the whole address, which is wrong behind a proxy that cuts off the path
# under which the page is known.
ROUTE = Route("/lab/{path:path}", _answer)

# The one global of the page: `lab("lib/clock.js")` is the promise of a module. Gradio's `js=` strings and tests use it.
LOADER = (
    f"window.lab = (path) => import(new URL('lab/{VERSION}/' + path, document.baseURI));"
    f"lab.locales = {json.dumps(sorted(TRANSLATIONS))};"
    "lab('lib/queue.js').then((queue) => (window.fetch = queue.patient(window.fetch.bind(window))));"
    f"{FIRST_TAB}"
)


TOLD = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server")  # by which Gradio says where the page is
KEPT = 16  # pages: one for each address under which this server is known


class _Page:
    """The page itself, packed (a fifth of its size) and kept: Gradio makes it anew for everybody, in 80 ms of the
    processor, and where nobody signs in it is the same for all."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.packed = app, GZipMiddleware(app)
        self.pages: dict[tuple, Response] = {}
        self.making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in ("/", f"{scope.get('root_path', '')}/"):
            return await self.app(scope, receive, send)
        if scope["method"] != "GET" or not same_for_all(scope):
            return await self.packed(scope, receive, send)
        headers = Headers(scope=scope)
        where = scope["scheme"], scope["path"], scope.get("root_path"), *(headers.get(name) for name in TOLD)
        key = *where, "gzip" in headers.get("accept-encoding", "")
        async with self.making:
            page = self.pages.get(key)
            if page is None:
                page = await self._made(scope, receive)
                if page.status_code == 200:
                    self.pages = dict([*self.pages.items(), (key, page)][-KEPT:])
        if headers.get("if-none-match") == page.headers["etag"]:
            page = Response(status_code=304, headers={name: page.headers[name] for name in ("etag", "cache-control")})
        await page(scope, receive, send)

    async def _made(self, scope: Scope, receive: Receive) -> Response:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.packed(scope, receive, keep)
        start, *parts = messages
        body = b"".join(part.get("body", b"") for part in parts)
        page = Response(body, start["status"])
        page.raw_headers = start["headers"]
        page.headers.update({"ETag": f'"{hashlib.sha256(body).hexdigest()[:24]}"', "Cache-Control": "no-cache"})
        return page


PAGE = Middleware(_Page)


def preloads(*names: str) -> str:
    """Links by which the browser fetches these widgets, and what they import, before Gradio builds the page."""
    wanted = [FOLDER / path for path in ("lib/widgets.js", "lib/queue.js", *(f"{name}/{name}.js" for name in names))]
    found = set()
    while wanted:
        path = wanted.pop().resolve()
        if path in found:
            continue
        found.add(path)
        wanted += [path.parent / name for name in _IMPORT.findall(path.read_text(encoding="utf-8"))]
    addresses = sorted(path.relative_to(FOLDER.resolve()).as_posix() for path in found)
    return "".join(f'<link rel="modulepreload" href="lab/{VERSION}/{address}">' for address in addresses)
