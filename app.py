"""The diffusion playground: `python app.py` opens it on http://127.0.0.1:7860. A Space starts here too."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from collections.abc import Mapping

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr

from playground import checkpoints
from playground.engine import spread_over
from playground.engine.cluster import open_replicas
from playground.errors import UserError
from playground.models.publishing import writable
from playground.page import about, channels
from playground.page.controls import Page
from playground.page.endpoints import endpoint_page
from playground.page.parts.given import share_pictures
from playground.page.parts.model import METHOD, method_of, models_of_now
from playground.page.tabs import (
    denoise,
    duel,
    generate,
    latent,
    museum,
    noise,
    objective,
    paint,
    schedules,
    score,
    train,
)
from playground.page.theme import CSS, THEME
from playground.page.translations import i18n
from playground.page.undocumented import light_sessions, mended_scripts
from playground.page.widgets import head, served
from playground.page.widgets.glossary import glossary
from playground.page.widgets.language import language_switch
from playground.page.widgets.language.early import MIDDLEWARE
from playground.page.widgets.lessons import lesson_panel
from playground.page.widgets.link import link
from playground.page.widgets.welcome import welcome
from playground.runs import engine_for
from playground.runs.rows import Setting
from playground.runs.settings import DEFAULTS, with_defaults

TABS = (noise, schedules, train, denoise, generate, paint, duel, score, objective, latent, museum)
# What every way of starting the page has in common; README says why.
LAUNCH = dict(
    theme=THEME,
    css_paths=CSS,
    head=head("scrubber"),
    i18n=i18n(),
    ssr_mode=False,
    run_history=False,
    enable_monitoring=False,
    state_session_capacity=512,  # pages whose state is kept, about a megabyte each: a lecture and its reloads
    max_file_size="20mb",
    max_threads=192,  # a run holds one as long as it goes: `RUNS` and what else is asked meanwhile
    app_kwargs={
        "routes": [channels.ROUTE, about.ROUTE, served.ROUTE, *mended_scripts()],
        "middleware": [served.PAGE, MIDDLEWARE],
    },
    show_error=False,
    footer_links=["gradio"],
)


def build(table: Mapping[str, Setting] = DEFAULTS, training: str = "class") -> gr.Blocks:
    """The page that starts with the defaults of `table`, ready to launch.

    Pictures of the people who use it are swept away within the hour.
    """
    title, tabs = "Diffusion playground", {}
    with (
        Page(table, training=training) as page,
        gr.Blocks(title=title, analytics_enabled=False, fill_width=True, delete_cache=(600, 3600)) as demo,
    ):
        with gr.Row(elem_id="page-title"):
            gr.HTML(f"<h1>{title}</h1>")
            glossary()
            lesson_panel()
            language_switch()
        welcome()
        with gr.Tabs():
            for tab in TABS:
                name = tab.__name__.rpartition(".")[2]
                with gr.Tab(tab.TITLE, id=name) as tabs[name]:
                    gr.Markdown(tab.LEAD, elem_classes="lab-lead")
                    tab.build(page)
        models_of_now(demo)
        share_pictures()
        train.connect(demo)
        link(demo, tabs)
    endpoint_page(demo, page)
    light_sessions()
    # Seconds: with three hundred people, to tell all who wait at every change took a third of the event loop's time.
    return demo.queue(max_size=1024, default_concurrency_limit=32, status_update_rate=2, api_open=False)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description="Starts the diffusion playground in the browser.")
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    parser.add_argument("--host", default=host, help=f"address to listen on ({host}); 0.0.0.0 opens it to the network")
    parser.add_argument("--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT", 7860)), help="(7860)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (auto)")
    parser.add_argument(
        "--checkpoint",
        default=checkpoints.DEFAULT,
        help=f"a name in checkpoints/, a folder, or a Hugging Face id ({checkpoints.DEFAULT})",
    )
    parser.add_argument(
        "--training",
        choices=("class", "own", "off"),
        default="off" if os.environ.get("SPACE_ID") else "class",
        help="nets trained here: one for all who ask for the same, each person's own, off (class; Spaces: off)",
    )
    parser.add_argument("--engines", metavar="WHERE", help="local:N or ray://HOST:PORT: more engines than one, by Ray")
    parser.add_argument("--auth", metavar="NAME:PASSWORD", help="ask for this name and password")
    parser.add_argument("--share", action="store_true", help="also a public https address, through Gradio's relay")
    return parser


def main() -> None:
    """Starts the page; the weights are read and warmed while it comes up."""
    args = arguments().parse_args()
    try:
        checkpoint = checkpoints.offer(args.checkpoint)
        model = checkpoints.outline(checkpoint)
        method = method_of(model, checkpoints.Outline(), {name: DEFAULTS[name].default for name in METHOD})
        schedule = model.schedule or None  # None keeps the table's
        table = with_defaults(checkpoint=checkpoint, device=args.device, schedule=schedule, **method)
        writable(os.environ.get("GRADIO_TEMP_DIR") or os.path.join(tempfile.gettempdir(), "gradio"))
        auth = tuple(args.auth.split(":", 1)) if args.auth else None
        if auth and len(auth) != 2:
            raise UserError("--auth takes a name and a password with a colon between them.")
        if args.engines:
            os.environ["PLAYGROUND_TIMED"] = "0"  # what runs at home is run as it is there
            spread_over(open_replicas(args.engines))
    except UserError as error:
        sys.exit(f"app.py: {error}")
    threading.Thread(target=engine_for, args=(checkpoint, args.device), name="warm-up", daemon=True).start()
    if args.host not in ("127.0.0.1", "localhost", "::1"):
        way = "use the page with the password" if auth else "use the page"
        print(f"Everyone who can reach port {args.port} of this machine can {way}.")
    if args.share:
        print("Everyone who has the public address can use the page for a week, through a relay that Gradio runs.")
    demo = build(table, args.training)
    where = dict(server_name=args.host, server_port=args.port, auth=auth, share=args.share)
    try:
        _, *addresses = demo.launch(**where, **LAUNCH, quiet=True, prevent_thread_lock=True)
    except OSError as error:  # of the port, Gradio's own sentence
        sys.exit(f"app.py: {error}")
    for address in filter(None, addresses):
        print(f"The playground is on {address}", flush=True)
    demo.block_thread()


if __name__ == "__main__":
    main()
