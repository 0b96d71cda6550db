"""Painting in the page against a plain Gradio ImageEditor → function → gr.Image with the same net, on one machine.

    python -m tests.browser.measure_paint avatars-64-turbo           # a table; JSON with --json

Of each: ms from a stroke to the new answer, median and 95 %; answers a second while a hand paints for four seconds, and
how many of them were older than one shown before. Then so many people painting at once, each as soon as the last answer
is there: ms to an answer, and what the slowest of them had on average.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import json
import os
import statistics
import sys
import threading
import time

import gradio as gr
import httpx
import numpy as np
from playwright.sync_api import Page, sync_playwright

import app
from playground.checkpoints import load
from playground.images import bundled, to_pixels, to_tensor
from playground.models.denoiser import UNetDenoiser, clipped
from playground.predictions import q_sample
from playground.samplers import ddim, run
from playground.samplers.noise import noise_of
from playground.schedules import spaced
from tests.conftest import browser_path

STEPS, STROKES, SECONDS = 4, 20, 4
LISTEN = """() => { window.seen = [];
  document.querySelector('#paint .paint').addEventListener('answer', ({detail}) => window.seen.push(detail)) }"""


def plain(checkpoint: str) -> gr.Blocks:
    """As one writes it first: eager float32, an event at the end of a stroke, a file for the answer."""
    loaded = load(checkpoint)
    denoise, seeds = clipped(UNetDenoiser(loaded)), itertools.count()

    def answer(editor: dict):
        start = loaded.space.encode(to_tensor(editor["composite"].convert("RGB"), loaded.picture_size).double())
        # A seed of its own for each: from pure noise a stroke changes next to nothing, and the same file has the same
        # address, so that nobody could see that it has come.
        noise, levels = noise_of(next(seeds)), spaced(loaded.schedule, STEPS)
        condition = loaded.parse("cat face", None)[0]
        x = q_sample(start, levels[0], noise(start.shape))
        x = run(ddim(x, levels, noise), lambda x, level: denoise(x, level, [condition]))
        return to_pixels(loaded.space.decode(x))[0]

    with gr.Blocks() as demo:
        editor = gr.ImageEditor(bundled.picture("cat", 256), type="pil", elem_id="editor")
        image = gr.Image(elem_id="answer")
        # A stroke is an "input" of the editor, and no "change".
        editor.input(answer, editor, image, show_progress="hidden", trigger_mode="always_last")
    return demo


def strokes(page: Page, selector: str):
    """Places along a hand's way over the middle square of an element, without end."""
    box = page.locator(selector).first.bounding_box()
    side, k = min(box["width"], box["height"]), 0
    while True:
        x, y = 0.3 * np.cos(0.17 * k), 0.3 * np.sin(0.221 * k)
        yield box["x"] + box["width"] / 2 + side * x, box["y"] + box["height"] / 2 + side * y
        k += 1


def summary(times: list[float]) -> dict:
    return {"median": round(statistics.median(times), 1), "p95": round(float(np.percentile(times, 95)), 1)}


def ours(page: Page, url: str, checkpoint: str) -> dict:
    page.goto(f"{url}?tab=paint&checkpoint={checkpoint}&paint_steps={STEPS}&strength=1&guidance_scale=1")
    page.wait_for_selector("#paint .paint[data-state=answered]", timeout=60_000)
    page.wait_for_timeout(4000)  # the engine finds its runtime
    page.evaluate(LISTEN)
    way = strokes(page, "#paint-canvas")
    for _ in range(STROKES):  # one after another: each waits for its answer
        seen = page.evaluate("window.seen.length")
        page.mouse.move(*next(way))
        page.mouse.down()
        page.mouse.up()
        page.wait_for_function(f"() => window.seen.length > {seen}")
    alone, server = ([each[name] for each in page.evaluate("window.seen")] for name in ("ms", "server"))
    page.evaluate("window.seen.length = 0")
    page.mouse.move(*next(way))
    page.mouse.down()
    began = time.perf_counter()
    while time.perf_counter() - began < SECONDS:
        page.mouse.move(*next(way))
        page.wait_for_timeout(12)
    page.mouse.up()
    painting = page.evaluate("window.seen")
    order = [each["seq"] for each in painting]
    stale = sum(later <= earlier for earlier, later in zip(order, order[1:], strict=False))
    lag = summary([each["ms"] for each in painting])
    rate = round(len(painting) / SECONDS, 1)
    spent = {"stroke": summary(alone), "of it the server's": summary(server), "while painting": lag}
    return spent | {"answers/s": rate, "stale": stale}


def theirs(page: Page, url: str) -> dict:
    page.goto(url)
    page.get_by_role("button", name="Brush", exact=True).click(timeout=60_000)
    page.wait_for_timeout(2000)
    way, times = strokes(page, "#editor canvas"), []
    source = "() => document.querySelector('#answer img')?.src"
    for _ in range(STROKES // 2):  # each takes it about a second
        before = page.evaluate(source)
        page.mouse.move(*next(way))
        page.mouse.down()
        for _step in range(4):
            page.mouse.move(*next(way))
        page.mouse.up()
        began = time.perf_counter()
        page.wait_for_function(f"before => ({source})() && ({source})() !== before", arg=before)
        times.append(1000 * (time.perf_counter() - began))
    return {"stroke": summary(times)}


def crowd(url: str, checkpoint: str, people: int) -> dict:
    """So many easels, each asking as soon as it has its answer, as the page asks."""
    config = httpx.get(f"{url}config").json()
    easel = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "paint")
    side = load(checkpoint).picture_size
    asked = {"paint_mode": "picture", "checkpoint": checkpoint, "prompt": "cat face", "strength": 1}
    asked |= {"guidance_scale": 1, "paint_sampler": "ddim", "paint_steps": STEPS, "n": side}
    picture = np.asarray(bundled.picture("cat", side))
    times: dict[int, list[float]] = {k: [] for k in range(people)}
    over = time.perf_counter() + SECONDS + 2

    def paint(k: int) -> None:
        with httpx.Client(timeout=60) as client:
            while time.perf_counter() < over:
                data = asked | {"who": f"{k}", "seed": k, "picture": base64.b64encode(picture).decode()}
                body = {"session_hash": f"s{k}", "component_id": easel, "fn_name": "answer", "data": data}
                began = time.perf_counter()
                told = client.post(f"{url}gradio_api/component_server", json=body).json()
                assert "pixels" in told, told
                times[k].append(1000 * (time.perf_counter() - began))
                time.sleep(0.01)

    threads = [threading.Thread(target=paint, args=(k,)) for k in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slowest = max(statistics.mean(own) for own in times.values())
    answers = [len(own) for own in times.values()]
    told = {"slowest's mean": round(slowest, 1), "answers each": [min(answers), max(answers)]}
    return summary([value for own in times.values() for value in own]) | told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", nargs="?", default="avatars-64-turbo")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    demo, bare = app.build(), plain(args.checkpoint)
    quiet = {"server_name": "127.0.0.1", "prevent_thread_lock": True, "quiet": True}
    _, url, _ = demo.launch(**quiet, **app.LAUNCH)
    _, bare_url, _ = bare.launch(**quiet, ssr_mode=False)
    found: dict[str, object] = {}

    def tell(name: str, value: object) -> None:
        found[name] = value
        if not args.json:
            print(f"{name}: {value}", flush=True)

    tell("checkpoint", args.checkpoint)
    tell("evaluations", STEPS)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=browser_path(), args=arguments)
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        tell("page", ours(page, url, args.checkpoint))
        page.close()
        tell(f"{args.people} people", crowd(url, args.checkpoint, args.people))
        tell("plain Gradio", theirs(browser.new_page(viewport={"width": 1366, "height": 768}), bare_url))
        tell("ratio", round(found["plain Gradio"]["stroke"]["median"] / found["page"]["stroke"]["median"], 1))
    if args.json:
        print(json.dumps(found))
    sys.stdout.flush()
    os._exit(0)  # no thread of either page is waited for


if __name__ == "__main__":
    main()
