"""One simulated student: what a browser sends and gets when somebody presses Generate, without the browser."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import secrets
import time
from dataclasses import dataclass, field

import httpx
import numpy as np
from PIL import Image

PNG = re.compile(r'"png":\s*"([^"]+)"')
CHANNEL = re.compile(r'"channel":\s*"([^"]+)"')


@dataclass(frozen=True)
class Press:
    """The event behind the button of the Generate tab, as the page's own configuration has it."""

    index: int
    trigger: int
    names: tuple[str, ...]  # of the settings, in the order in which they are sent; "" for what is no setting
    data: tuple

    @classmethod
    async def of(cls, client: httpx.AsyncClient) -> Press:
        config = (await client.get("/config")).json()
        parts = {part["id"]: part.get("props", {}) for part in config["components"]}
        named = {props.get("elem_id"): number for number, props in parts.items()}
        for event in config["dependencies"]:
            if named["generate-player"] in event["outputs"] and named["generate-count"] in event["inputs"]:
                names = [parts[number].get("elem_id") or "" for number in event["inputs"]]
                data = tuple(parts[number].get("value") for number in event["inputs"])
                trigger = event["targets"][0][0]
                return cls(event["id"], trigger, tuple(name.removeprefix("generate-") for name in names), data)
        raise LookupError("the page has no Generate button")

    def body(self, session: str, settings: dict) -> dict:
        """What is posted to /queue/join."""
        data = [settings.get(name, value) for name, value in zip(self.names, self.data, strict=True)]
        return {
            "data": data,
            "fn_index": self.index,
            "trigger_id": self.trigger,
            "session_hash": session,
            "event_data": None,
        }


@dataclass
class Visit:
    """What a student met with; times in seconds on one clock."""

    settings: dict
    asked: float = 0.0
    first: float | None = None  # the first step was there
    done: float | None = None  # the pictures were there
    messages: int = 0
    pictures: list[np.ndarray] = field(default_factory=list)
    error: str | None = None
    left: bool = False  # by the student's own choice

    @property
    def waited(self) -> float | None:
        return None if self.done is None else self.done - self.asked

    def take(self, line: str) -> None:
        """A line that came, of the event or of the run's own channel."""
        if '"frames"' in line:
            self.messages += 1
            self.first = self.first or time.perf_counter()
        if png := PNG.findall(line):
            self.done = time.perf_counter()
            self.pictures = [pixels(base64.b64decode(text)) for text in png]
        if line.startswith("data:"):
            if '"process_completed"' in line[:200]:
                message = json.loads(line[5:])
                if not message.get("success", True):
                    self.error = str(message.get("output", {}).get("error") or "failed without a sentence")
            elif '"unexpected_error"' in line[:200]:
                self.error = line[5:200]


async def visit(
    client: httpx.AsyncClient,
    press: Press,
    settings: dict,
    leave_after: int | None = None,
    stop: bool = False,
    session: str | None = None,
) -> Visit:
    """Presses Generate and watches to the end; or only so many messages, and then closes the page or presses Stop.

    session: of the page that is open; None opens a new one.
    """
    session, seen = session or secrets.token_hex(6), Visit(settings, asked=time.perf_counter())
    lines: asyncio.Queue[str | Exception | None] = asyncio.Queue()
    listeners: list[asyncio.Task] = []

    def listen(path: str, **params) -> None:
        async def to_the_end() -> None:
            try:
                async with client.stream("GET", path, params=params) as answer:
                    async for line in answer.aiter_lines():
                        lines.put_nowait(line)
                lines.put_nowait(None)
            except httpx.HTTPError as error:
                lines.put_nowait(error)

        listeners.append(asyncio.create_task(to_the_end()))

    try:
        joined = await client.post("/gradio_api/queue/join", json=press.body(session, settings))
        joined.raise_for_status()
        event = joined.json()["event_id"]
        listen("/gradio_api/queue/data", session_hash=session)
        ended = 0
        while ended < len(listeners) and not seen.left:
            line = await lines.get()
            if isinstance(line, Exception):
                raise line
            if line is None:
                ended += 1
                continue
            seen.take(line)
            if channel := CHANNEL.search(line):
                listen(f"/lab/run/{channel[1]}")
            if leave_after is not None and seen.messages > leave_after:
                seen.left = True
                if stop:  # as the page does: the run's own line first, or the run goes on down it
                    for listener in listeners[1:]:
                        listener.cancel()
                    body = {"session_hash": session, "fn_index": press.index, "event_id": event}
                    await client.post("/gradio_api/cancel", json=body)
    except httpx.HTTPError as error:
        seen.error = f"{type(error).__name__}: {error}"
    finally:
        for listener in listeners:
            listener.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
    if seen.error is None and seen.done is None and not seen.left:
        seen.error = "no picture came"
    return seen


def pixels(png: bytes) -> np.ndarray:
    """(H, W, 3) uint8 of a PNG."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
