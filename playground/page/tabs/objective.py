"""Objective: the variational bound taken apart for the model at hand, on pictures it has never seen."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
from PIL import Image

from playground.page.controls import QUIET, control, errors_shown, safe_image
from playground.page.endpoints import endpoint
from playground.page.parts.given import picture_given
from playground.page.parts.knobs import named
from playground.page.parts.model import about_model, model_state
from playground.page.translations import _
from playground.page.widgets.curves import curves
from playground.runs.assay import Assay, assays
from playground.runs.settings import check
from playground.schedules import SCHEDULES
from playground.theory.objective import VARIANCES

TITLE = _("Objective")
TAB = "objective"
NOTE = "Measured on pictures painted for this page, or on one of yours; the model learnt from other kinds."


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            schedule = SCHEDULES[page.start("schedule")].make(page.start("T"))
            chart = curves(Assay(schedule).value(), "objective-curves")
        with gr.Column(elem_classes="lab-controls"):
            upload = safe_image(label=_("Your picture, or the bundled ones"), elem_id="objective-upload")
            picture_given(TAB, upload)
            with gr.Row(elem_classes="lab-run"):
                go = gr.Button(_("Measure"), variant="primary", scale=3, min_width=120, elem_id="objective-measure")
                stop = gr.Button(_("Stop"), scale=1, min_width=70)
            gr.Markdown(_(NOTE), elem_id="objective-note")
            label = _("Variance of the model's step")
            signs = named(VARIANCES)
            variance = control("variance", TAB, as_=gr.Radio, choices=signs, value=VARIANCES[0], label=label)
            with gr.Accordion(_("More"), open=False):
                seed = control("seed", TAB)
                checkpoint = control("checkpoint", TAB, **model_state())
            about_model(TAB, checkpoint)

    inputs = [upload, seed, variance, checkpoint]

    def measure(request: gr.Request, image, seed, variance, checkpoint) -> Iterator[dict]:
        engine = page.engine(checkpoint)
        for assay in assays(engine, image, check("seed", seed), variance, request.session_hash):
            yield assay.value() if assay.done else gr.HTML(live=assay.news())

    run = go.click(errors_shown(measure), inputs, chart, concurrency_limit=64, concurrency_id="runs", **QUIET)
    stop.click(None, None, None, cancels=[run], api_visibility="private")
    settings = ("image", "seed", "variance", "checkpoint")
    endpoint(endpoint_of(page), "objective", settings=settings, defaults={"variance": VARIANCES[0]})


def endpoint_of(page):
    """What `/objective` does on this page."""

    def objective(values: dict, image: Image.Image | None = None) -> dict:
        """Take the variational bound of a model apart, on `image` or on the bundled pictures.

        Returns JSON: L_T, L_0 and "steps" (L_{t-1} for t = 0 to T) in bits per dimension, their "total" with its
        "standard_error" (t and noise are drawn by chance, so that the total is right on average), the mean squared
        "errors" of x0, eps, v and score at some thirty t, the weight lambda_t that L_simple drops, the two
        coefficients of the posterior mean, and both variances. `variance` of the model's step is beta_tilde or beta.
        """
        *_early, assay = assays(page.engine(values["checkpoint"]), image, values["seed"], values["variance"])
        return assay.report() | {"note": NOTE}

    return objective
