"""A plain Gradio app with the same net, to compare with: `python -m playground.bench.plain PORT CHECKPOINT`.

As one writes it first: eager float32, a request at a time, a `gr.Image` at the end.
"""

from __future__ import annotations

import sys

import gradio as gr
import torch
from PIL import Image

from playground.checkpoints import load
from playground.images import to_pixels
from playground.models.denoiser import UNetDenoiser, clipped, guided
from playground.samplers import ddim, run
from playground.samplers.noise import noise_of
from playground.schedules import spaced


def build(checkpoint: str) -> gr.Interface:
    """One picture a request: prompt, seed, steps, guidance scale → the picture."""
    loaded = load(checkpoint)
    denoise = UNetDenoiser(loaded)

    @torch.inference_mode()
    def generate(prompt: str, seed: float, steps: float, guidance_scale: float) -> Image.Image:
        noise = noise_of(int(seed))
        x = noise((1, loaded.channels, loaded.size, loaded.size))
        condition = loaded.parse(prompt)[0]
        ask = clipped(guided(denoise, guidance_scale))
        sampler = ddim(x, spaced(loaded.schedule, int(steps)), noise)
        x = run(sampler, lambda x, level: ask(x, level, [condition]))
        return Image.fromarray(to_pixels(x)[0])

    inputs = [gr.Textbox(), gr.Number(), gr.Number(), gr.Number()]
    return gr.Interface(generate, inputs, gr.Image(), api_name="generate", analytics_enabled=False)


if __name__ == "__main__":
    build(sys.argv[2]).launch(server_port=int(sys.argv[1]), ssr_mode=False)
