"""What each tab makes: from its settings to the lanes of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from PIL import Image
from torch import Tensor

from playground.errors import UserError
from playground.images import bundled, drawn_lines, to_tensor
from playground.images.lines import line_map
from playground.runs import settings
from playground.runs.frames import Frame
from playground.runs.lanes import Lane, engine_for, lane_for
from playground.runs.live import Live
from playground.runs.rows import LANES as DUEL
from playground.runs.rows import MAX_SEED
from playground.runs.settings import check, shorten
from playground.samplers import SAMPLERS
from playground.samplers.noise import noise_between
from playground.schedules import Level

LANES = [{"sampler": sampler, "steps": steps} for sampler, steps in DUEL]
OF_A_LANE = ("sampler", "steps", "eta", "guidance_scale")
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the other picture
MOST = 16  # lanes of a grid
INSIDE = "{model} has its guidance inside and makes no picture without it. Choose a model that was not distilled."
BETWEEN = 5  # pictures from one seed to the other, both included


def has_eta(sampler: str) -> bool:
    return any(knob.name == "eta" for knob in SAMPLERS[check("sampler", sampler)].knobs)


def duel(values: Mapping[str, object], lanes: Sequence[Mapping[str, object]], who: object = None) -> Live:
    """One seed in every lane; a lane's own settings win over the common ones. Raises UserError."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    if not 2 <= len(lanes) <= 4:
        raise UserError("A duel has two to four lanes; you gave {count}.", count=len(lanes))
    made = []
    for own in lanes:
        mine = {**values, **own}
        title = SAMPLERS[check("sampler", mine.get("sampler"))].title
        eta = f" · η {mine['eta']:g}" if isinstance(mine.get("eta"), int | float) and mine["eta"] else ""
        steps = check("steps", mine.get("steps"))
        lane = lane_for(engine, mine, f"{title} · {steps}")
        scale = lane.settings["guidance_scale"]  # not what was asked: a distilled model has its own
        lane.note = f"w {scale:g}{eta}" if engine.checkpoint.conditional else eta.removeprefix(" · ")
        made.append(lane)
    for lane in made:  # each picture's receipt brings the whole duel back
        lane.settings |= {"lane_count": len(made)} | {
            f"{name}_{k}": other.settings[name]
            for k, other in enumerate(made, start=1)
            for name in OF_A_LANE
            if name in other.settings
        }
    return Live(engine, made, curve="apart", who=who)


def editing(values: Mapping[str, object], image: Image.Image, strengths: Sequence[float], who: object = None) -> Live:
    """`image` noised to each of the strengths with the noise of one seed, and denoised towards the prompt (SDEdit)."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    if not 1 <= len(strengths) <= 8:
        raise UserError("Give one to eight strengths; you gave {count}.", count=len(strengths))
    start = to_tensor(image, engine.picture_size)
    strengths = [check("strength", strength) for strength in strengths]
    lanes = [
        lane_for(engine, {**values, "strength": s}, ("strength", {"strength": f"{s:g}"}), start=start)
        for s in strengths
    ]
    _listed(lanes, strengths)
    return Live(engine, lanes, curve=_curve(lanes), who=who)


def _listed(lanes: Sequence[Lane], strengths: Sequence[float]) -> None:
    """Each picture's receipt brings all the strengths back, where the page has as many."""
    if len(strengths) <= len(settings.STRENGTHS):
        for lane in lanes:
            lane.settings |= {f"strength_{k}": s for k, s in enumerate(strengths, start=1)}


def _curve(lanes: Sequence[Lane]) -> str:
    """What the curve shows of pictures that were started from one: how far x̂0 is from it, unless it is to change."""
    return "change" if any(lane.truth is None for lane in lanes) else "error"


def filling(values: Mapping[str, object], image: Image.Image, mask: Tensor, who: object = None) -> Live:
    """What is masked of `image`, bool (S, S), made anew: by replacement, and with more than one resampling by RePaint
    beside it. Raises UserError."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    start = to_tensor(image, engine.picture_size)
    r, jump = check("resamplings", values.get("resamplings")), check("jump", values.get("jump"))
    lanes = [lane_for(engine, {**values, "resamplings": 1}, ("replaced", {}), start=start, mask=mask)]
    if r > 1:
        label = "resampled", {"r": r, "jump": jump}
        lanes.append(lane_for(engine, values, label, start=start, mask=mask))
    return Live(engine, lanes, who=who)


def painted(
    values: Mapping[str, object],
    picture: Image.Image,
    mask: Image.Image | None = None,
    other: Image.Image | None = None,
    lines: Image.Image | None = None,
    who: object = None,
) -> Live:
    """What is painted made into a picture: noised to `strength` and denoised (SDEdit); with a mask, what that shows
    white of it made anew; with another picture, mixed with that by `mix` of it on the way; with lines, white on black,
    a picture that has them, from pure noise. Raises UserError."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    if other is not None:
        share, strength = check("mix", values.get("mix")), check("strength", values.get("strength"))
        return between_pictures(values, (picture, other), [share], [strength], who)
    if lines is not None:
        return drawn(values, to_tensor(lines, engine.picture_size)[0].mean(dim=0) > 0, who)
    if mask is not None:
        return filling(values, picture, mask_of(mask, engine.picture_size), who)
    lane = lane_for(engine, values, start=to_tensor(picture, engine.picture_size))
    return Live(engine, [lane], _curve([lane]), who)


def drawn(values: Mapping[str, object], lines: Tensor, who: object = None) -> Live:
    """A picture with these lines, bool (S, S), by a model that takes them. Raises UserError."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    return Live(engine, [lane_for(engine, values, lines=lines)], who=who)


def drawing_of(image: Image.Image | None, size: int) -> Tensor:
    """The lines of a drawing, dark on light, as bool (size, size); without one those of the bundled cat.

    Raises UserError where nothing is drawn."""
    if image is None:
        return line_map(to_tensor(bundled.picture("cat"), size))[0, 0] > 0
    lines = to_tensor(image, size)[0].mean(dim=0) < 0
    if not lines.any():
        raise UserError("Nothing is drawn: draw dark lines on light paper.")
    return lines


def last(live: Live) -> Tensor:
    """The finished picture (C, S, S) of a run's last lane alone, without looking at a step on the way."""
    lane = live.lanes[-1]
    *_, step = live.engine.run([lane.job], who=live.who)
    return lane.pasted(live.engine.space.decode(step.final[None])[0])


def mask_of(image: Image.Image | None, size: int) -> Tensor:
    """A mask as bool (size, size), from a picture that is white where it should be made anew; without one the middle
    half. Raises UserError where nothing is masked."""
    if image is None:
        mask = torch.zeros(size, size, dtype=torch.bool)
        mask[size // 4 : -(size // 4), size // 4 : -(size // 4)] = True
        return mask
    mask = to_tensor(image, size)[0].mean(dim=0) > 0
    if not mask.any():
        raise UserError("Nothing is masked: paint over what should be made anew.")
    return mask


def between_pictures(
    values: Mapping[str, object],
    pair: tuple[Image.Image, Image.Image],
    shares: Sequence[float],
    strengths: Sequence[float],
    who: object = None,
) -> Live:
    """Two pictures noised to each of the strengths with the noise of one seed, mixed by each of the shares of the other
    one, and denoised: a lane for each, row by row. Raises UserError.

    With the same noise, mixing what is noised is noising what is mixed: a·((1−λ)x0 + λx0') + s·ε.
    """
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    if not 1 <= len(shares) * len(strengths) <= MOST:
        raise UserError("That would be {count} pictures; there may be 1 to {most}.",
                        count=len(shares) * len(strengths), most=MOST)  # fmt: skip
    one, other = (to_tensor(image, engine.picture_size) for image in pair)
    lanes: list[Lane] = []
    strengths = [check("strength", strength) for strength in strengths]
    for strength in strengths:
        for share in (check("mix", share) for share in shares):
            label = "mixed", {"share": f"{share:g}", "strength": f"{strength:g}"}
            mine = {**values, "strength": strength, "mix": share}
            lanes.append(lane_for(engine, mine, label, start=one, other=other))
    if len(lanes) > 1:
        _listed(lanes, strengths)
    run = Live(engine, lanes, who=who)
    run.more["columns"] = len(shares)
    return run


def lane_of(given: object) -> dict:
    """A lane as a caller of the endpoint may write it."""
    lane = {"sampler": given} if isinstance(given, str) else given
    if not isinstance(lane, dict) or not set(lane) <= {*OF_A_LANE, "spacing", "schedule"}:
        raise UserError(
            "A lane is the name of a sampler, or an object with sampler, steps, eta, guidance_scale; you gave {value}.",
            value=shorten(given),
        )
    return lane


def distances(first: Sequence[Frame], other: Sequence[Frame]) -> list[dict]:
    """How far x̂0 of a lane is from the first lane's, at each of its levels: root mean square in the
    model's units.

    The first lane is taken at the last level it has reached by then, as the player shows it.
    """
    rows, k = [], 0
    for frame in other:
        while k + 1 < len(first) and first[k + 1].alpha_bar <= frame.alpha_bar:
            k += 1
        gap = (frame.x0_hat.astype(float) - first[k].x0_hat) / 127.5
        level = Level(frame.t, frame.alpha_bar)
        rows.append(
            {
                "t": frame.t,
                "log_snr": level.log_snr if 0 < frame.alpha_bar < 1 else None,
                "rms": float((gap**2).mean() ** 0.5),
            }
        )
    return rows


def pictures(values: Mapping[str, object], who: object = None, lines: Image.Image | None = None) -> Live:
    """`count` pictures; picture k has seed + k. With `lines`, a drawing, these become theirs. Raises UserError."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    wanted = None if lines is None else drawn_lines(lines, engine.picture_size)
    seed, count = check("seed", values.get("seed")), check("count", values.get("count"))
    seeds = [(seed + k) % (MAX_SEED + 1) for k in range(count)]
    return Live(engine, [lane_for(engine, {**values, "seed": s}, seed_label(s), lines=wanted) for s in seeds], who=who)


def seed_label(seed: int) -> tuple[str, dict]:
    return "seed", {"seed": seed}


def guidance_pair(values: Mapping[str, object], who: object = None) -> Live:
    """The same seed without guidance and with it. Where guidance is off (1 or less) it is shown against the default.
    Raises UserError, also where a distilled model has its guidance inside."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    if engine.checkpoint.guidance is not None:
        raise UserError(INSIDE, model=engine.checkpoint.name)
    scale = check("guidance_scale", values.get("guidance_scale"))
    scale = scale if scale > 1 else check("guidance_scale", None)
    lanes = [
        lane_for(engine, {**values, "guidance_scale": 1.0}, ("unguided", {}), "w = 1"),
        lane_for(engine, {**values, "guidance_scale": scale}, ("guided", {}), f"w = {scale:g}"),
    ]
    return Live(engine, lanes, curve="apart", who=who)


def interpolation(values: Mapping[str, object], count: int = BETWEEN, who: object = None) -> Live:
    """`count` pictures from the noise of `seed` to that of `other_seed`, along the sphere both lie on."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    seed, other = check("seed", values.get("seed")), check("other_seed", values.get("other_seed"))
    lanes: list[Lane] = []
    for k in range(count):
        share = k / max(1, count - 1)
        label = seed_label(seed) if k == 0 else seed_label(other) if share == 1 else f"{100 * share:.0f} %"
        lane = lane_for(engine, {**values, "seed": seed}, label, noise=noise_between(seed, other, share))
        lane.settings |= {"other_seed": other, "share": round(share, 4)}
        lanes.append(lane)
    return Live(engine, lanes, who=who)


def answer(run: Live) -> tuple[list, dict]:
    """A run as an endpoint returns it: PNG files, and the settings used with NFE, seeds and hashes."""
    run.finish()
    files = [(f"{k + 1:02d}_{lane.file}", lane.png()) for k, lane in enumerate(run.lanes)]
    return files, run.lanes[0].settings | run.report()


def prepared(values: Mapping[str, object], who: object = None) -> Live:
    """The run that the tab's settings ask for. Raises UserError."""
    engine = engine_for(values.get("checkpoint"), values.get("device"))
    if check("start", values.get("start")) == "noise":
        return Live(engine, [lane_for(engine, values)], who=who)
    image = values.get("image") or bundled.picture(values.get("picture") or "cat")
    if not values.get("steered"):
        values = {**values, "prompt": "", "style": ""}
    lane = lane_for(engine, values, start=to_tensor(image, engine.picture_size))
    return Live(engine, [lane], curve=_curve([lane]), who=who)
