"""The clouds of points by name, as the tabs that show points list them."""

from __future__ import annotations

from playground.page.translations import _
from playground.theory.clouds import DRAWN

CLOUDS = [
    (_("Two moons"), "moons"),
    (_("Spiral"), "spiral"),
    (_("Rings"), "rings"),
    (_("Grid of Gaussians"), "grid"),
    (_("Draw your own"), DRAWN),
]
