"""What a model's card and the page show of it: sheets of pictures, its styles, its words by kind."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from itertools import combinations

import torch
from PIL import Image
from torch import Tensor

from playground.checkpoints import Checkpoint
from playground.images import to_pixels
from playground.images.lines import line_map
from playground.images.sheets import contact_sheet
from playground.models.conditioning import Condition
from playground.training.asking import Asked, Counts
from playground.training.evaluation import Evaluation

SEED = 7
PICTURES = 64  # on a sheet
SIDE = 128  # pixels of each, about
PROMPTS = [prompt.strip() for prompt in """
    red heart, grinning face, face with tears of joy, crying face, clown face, thumbs up, ghost, robot,
    cat face, dog face, tiger face, pig face, monkey face, lion, bear, panda, fox, frog, chicken, penguin, owl, fish,
    octopus, butterfly, snail, turtle, sunflower, rose, cactus, mushroom, red apple, banana, grapes, strawberry,
    watermelon, carrot, pizza, hamburger, french fries, birthday cake, cookie, ice cream, hot beverage, beer mug,
    soccer ball, trophy, guitar, camera, telephone, light bulb, pencil, scissors, key, hammer, alarm clock, house,
    castle, bicycle, bus, airplane, rocket, sailboat, rainbow, fire
""".split(",")]  # fmt: skip

Wish = tuple[str, str]  # a prompt and a style, "" for none


def wishes(checkpoint: Checkpoint, captions: Sequence[str], count: int) -> list[str]:
    """The well-known prompts that the model has all words for; where they are too few captions, or single words."""
    known = [prompt for prompt in PROMPTS if not checkpoint.parse(prompt)[1]] if checkpoint.vocabulary.words else []
    drawn = sorted(set(captions) - {"", *known}) or list(checkpoint.vocabulary.words)
    random.Random(0).shuffle(drawn)
    return (known + drawn)[:count] or [""] * count


def sheet(evaluation: Evaluation, asked: Sequence[Wish], seeds: int = 1) -> bytes:
    """A contact sheet: every wish from as many seeds, the same for all; an unconditional model from other seeds."""
    labels = [wish for wish in asked for _ in range(seeds)]
    drawn = [SEED + k for _ in asked for k in range(seeds)]
    conditions = [evaluation.condition(prompt, style) for prompt, style in labels]
    if not evaluation.checkpoint.conditional:
        drawn = list(range(len(labels)))
        labels = [(f"seed {seed}", "") for seed in drawn]
    elif seeds > 1:
        labels = [(prompt, f"{style}, seed {seed}") for (prompt, style), seed in zip(labels, drawn, strict=True)]
    return contact_sheet(evaluation.drawn(conditions, drawn, "sheet"), labels, width=SIDE)


def unconditional_sheet(evaluation: Evaluation, count: int = PICTURES) -> bytes:
    """Pictures that nothing was asked of, from seeds 0, 1, …"""
    made = evaluation.drawn([Condition()] * count, range(count), "sheet, no condition")
    return contact_sheet(made, [(f"seed {seed}", "") for seed in range(count)], width=SIDE)


def lines_sheet(evaluation: Evaluation, count: int = 16, seeds: int = 4) -> bytes:
    """Lines of held-out pictures, and beside each pictures that were to have them, from some seeds, in its style."""
    held = evaluation.pictures[1]
    rows = evaluation.order[:count]
    lines = line_map(held.x0(torch.tensor(rows)))[:, 0]  # (count, S, S)
    parse = evaluation.checkpoint.parse
    conditions = [parse("", held.styles[k] or None, own)[0] for k, own in zip(rows, lines, strict=True)]
    asked = [condition for condition in conditions for _ in range(seeds)]
    made = evaluation.drawn(asked, [SEED + k for _ in rows for k in range(seeds)], "sheet of lines", 1.0)
    drawings = (1 - 2 * lines[:, None].float()).expand(-1, 3, -1, -1)  # black on white
    shown = torch.cat([drawings[:, None], made.view(count, seeds, *made.shape[1:]).to(drawings)], dim=1).flatten(0, 1)
    labels = [(held.styles[k], "" if n < 0 else f"seed {SEED + n}") for k in rows for n in range(-1, seeds)]
    return contact_sheet(shown, labels, columns=2 * (1 + seeds), width=SIDE)


def styles_strip(evaluation: Evaluation, side: int = 64) -> bytes:
    """WebP: a picture of every style of the model side by side, of one seed, with nothing else asked."""
    conditions = [evaluation.condition("", style) for style in evaluation.checkpoint.styles]
    made = evaluation.drawn(conditions, [SEED] * len(conditions), "styles")
    return strip(made, side)


def strip(pictures: Tensor, side: int) -> bytes:
    """WebP of pictures (N, 3, H, W) in [−1, 1] side by side, each `side` pixels wide and high."""
    page = Image.new("RGB", (side * len(pictures), side))
    for k, pixels in enumerate(to_pixels(pictures)):
        page.paste(Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS), (k * side, 0))
    file = io.BytesIO()
    page.save(file, "WEBP", quality=85, method=6)
    return file.getvalue()


# ---------------------------------------------------------------------------------------------------- its words

NOUNS = {"hair": "hair", "skin": "face", "clothes": "clothes", "hat": "extras", "background": "background"}
KINDS = {kind: {word.strip() for word in words.split(",")} for kind, words in {
    "hair": "afro, bald, balding, bangs, bob, braids, bun, buns, mohawk, pigtails, ponytail",
    "face": """angry, closed eyes, heart eyes, kiss, open mouth, sad, serious, smile, star eyes, surprised, teeth,
        tongue out, wink, beard, moustache, rosy cheeks""",
    "extras": """cat ears, clown nose, earrings, eyepatch, face mask, flowers, glasses, hat, headband, hijab, pacifier,
        sleep mask, sunglasses, tiara, turban""",
    "clothes": "checkered, collar, hoodie, jacket, overalls, shirt, striped",
    "background": "",
}.items()}  # fmt: skip
APART = 20  # pictures that two words should have in common by chance: if none has, one excludes the other
EXAMPLES = 6


def kind_of(phrase: str) -> str:
    """Hair, face, extras, clothes or background: what a phrase speaks of; "" for all else."""
    named = next((kind for kind, phrases in KINDS.items() if phrase in phrases), "")
    return named or NOUNS.get(phrase.split()[-1], "")


def vocabulary(counts: Counts) -> dict:
    """What the page says of a model's words, found in its pictures' metadata, as JSON.

    kinds: phrases by what they speak of; exclusive: groups of which one excludes all others, two hair colours for
    instance, since no picture shows both though chance would have made some; styles: the phrases of each style;
    examples: prompts that most styles know, and where colours can be swapped, both ways round.
    """
    kinds: dict[str, list[str]] = {kind: [] for kind in (*KINDS, "")}
    for phrase in counts.phrases:
        kinds[kind_of(phrase)].append(phrase)
    kinds["words"] = kinds.pop("")
    noun = [phrase.split()[-1] for phrase in counts.phrases]
    same = torch.tensor([[a == b for a in noun] for b in noun])
    enough = counts.by_chance.sum(dim=0) >= torch.where(same, APART / 10, APART)
    apart = (counts.together.sum(dim=0) == 0) & enough
    exclusive = [group for kind in kinds.values() for group in _groups(kind, counts, apart)]
    styles = {
        style: [phrase for k, phrase in enumerate(counts.phrases) if counts.single[s, k] > 0]
        for s, style in enumerate(counts.styles)
        if style
    }
    return {
        "kinds": {kind: phrases for kind, phrases in kinds.items() if phrases},
        "exclusive": exclusive,
        "styles": styles,
        "examples": _examples(counts),
    }


def _groups(phrases: Sequence[str], counts: Counts, apart: Tensor) -> list[list[str]]:
    """Groups of phrases every two of which are apart, each as large as it gets, until all such pairs are in one."""
    pairs = {(a, b) for a, b in combinations(phrases, 2) if apart[counts.index[a], counts.index[b]]}
    left, found = sorted(pairs), []
    while left:
        group = list(left[0])
        for phrase in phrases:
            if phrase not in group and all(tuple(sorted((phrase, other))) in pairs for other in group):
                group.append(phrase)
        found.append(sorted(group))
        left = [pair for pair in left if not set(pair) <= set(group)]
    return found


def _examples(counts: Counts) -> list[str]:
    """A few prompts of two phrases of different kinds, which come together in as many styles as possible."""
    styles = (counts.together >= APART).sum(dim=0)  # (W, W)
    pairs = [
        (int(styles[a, b]), counts.phrases[a], counts.phrases[b])
        for a, b in combinations(range(len(counts.phrases)), 2)
        if kind_of(counts.phrases[a]) != kind_of(counts.phrases[b])
        and "background" not in (kind_of(counts.phrases[a]), kind_of(counts.phrases[b]))
    ]
    random.Random(4).shuffle(pairs)
    pairs.sort(key=lambda pair: -pair[0])
    found: list[str] = []
    used: set[str] = set()
    for many, *pair in pairs:
        if many and len(found) < EXAMPLES and not used & set(pair):
            found.append(Asked(tuple(pair)).prompt)
            used |= set(pair)
    both = {"blue hair", "red clothes", "red hair", "blue clothes"} <= set(counts.phrases)
    return found + (["blue hair red clothes", "red hair blue clothes"] if both else [])
