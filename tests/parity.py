"""Writes tests/js/parity.json: what the server says x_t is, for the page's JavaScript to agree with.

Run by hand when the mapping is meant to change: ``python tests/parity.py``. test_noise.py recomputes it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FILE = Path(__file__).parent / "js" / "parity.json"
LEVELS = (0, 1, 37, 137, 400, 700, 999, 1000)


def parity() -> dict:
    """A 16 × 16 picture, its noise as the page gets it, and for some levels ᾱ and the bytes of x_t."""
    from playground.images import to_pixels
    from playground.predictions import q_sample
    from playground.runs.forward import chosen_picture
    from playground.runs.wire import encoded, picture_value
    from playground.samplers.noise import noise_of
    from playground.schedules import SCHEDULES

    schedule = SCHEDULES["cosine"].make(T=1000)
    x0 = chosen_picture(None, "cat", 16)
    eps = noise_of(7)(x0.shape)
    pixels = [to_pixels(q_sample(x0, schedule.level(t), eps))[0] for t in LEVELS]
    return {
        "picture": picture_value(x0, eps),
        "alpha_bar": [schedule.level(t).alpha_bar for t in LEVELS],
        "x_t": [encoded(each) for each in pixels],
    }


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    FILE.write_text(json.dumps(parity(), indent=1) + "\n", encoding="utf-8")
