"""Museum: what goes wrong in practice, by what one sees; a fault on a real model, beside the same seed done right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import gradio as gr

from playground.errors import UserError
from playground.page.controls import QUIET, control, errors_shown
from playground.page.endpoints import endpoint
from playground.page.parts.run import RUNS
from playground.page.translations import _, say
from playground.page.undocumented import Radio
from playground.page.widgets.player import player
from playground.runs import museum as pieces
from playground.runs.experiments import answer
from playground.runs.rows import MAX_SEED, SYMPTOMS
from playground.runs.settings import check, from_query

TITLE = _("Museum")
LEAD = _("What goes wrong in practice, beside the same seed done right. Choose a fault: would you have seen it?")
TAB = "museum"
ID = "museum-player"
SEEN = {
    "noise": _("Only noise, though the loss is low"),
    "black": _("Black"),
    "darker": _("Darker with every step"),
    "leftover": _("Noise left at the end"),
    "dim": _("Dim"),
    "washed_out": _("Washed out"),
    "alike": _("All pictures alike"),
    "burnt": _("Colours burnt"),
    "blocks": _("Coarse blocks in odd colours"),
}
# Of each piece: what it is called, what one sees, where that comes from, and what mends it.
TEXTS = {
    "prediction": (
        _("v taken for x̂₀"),
        _("Noise that never becomes a picture, although the loss fell as it should in training."),
        _("A net learns to say one of three things: the noise ε, the picture x₀, or v, a mixture of both. This one "
          "says v, and the sampler takes what it hears for the picture."),
        _("Keep with the weights what the net predicts (prediction_type in diffusers), and let the sampler read it "
          "there."),
    ),
    "untrained": (
        _("The weights were not loaded"),
        _("Coloured noise, whatever the prompt. No error is raised anywhere."),
        _("This is a net before its first lesson: its last layer is zero, so it says v = 0. It happens when names in "
          "the file do not fit those in the code and loading passes over what it does not know."),
        _("Load with strict=True, which fails at the first name that does not fit; look at one picture before a long "
          "run."),
    ),
    "cast": (
        _("Saved without times 255"),
        _("A black picture. Every number on the way was right."),
        _("The values were taken from −1 … 1 to 0 … 1, and then cut to whole numbers: nearly all are 0 then, and the "
          "few that are 1 can't be told from black."),
        _("Multiply by 255 and round before the numbers become whole: (x + 1) · 127.5."),
    ),
    "clipping": (
        _("x̂₀ is not clipped, guidance 20"),
        _("Each guess is darker than the one before, until faces are black and the rest glows."),
        _("Strong guidance shoots past the range of pictures, −1 … 1. What lies outside goes into the next step, the "
          "net meets pictures it has never seen, and its next guess lies further out."),
        _("Clip x̂₀ to −1 … 1 in every step, as the left picture does (Imagen's dynamic thresholding is kinder "
          "still), and guide less."),
    ),
    "timestep": (
        _("t one step ahead"),
        _("A grain all over the finished picture; where all should be white it is seen best."),
        _("The net is told the t of the step that comes next: it believes there is less noise than there is, and "
          "takes too little away, each time."),
        _("Tell the net the level of the x it is given, not of the x that is to be made."),
    ),
    "schedule": (
        _("Sampled on another schedule"),
        _("Dim colours and dirt where it should be white: less contrast than the model has."),
        _("It was trained on the cosine schedule and is sampled with the betas of the linear one. At the same t there"
          " is another amount of noise there, so the net is wrong about it at every step."),
        _("Take the schedule from the model's own configuration. To visit other levels, tell the net the t at which "
          "its own schedule has that much noise."),
    ),
    "unscaled": (
        _("1/√α forgotten"),
        _("A dim picture: contrast is lost at every step."),
        _("Each step forward shrinks the picture by √α, and each step back has to divide by it. Without that the "
          "picture fades towards the middle grey while the noise is taken away."),
        _("Algorithm 2, line 4: divide by √α before the noise is added."),
    ),
    "dark": (
        _("x at T is not pure noise"),
        _("Dark pictures were asked for, and all come out middle grey."),
        _("Nothing is wrong with this net, it is perfect: 99 of 100 pictures that this word shows are dark. But on "
          "this schedule (Stable Diffusion's) x_T keeps 7 % of the picture. The net reads the brightness there, and "
          "finds that of pure noise, the middle. It believes what it sees more than the word."),
        _("Let the signal end at zero (zero terminal SNR) in training and sampling, and begin at t = T: the left "
          "picture."),
    ),
    "range": (
        _("Trained in 0 … 1"),
        _("Pale, as if seen through milk: nothing is darker than the middle grey."),
        _("The pictures of the training were numbers in 0 … 1, and what the net draws is shown as if −1 were black. "
          "So its black, 0, is shown as the middle grey."),
        _("Take pictures to −1 … 1 by 2x − 1 before training, and back after sampling."),
    ),
    "latents": (
        _("The latents are not decoded"),
        _("A quarter of the size, in blocks and colours that no picture has."),
        _("This model paints in latents, and a decoder makes the picture of them. What is seen here are the latents "
          "themselves."),
        _("Decode before you show: picture = decoder(latents). Where a scale belongs to the latents (0.18215 in "
          "Stable Diffusion), divide by it first."),
    ),
    "latent_scale": (
        _("The latents are not scaled back"),
        _("A grey haze where the picture should be: shapes are right, colours are nearly gone."),
        _("Nets such as Stable Diffusion's are given latents times 0.18215, so that they are as large as the noise, "
          "and what they draw is as small. This model needs no such scale; here its decoder is given latents that "
          "were made as small, and not divided by the scale again."),
        _("Divide by the scale before you decode: decoder(latents / 0.18215). It stands in the autoencoder's "
          "configuration (scaling_factor in diffusers)."),
    ),
    "no_noise": (
        _("σ z is left out"),
        _("Whatever the seed, the same picture, and a smooth one: hair, shadow and edge are gone."),
        _("Each step of DDPM goes to the mean of all that could come next, and then a random choice is made among "
          "them: σ z. Without it the mean is taken every time."),
        _("Add the noise in all steps but the last. Who wants none takes DDIM, whose steps are made to go without."),
    ),
    "one_step": (
        _("One step only"),
        _("A blur, and nearly the same one for each seed."),
        _("Asked once, at pure noise, the net can't know which picture it will be. Its best guess is the mean of all "
          "that the words allow."),
        _("Take more steps, 10 to 50; or a model that was distilled for few, such as avatars-64-turbo."),
    ),
    "guidance": (
        _("Guidance 20"),
        _("Hard edges and garish colours; what is asked for is there, and too much of it."),
        _("Guidance goes from what the net says without the words past what it says with them. Twenty times that far "
          "no picture lies any more, and clipping presses the rest to the ends of the range."),
        _("Stay between 1.5 and 4 with this model; many steps allow a little more."),
    ),
    "prediction_eps": (
        _("v taken for ε"),
        _("Glaring colours, black outlines: more values at the ends of the range."),
        _("The net says v, a mixture of noise and picture, and the sampler takes it for the noise. At most levels "
          "both are alike enough for a picture to come of it, but every step takes too much away."),
        _("Set the sampler to what the net predicts: v_prediction in place of epsilon."),
    ),
}  # fmt: skip
ABOUT = (
    "Of each pair one picture is as it should be, and the other differs in this one fault, from the same seed. Both "
    "are made anew for you. Some faults are made in training, such as weights without their running mean: "
    "[train a net with slips on purpose](?tab=train&subject=digits&slips=ema)."
)
MEASURED = {  # what each measure is called, and how a value is written
    "sharpness": (_("Difference of neighbouring pixels"), "{:.2f}"),
    "corner_noise": (_("Grain in the corners"), "{:.3f}"),
    "brightness": (_("Brightness"), "{:.0%}"),
    "darkening": (_("Brightness lost on the way"), "{:.1%}"),
    "contrast": (_("Contrast"), "{:.2f}"),
    "darkest": (_("Darkest hundredth"), "{:.0%}"),
    "extremes": (_("Values at an end of the range"), "{:.0%}"),
    "blocks": (_("Neighbours exactly alike"), "{:.0%}"),
    "variety": (_("Difference of the pictures"), "{:.3f}"),
}


def choices(symptom: str) -> list[tuple]:
    """The pieces with a symptom, or all: (what each is called, its name)."""
    return [(TEXTS[name][0], name) for name, piece in pieces.PIECES.items()
            if symptom in ("any", *piece.symptoms)]  # fmt: skip


def build(page) -> None:
    """The tab, inside `gr.Tab`."""
    with gr.Row(elem_classes="lab-split"):
        with gr.Column(elem_classes="lab-stage"):
            seen = gr.Markdown(elem_id="museum-seen")
            view = player(ID)
            about = gr.Markdown(elem_id="museum-about")
        with gr.Column(elem_classes="lab-controls"):
            symptoms = [(_("Anything"), "any"), *((SEEN[name], name) for name in SYMPTOMS)]
            symptom = control("symptom", TAB, choices=symptoms)
            piece = control("museum", TAB, as_=Radio, choices=choices("any"), elem_classes="lab-column")
            other = gr.Button(_("Another seed"), size="sm", elem_id="museum-other")
            gr.Markdown(_(ABOUT))
    device, further = page.start("device"), gr.State(0)

    def filtered(symptom: str, chosen: str):
        there = choices(symptom)
        known = chosen in [name for _title, name in there]
        return gr.update(choices=there, value=chosen if known else there[0][1])

    def watched(who: str, name: str, further: int, asked: bool) -> Iterator[tuple]:
        """What stands above the player, its run, what stands below it, and how many seeds after the piece's own this
        is; `asked`: by a person. The run is one message: of several, a player that a link opens would get the last
        alone."""
        name = check("museum", name)
        seed = (pieces.PIECES[name].common["seed"] + further) % (MAX_SEED + 1)
        live = pieces.museum({"museum": name, "seed": seed, "device": device}, who)
        live.more["asked"] = asked
        yield heading(name), gr.skip(), told(name), further
        run = live.whole(example=True)
        yield gr.skip(), run, told(name, pieces.measured(pieces.PIECES[name], live.lanes)), gr.skip()

    def first(request: gr.Request, name: str) -> Iterator[tuple]:
        linked, _errors = from_query(dict(request.query_params))
        yield from watched(request.session_hash, linked.get("museum", name), 0, False)

    def chosen(request: gr.Request, name: str) -> Iterator[tuple]:
        yield from watched(request.session_hash, name, 0, True)

    def another(request: gr.Request, name: str, further: int) -> Iterator[tuple]:
        yield from watched(request.session_hash, name, further + 1, True)

    outputs = [seen, view, about, further]
    limits = {"concurrency_limit": RUNS, "concurrency_id": "runs"} | QUIET
    symptom.change(filtered, [symptom, piece], piece, queue=False, **QUIET)
    view.ready(errors_shown(first), piece, outputs, **limits)
    piece.change(errors_shown(chosen), piece, outputs, trigger_mode="always_last", **limits)
    other.click(errors_shown(another), [piece, further], outputs, **limits)
    endpoint(exhibit, "museum", settings=("museum",))


def heading(name: str) -> str:
    """What a piece is called and what one sees of it; Markdown."""
    title, seen = (say(text.key) for text in TEXTS[name][:2])
    return f"## {title}\n\n{seen}"


def told(name: str, measured: Mapping[str, float] | None = None) -> str:
    """Cause and mending of a piece, with what was measured of its pictures once they are there; Markdown."""
    cause, mending = (say(text.key) for text in TEXTS[name][2:])
    piece = pieces.PIECES[name]
    parts = [f"**{say('Why')}** {cause}", f"**{say('What mends it')}** {mending}"]
    if measured:
        what, form = MEASURED[piece.measure]
        values = {side: form.format(value) for side, value in measured.items()}
        sentence = UserError("{what}: {right} as it should be, {faulty} with the fault.", what=say(what.key), **values)
        parts.append(f"*{say(sentence)}* {piece.checkpoint or say('An exact model, by a formula.')}")
    return "\n\n".join(parts)


def exhibit(values: dict):
    """A fault that is made in practice, on a real model: the right picture and the faulty one from the same seed.

    museum: which one. Returns the PNG files, first the right ones; and the settings with `symptoms`, `cause`, `mending`
    and the one `measure` of both by which the symptom is plain.
    """
    name, run = values["museum"], pieces.museum(values)
    files, used = answer(run)
    piece, (_title, seen, cause, mending) = pieces.PIECES[name], TEXTS[name]
    used |= {"symptoms": [SEEN[symptom].key for symptom in piece.symptoms]}
    used |= {"seen": seen.key, "cause": cause.key, "mending": mending.key}
    return files, used | {"measure": piece.measure, **pieces.measured(piece, run.lanes)}
