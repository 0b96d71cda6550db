"""The language that the address asks for (``lang=``) or that was chosen in this browser, in place of the browser's own.

Gradio takes `navigator.language` as soon as its scripts run, which is before it puts anything of ours into the page. So
a script comes with the page itself, ahead of Gradio's. What the page asks of the server says the language as a browser
would, in Accept-Language, where `translations.language` reads it.
"""

from __future__ import annotations

import json

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from playground.page.translations import NAMES

_SCRIPT = """<script>{
  let kept = null;
  try { kept = localStorage.getItem('lab-language'); } catch { /* nothing is kept here */ }
  const asked = [new URLSearchParams(location.search).get('lang'), kept];
  const language = asked.find((tag) => %s.includes(tag));
  if (language) {
    document.documentElement.lang = language;
    Object.defineProperty(navigator, 'language', {get: () => language, configurable: true});
    const fetch = window.fetch.bind(window);
    window.fetch = (what, how = {}) => {
      const headers = new Headers(how.headers || (what instanceof Request ? what.headers : undefined));
      headers.set('Accept-Language', language);
      return fetch(what, {...how, headers});
    };
  }
}</script>"""
HEAD = b"<head>"
SCRIPT = (_SCRIPT % json.dumps(list(NAMES))).encode()


class _First:
    """Puts the script at the beginning of the page's head."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].endswith("/"):
            return await self.app(scope, receive, send)
        start: Message | None = None  # kept back until the length is known

        async def passed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                body = message.get("body", b"")
                found = HEAD in body and any(b"text/html" in value for _name, value in start["headers"])
                if found:
                    message = message | {"body": body.replace(HEAD, HEAD + SCRIPT, 1)}
                    longer = {b"content-length": len(SCRIPT)}
                    start["headers"] = [
                        (name, str(int(value) + longer[name.lower()]).encode() if name.lower() in longer else value)
                        for name, value in start["headers"]
                    ]
                await send(start)
                start = None
            await send(message)

        await self.app(scope, receive, passed)


MIDDLEWARE = Middleware(_First)
