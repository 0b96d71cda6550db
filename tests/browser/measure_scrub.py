"""Scrub in the page against a plain Gradio slider → gr.Image, on one machine in one run.

    python -m tests.browser.measure_scrub            # a table; JSON with --json

Of each: ms a redraw, median and least (the page's own drawing; for Gradio from the move to the new picture), pictures
a second while the level is dragged for three seconds at 60 moves a second, requests made meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics

import gradio as gr
import numpy as np
from playwright.sync_api import sync_playwright

from playground.images import to_pixels
from playground.page.controls import Page
from playground.page.tabs import noise
from playground.page.widgets import head, served
from playground.page.widgets.scrubber import scrubber
from playground.predictions import q_sample
from playground.runs.forward import chosen_picture, schedule_of
from playground.runs.wire import curve_value, picture_value
from playground.samplers.noise import noise_of
from tests.conftest import browser_path, launched

SIZES = (256, 512)
REDRAW = """() => { const lab = document.querySelector('#noise-scrubber .lab-scrubber').lab; const times = [];
  for (let k = 0; k < 60; k++) { const t = (k * 617) % 1000; const began = performance.now(); lab.show(t);
    times.push(performance.now() - began) } return times }"""
# the pointer's 60 moves a second, and how many frames were painted with a new picture in them
DRAG = """async ours => {
  const s = document.querySelector(ours ? '#noise-scrubber .level' : '#plain input[type=range]');
  let shown = 0, last = null;
  const face = () => ours ? document.querySelector('#noise-scrubber .t').value
                          : document.querySelector('#plain-image img')?.src;
  const began = performance.now(); let moves = 0;
  await new Promise(done => { const frame = now => {
    if (face() !== last) { shown++; last = face() }
    if (now - began > 3000) return done();
    if (now - began > moves * 1000 / 60) { moves++; s.value = (moves * 5) % 1000;
      s.dispatchEvent(new Event('input', {bubbles: true})) }
    requestAnimationFrame(frame) }; requestAnimationFrame(frame) });
  return shown / 3 }"""
ONE = """async t => { const s = document.querySelector('#plain input[type=range]');
  const image = () => document.querySelector('#plain-image img')?.src; const before = image();
  const began = performance.now(); s.value = t; s.dispatchEvent(new Event('input', {bubbles: true}));
  while (image() === before) await new Promise(requestAnimationFrame);
  return performance.now() - began }"""


def ours(size: int) -> gr.Blocks:
    schedule, used = schedule_of({})
    x0 = chosen_picture(None, "sunset", size)
    with gr.Blocks() as demo:
        asked = noise.questions(Page().engine)
        scrubber(picture_value(x0, noise_of(7)(x0.shape), seed=7), curve_value(schedule, "Cosine", used), 400, asked)
    return demo


def plain(size: int) -> gr.Blocks:
    """What one would write first: a slider whose change gives a picture."""
    schedule, _used = schedule_of({})
    x0 = chosen_picture(None, "sunset", size)
    eps = noise_of(7)(x0.shape)

    def show(t: int) -> np.ndarray:
        return to_pixels(q_sample(x0, schedule.level(t), eps))[0]

    with gr.Blocks() as demo:
        slider = gr.Slider(0, 1000, 400, step=1, elem_id="plain")
        slider.change(show, slider, gr.Image(elem_id="plain-image"))
        demo.load(show, slider, demo.blocks[max(demo.blocks)])
    return demo


def measured(browser, demo: gr.Blocks, is_ours: bool) -> dict:
    options = {"head": head(), "app_kwargs": {"routes": [served.ROUTE]}}
    with launched(demo, **options) as url:
        page = browser.new_page(viewport={"width": 1366, "height": 768}, reduced_motion="reduce")
        try:
            page.goto(url)
            page.wait_for_function(
                "!!document.querySelector('#noise-scrubber .snr')?.textContent"
                if is_ours
                else "!!document.querySelector('#plain-image img')"
            )
            page.wait_for_load_state("networkidle")
            times = page.evaluate(REDRAW) if is_ours else [page.evaluate(ONE, 100 + 70 * k) for k in range(11)]
            requests = []
            page.on("request", lambda request: requests.append(request.url))
            shown = page.evaluate(DRAG, is_ours)
            asked = [url for url in requests if not url.startswith(("data:", "blob:"))]
            return {"ms": statistics.median(times), "least_ms": min(times), "fps": shown, "requests": len(asked)}
        finally:
            page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = parser.parse_args()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    results = {}
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=browser_path(), args=arguments)
        for size in SIZES:
            results[f"scrubber {size}²"] = measured(browser, ours(size), True)
            results[f"gr.Slider → gr.Image {size}²"] = measured(browser, plain(size), False)
        browser.close()
    if args.json:
        return print(json.dumps(results, indent=1, ensure_ascii=False))
    print(f"{'':28}{'ms':>8}{'least':>8}{'pictures/s':>12}{'requests':>10}")
    for name, row in results.items():
        print(f"{name:28}{row['ms']:8.1f}{row['least_ms']:8.1f}{row['fps']:12.1f}{row['requests']:10d}")


if __name__ == "__main__":
    main()
