"""A run's own line to the page that watches it.

Gradio takes some 5 ms of its event loop for every message of an event: with thirty people watching, more than the
network leaves. So an event only opens a channel and says where it is; the page fetches it, and the steps come down
that one answer as lines of JSON. Whoever does not fetch it (another client, a proxy in the way) gets everything as
the event's own messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import threading
from collections.abc import AsyncIterator, Generator
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

AHEAD = 8  # messages a page may lag behind before its run waits for it
PATIENCE = 5.0  # seconds that a page has to fetch its line; else the messages come as Gradio's own

_open: WeakValueDictionary[str, Channel] = WeakValueDictionary()  # by token, as long as the run holds them


class Channel:
    """From the thread of a run to the one page that knows the token."""

    def __init__(self) -> None:
        self.token = secrets.token_urlsafe(18)
        self.followed = False
        self._over = False
        self._taken = threading.Event()
        self._patience = PATIENCE
        self._room = threading.Semaphore(AHEAD)
        _open[self.token] = self

    def send(self, message: dict) -> bool:
        """Sends it down the line; False where nobody is there to take it. Waits for a page that lags behind."""
        if not self.followed:
            return False
        self._room.acquire()
        if not self.followed:  # left while we waited
            return False
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)
        return True

    def taken(self) -> bool:
        """Whether a page has come for the line, or comes within `PATIENCE`; the first call waits for it, no later one.

        Until then it can't be told anything else: of an event's messages that reach a busy page together, Gradio shows
        it the last one alone, and without the first one the others are nothing to it.
        """
        patience, self._patience = self._patience, 0.0
        return self._taken.wait(patience)

    def carry(self, messages: Generator[dict]) -> None:
        """Sends all of them, in a thread of its own, and ends them where the page has gone.

        The event that opened the channel is over meanwhile. A browser has six connections to one server, for all its
        pages: with one for the event too, two pages that watch something for minutes leave none for anything else.
        """

        def work() -> None:
            with contextlib.closing(messages):
                all(self.send(message) for message in messages)
            self.close()

        threading.Thread(target=work, name="channel", daemon=True).start()

    def close(self) -> None:
        """Nothing more will come."""
        self._over = True
        if self.followed:
            self._loop.call_soon_threadsafe(self._lines.put_nowait, None)

    async def lines(self) -> AsyncIterator[bytes]:
        """What is sent, for the page that came first; called in the server's event loop."""
        try:
            while (line := await self._lines.get()) is not None:
                yield line
                self._room.release()
        finally:  # the end, or the page has gone
            self.followed = False
            self._room.release()

    def follow(self) -> AsyncIterator[bytes]:
        """Takes the line; from now on what is sent goes there."""
        self._loop, self._lines = asyncio.get_running_loop(), asyncio.Queue()
        self.followed = True
        self._taken.set()
        if self._over:  # a page that came too late must not wait for ever
            self._lines.put_nowait(None)
        return self.lines()


async def _answer(request: Request) -> Response:
    channel = _open.get(request.path_params["token"])
    if channel is None or channel.followed:
        return PlainTextResponse("There is no such run.", status_code=404)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(channel.follow(), media_type="application/x-ndjson", headers=headers)


ROUTE = Route("/lab/run/{token}", _answer)
