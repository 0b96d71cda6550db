"""Barriers that axe finds: by all its rules in light, and by those of colours in dark, where nothing else differs."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT
from axe_playwright_python.sync_playwright import Axe

SHORT = {"resultTypes": ["violations"]}  # axe would describe every part of the page that passes, too
# Gradio's own markup of an empty picture box, which has no public handle.
GRADIOS = SHORT | {"rules": {"aria-prohibited-attr": {"enabled": False}}}
COLOURS = SHORT | {"runOnly": ["color-contrast"]}

# The buttons above the tabs have their words, which come with their scripts.
NAMED = "[...document.querySelectorAll('.projector, #lessons .open')].every((button) => button.textContent)"


def no_barrier(page, part: str | None = None, rules: dict | None = None) -> None:
    """There is none in the page, or in the part of it that a selector names; the page is light after that."""
    page.wait_for_function(NAMED)
    for dark, asked in ((False, rules or (SHORT if part else GRADIOS)), (True, COLOURS)):
        page.evaluate("dark => document.body.classList.toggle('dark', dark)", dark)
        page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished)).then(() => true)")
        script = "null" if page.evaluate("'axe' in window") else AXE_SCRIPT
        found = Axe(script).run(page, context=part, options=asked)
        assert found.violations_count == 0, f"{'dark' if dark else 'light'}: {found.generate_report()}"
    page.evaluate("document.body.classList.remove('dark')")
