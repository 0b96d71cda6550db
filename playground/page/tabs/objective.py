"""Objective: the variational bound taken apart for the model at hand, on pictures it has never seen."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
from PIL import Image

from playground.errors import UserError
from playground.page.controls import QUIET, control, errors_shown, safe_image
from playground.page.endpoints import endpoint
from playground.page.parts.given import picture_given
from playground.page.parts.knobs import named
from playground.page.parts.model import about_model, model_state
from playground.page.translations import _, say
from playground.page.widgets.curves import curves
from playground.runs.assay import Assay, assays
from playground.runs.settings import check
from playground.schedules import SCHEDULES
from playground.theory.objective import VARIANCES

TITLE = _("The loss")
LEAD = _("What training makes smaller, taken apart in bits. Press Measure: which levels cost most?")
TAB = "objective"
NOTE = "Measured on pictures painted for this page, or on one of yours; the model learnt from other kinds."

LATEX = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]
DERIVATION = (  # of each step: what it is called, in words, as a formula
    (
        _("1. What is wanted"),
        _("A model that finds real pictures likely. The logarithm of that probability, turned round, is the number of "
          "bits (of nats, to be exact) that the model needs to write the picture down. But the model only says one "
          "small step at a time, so the probability is an integral over all ways that lead to the picture. Nobody can "
          "work that out."),
        r"$$-\log p_\theta(x_0) = -\log \int p_\theta(x_{0:T})\, dx_{1:T}$$",
    ),
    (
        _("2. Look along the ways that noise goes"),
        _("Multiply and divide by q, the known chance of each way from the picture to noise. The integral becomes a "
          "mean over ways that can be drawn: one only has to add noise."),
        r"$$-\log p_\theta(x_0) = -\log \mathbb{E}_{q(x_{1:T}|x_0)}"
        r"\left[\frac{p_\theta(x_{0:T})}{q(x_{1:T}|x_0)}\right]$$",
    ),
    (
        _("3. Jensen: a bound"),
        _("The logarithm bends down, so the logarithm of a mean is at least the mean of the logarithms. The sign is "
          "turned round here: what stands on the right is never too small."),
        r"$$-\log p_\theta(x_0) \le \mathbb{E}_q\left[-\log \frac{p_\theta(x_{0:T})}{q(x_{1:T}|x_0)}\right] =: L$$",
    ),
    (
        _("4. Both are chains: a sum"),
        _("p is a product of steps back, and q of steps forward. The forward step is turned round by Bayes' rule, with "
          "the picture known: then both go from t to t − 1 and can be compared. The rest cancels from step to step."),
        r"$$q(x_t|x_{t-1}) = \frac{q(x_{t-1}|x_t,x_0)\; q(x_t|x_0)}{q(x_{t-1}|x_0)}$$",
    ),
    (
        _("5. The three kinds of terms"),
        _("What is left: what x at T still knows of the picture (no model in it), for each t how far the model's step "
          "is from the right one, and the last step, into 256 levels. These are the numbers above the chart."),
        r"$$L = \underbrace{D(q(x_T|x_0)\,\|\,p(x_T))}_{L_T} + \sum_{t=2}^{T} "
        r"\underbrace{\mathbb{E}_q\, D(q(x_{t-1}|x_t,x_0)\,\|\,p_\theta(x_{t-1}|x_t))}_{L_{t-1}} "
        r"\underbrace{-\,\mathbb{E}_q \log p_\theta(x_0|x_1)}_{L_0}$$",
    ),
    (
        _("6. Two bell curves"),
        _("Both steps are normal distributions. Between two of them the divergence is, apart from what the variances "
          "cost, the squared distance of their means."),
        r"$$L_{t-1} = \mathbb{E}_q\left[\frac{1}{2\sigma_t^2}"
        r"\|\tilde\mu_t(x_t,x_0) - \mu_\theta(x_t,t)\|^2\right] + C$$",
    ),
    (
        _("7. Told as noise: L simple"),
        _("The means differ only by what is believed of the noise. So each term is the error of the noise times a "
          "weight, λ, which the chart shows. Leave the weights away, and what remains is the loss in use."),
        r"$$L_{t-1} - C = \mathbb{E}\left[\lambda_t\,\|\varepsilon - \varepsilon_\theta(x_t,t)\|^2\right],\quad "
        r"\lambda_t = \frac{\beta_t^2}{2\sigma_t^2\,\alpha_t\,(1-\bar\alpha_t)},\qquad "
        r"L_{\text{simple}} = \mathbb{E}\,\|\varepsilon - \varepsilon_\theta(x_t,t)\|^2$$",
    ),
)  # fmt: skip


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            schedule = SCHEDULES[page.start("schedule")].make(page.start("T"))
            chart = curves(Assay(schedule).value(), "objective-curves")
            derived = derivation()
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
            if assay.done:
                yield assay.value(), measured(assay)
            else:
                yield gr.HTML(live=assay.news()), gr.skip()

    outputs = [chart, derived]
    run = go.click(errors_shown(measure), inputs, outputs, concurrency_limit=64, concurrency_id="runs", **QUIET)
    stop.click(None, None, None, cancels=[run], api_visibility="private")
    settings = ("image", "seed", "variance", "checkpoint")
    endpoint(endpoint_of(page), "objective", settings=settings, defaults={"variance": VARIANCES[0]})


def derivation() -> gr.Markdown:
    """How the bound comes about, in steps that unfold; returns the last one, for the numbers once they are measured."""
    with gr.Accordion(_("Where the bound comes from, step by step"), open=False, elem_id="objective-derivation"):
        for title, words, formula in DERIVATION:
            with gr.Accordion(title, open=False):
                gr.Markdown(words)
                gr.Markdown(formula, latex_delimiters=LATEX)
        with gr.Accordion(_("8. With this model's numbers"), open=False):
            return gr.Markdown(_("Press Measure, and the terms stand here."), latex_delimiters=LATEX)


def measured(assay: Assay) -> str:
    """The bound of a finished assay as the sum that was derived; Markdown."""
    terms = assay.bound()
    sigma = {"beta_tilde": r"\tilde\beta_t", "beta": r"\beta_t"}[assay.variance]
    parts = (terms.prior, terms.steps.sum().item(), terms.decoder, terms.total)
    numbers = "$$L = {:.5f} + {:.3f} + {:.3f} = {:.3f}$$".format(*parts)
    last = say("bits per dimension, in the order of the sum in step 5; the variance of the model's step is")
    bound = UserError(
        "So this model needs at most {bits} bits for each number it paints, of pixels or latents; a plain byte has 8.",
        bits=f"{terms.total:.2f}",
    )
    return f"{numbers}\n\n{last} $\\sigma_t^2 = {sigma}$.\n\n{say(bound)}"


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
