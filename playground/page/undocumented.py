"""Everything that the page takes of Gradio in Python behind its documented interface, and nothing else.

It was written for Gradio `WRITTEN_FOR`. `TAKEN` names each thing and what it is for; a test looks for all of them, so
that a release which moved one is met there first and not in a reader's browser.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import gradio as gr
from gradio import processing_utils, state_holder
from gradio.components.api_component import Api
from gradio.context import LocalContext
from gradio.data_classes import FileData
from gradio.i18n import I18nData
from gradio.utils import get_upload_folder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

WRITTEN_FOR = "6.31"
TAKEN = {
    "gradio.state_holder.SessionState": "sessions without a copy of every block's configuration",
    "gradio.state_holder.SessionState._update_config": "sessions without a copy of every block's configuration",
    "gradio.state_holder.SessionState._update_value_in_config": "sessions without a copy of every configuration",
    "gradio.routes.App": "a page that is kept where nobody signs in",
    "gradio.context.LocalContext.request": "sentences in the language of whoever asked, from inside any event",
    "gradio.i18n.I18nData": "the English text behind a label, for the page's own bar",
    "gradio.components.api_component.Api": "endpoints that take raw JSON and say what is wrong with it",
    "gradio.components.api_component.Api.async_move_resource_to_block_cache": "addresses that are not fetched",
    "gradio.components.api_component.Api.get_block_name": "endpoints that take raw JSON and say what is wrong with it",
    "gradio.data_classes.FileData.model_json_schema": "endpoints that take pictures as files",
    "gradio.utils.get_upload_folder": "finished pictures as files that Gradio sweeps away with the uploads",
    "gradio.processing_utils.save_bytes_to_cache": "finished pictures as files that Gradio sweeps away",
    "gradio.components.Image.get_block_name": "uploads that are read by this project and not by Gradio",
    "gradio.components.Image.preprocess": "uploads that are read by this project and not by Gradio",
    "gradio.components.Radio.preprocess": "the style of a model that a link asks for, before its styles are there",
}
ASSETS = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
# What Gradio's scripts do with each of their components for each of their events: for a page of 550 components with 360
# events the larger part of its start, and of what every event costs after that. By script, whose name has a hash of its
# text, so that another release is left as it is: what stands there, mostly what a function begins with, and what is to
# stand in its place.
MENDED = {
    "core-Bdx9080F.js": {
        # the events of a component, gathered once for all of them
        "find_attached_events(e,t){": """find_attached_events(e, t) {
            if (this.labEvents !== t) {
                this.labEvents = t;
                this.labHeard = new Map();
                for (const { targets } of t) {
                    const first = new Map([...targets].reverse());
                    for (const [id, event] of first) {
                        if (event) this.labHeard.set(id, [...(this.labHeard.get(id) ?? []), event]);
                    }
                }
            }
            e.props.shared_props.attached_events = this.labHeard.get(e.id) ?? [];
            return e;""",
        # a component by its number: along the way on which it was found before, if it is still there
        "function Z(e,t){": """const labWays = new Map();
        function labSearch(node, id, way) {
            if (node.id === id) {
                labWays.set(id, way);
                return node;
            }
            for (let k = 0; k < (node.children?.length ?? 0); k++) {
                const found = labSearch(node.children[k], id, [...way, k]);
                if (found) return found;
            }
            return null;
        }
        function Z(e, t) {
            let node = e;
            for (const k of labWays.get(t) ?? []) node = node?.children?.[k];
            return node?.id === t ? node : labSearch(e, t, []);""",
        # before it is told how an event goes, no component is asked for a copy of all that it holds
        "r&&!(`value`in t)&&(await": "r && !(`value` in t || `loading_status` in t) && (await",
    },
    # most events set nothing while they run
    "Blocks-D1GWYZdr.js": {
        "async set_event_args(e,t){": "async set_event_args(e, t) { if (!Object.keys(t).length) return () => {};",
    },
    # the clock of a part that leaves the page while it waits stops; it would ask for every frame from then on
    "statustracker-DQF-KcRT.js": {"W&&ze()": "(W = W && !!U?.isConnected) && ze()"},
}

# The tab that a link asks for is open from the start: otherwise the first one is built, drawn and answered before it.
FIRST_TAB = """(() => {
    const { components = [], layout = {} } = window.gradio_config ?? {};
    const parts = new Map(components.map((part) => [part.id, part]));
    const isTabs = (node) => parts.get(node.id)?.type === "tabs";
    const tabsIn = (node) => (isTabs(node) ? node : (node.children ?? []).map(tabsIn).find(Boolean));
    const tabs = tabsIn(layout);
    const asked = new URLSearchParams(location.search);
    const name = asked.get("tab");
    const there = tabs?.children.some(({ id }) => parts.get(id).props.id === name);
    if (there && !asked.get("hide")?.split(",").includes(name)) parts.get(tabs.id).props.selected = name;
})();"""


class Session(state_holder.SessionState):
    """A session without a copy of every block's configuration.

    Gradio makes and keeps that copy for its deep links alone, which this page does not have (it writes its own into
    the URL). For a page of 500 blocks it takes the event loop 60 ms and a megabyte a session, and 15 ms an event: a
    class of thirty that comes at once would wait for two seconds.
    """

    def __init__(self, blocks) -> None:
        super().__init__(SimpleNamespace(default_config=blocks.default_config, blocks={}))

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: object) -> None:
        pass


def light_sessions() -> None:
    """From now on Gradio's sessions are such ones."""
    state_holder.SessionState = Session


def same_for_all(scope: Scope) -> bool:
    """Whether the page that is asked for is the same for all: nobody signs in here, and the address names no other page
    of the app and none of Gradio's kept states."""
    app, asked = scope["app"], parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return app.auth is None and app.auth_dependency is None and not {"page", "deep_link"} & asked.keys()


def request_in_hand() -> gr.Request | None:
    """The request of the event that is running in this thread or task, or None outside of one.

    The documented way is a parameter of every event's function, however deep below it the sentence is made.
    """
    return LocalContext.request.get(None)


def english(label: I18nData | str) -> str:
    """The text that a label was made from, before the browser translates it."""
    return label.key if isinstance(label, I18nData) else label


class RawValue(Api):
    """One raw JSON value of an endpoint. A picture comes as a file; an address is refused and never fetched.

    `gr.api`, the documented way, leaves files to the caller and calls a missing value an error.
    """

    def get_block_name(self) -> str:
        return "api"

    async def async_move_resource_to_block_cache(self, url_or_file_path):
        if str(url_or_file_path).lower().startswith(("http:", "https:")):
            raise gr.Error("Please send the picture itself, not its address.", print_exception=False)
        return await super().async_move_resource_to_block_cache(url_or_file_path)


def file_schema() -> dict:
    """The JSON schema of a file that is sent to an endpoint."""
    return FileData.model_json_schema()


def sent_file(value: object) -> str | None:
    """The path of a file that was sent to an endpoint, which may have been swept away; None for any other value.

    Gradio checks the paths of what carries this mark, and of nothing else.
    """
    meta = value.get("meta") if isinstance(value, Mapping) else None
    if not isinstance(meta, Mapping) or meta.get("_type") != "gradio.FileData":
        return None
    return str(value.get("path", ""))


def kept_file(data: bytes, name: str) -> str:
    """The path of a file in Gradio's cache: in a folder nobody can guess, swept by `delete_cache` like an upload.

    Gradio would copy a file from a folder of our own there; that one would stay.
    """
    return processing_utils.save_bytes_to_cache(data, name, get_upload_folder())


class Number(gr.Number):
    """A number as it was typed: Gradio's own answer to one out of range names no setting, and 1.5 becomes 2 unasked."""

    def get_block_name(self) -> str:
        return "number"

    def preprocess(self, payload):
        return payload


class Radio(gr.Radio):
    """A choice as it was made: a link may choose a model and one of its styles, and Gradio, which only knows the styles
    of the model before, would refuse that in words of its own. Whether there is such a one is checked where it is used.
    """

    def get_block_name(self) -> str:
        return "radio"

    def preprocess(self, payload):
        return payload


class Upload(gr.Image):
    """A picture input whose function gets what `read` makes of the file, before Gradio has opened it.

    With ``type="filepath"``, the documented way, Gradio opens the file first, and says what is wrong in its own words.
    """

    def get_block_name(self) -> str:
        return "image"

    def preprocess(self, payload):
        return None if payload is None or not payload.path else self.read(payload.path)

    def read(self, path: str | os.PathLike):
        """The picture in a file."""
        raise NotImplementedError


def shipped(pattern: str) -> str:
    """Address, relative to the page, of the asset of Gradio's own that fits `pattern`; empty where there is none."""
    found = sorted(path.name for path in ASSETS.glob(pattern))
    return f"./assets/{found[0]}" if found else ""


def mended_scripts() -> list[Route]:
    """Routes that serve Gradio's scripts as `MENDED` says, in place of Gradio's own."""
    return [_mended(ASSETS / name, changes) for name, changes in MENDED.items() if (ASSETS / name).is_file()]


def _mended(path: Path, changes: Mapping[str, str]) -> Route:
    text = path.read_text(encoding="utf-8")
    for old, new in changes.items():
        text = text.replace(old, new)
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'

    async def answer(request: Request) -> Response:
        known = request.headers.get("if-none-match") == tag
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        return Response(None if known else text, 304 if known else 200, headers, "text/javascript")

    return Route(f"/assets/{path.name}", answer)
