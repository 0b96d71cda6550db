"""Slips on purpose: what each is called, what one sees of it, and what mends it."""

from __future__ import annotations

from playground.page.translations import _, say

SLIPS = {  # what each is called, what one sees, and what mends it
    "clean_input": (
        _("The net is fed x₀ in place of xₜ"),
        _("The loss stops at a half, for ε at 1: its input shows no noise, so none can be told. It draws noise."),
        _("Feed it x_t, the picture and its noise mixed as t says."),
    ),
    "noisy_target": (
        _("The loss compares xₜ with ε̂"),
        _("The loss falls faster than it ever should, nearly to 0: the net repeats its input. It draws grey noise."),
        _("Compare ε̂ with ε, the noise that was mixed in."),
    ),
    "attention": (
        _("Attention scaled by head_dim * −0.5"),
        _("Nearly nothing: the loss ends a little higher, if at all. In so small a net convolutions do the work."),
        _("Write head_dim ** −0.5: one over the root, where a star makes it 90 times too large and turns its sign."),
    ),
    "t": (
        _("t off by one in training"),
        _("Nothing to be seen among 1000 levels, for neighbours are alike: the slip that hides best."),
        _("Tell the net the t that x_t was mixed with: t = 1 is the first noisy level, 0 the clean picture."),
    ),
    "range": (
        _("Pictures left in [0, 1]"),
        _("Pale digits on white: black was shown as 0, which is the middle grey of [−1, 1]."),
        _("Take pictures to [−1, 1], by 2x − 1, before they are noised."),
    ),
    "ema": (
        _("No running mean of the weights"),
        _("On the way the drawings jump from look to look; at the end, the learning rate at 0, they are the same."),
        _("Draw with a running mean of the weights, which forgets the last batches' accidents."),
    ),
    "variance": (
        _("β̃ with its denominator lost"),
        _("The loss is right, the drawing is not: too little noise is put back, and copies of a digit differ less."),
        _("β̃ = (1 − ᾱ of the next level) / (1 − ᾱ of this one) · β."),
    ),
}


def slips_told(slips: list[str]) -> str:
    """What one sees of the slips that are made, and what mends them."""
    parts = [(say(title.key), say(symptom.key), say(mending.key)) for title, symptom, mending in map(SLIPS.get, slips)]
    return "\n\n".join(f"**{title}.** {symptom} *{mending}*" for title, symptom, mending in parts)
