"""What the page weighs and how soon it shows a picture: `python -m tests.browser.measure_page`.

Bytes that cross the wire (compressed, headers included) until the first tab stands, and on opening Schedules, in a
browser that has nothing yet and in one that was here before; milliseconds from the address to the first picture.
"""

from __future__ import annotations

import statistics

from playwright.sync_api import sync_playwright

import app
from tests.conftest import browser_path, launched

FIRST = "document.querySelector('#noise-scrubber canvas[data-view=x_t]')?.getAttribute('aria-label')"
CURVES = "#schedules-curves .curves[data-drawn]"


def visit(context, url: str) -> dict:
    """One visit of the first tab, then of Schedules: bytes and milliseconds of each."""
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    seen = {"bytes": 0, "requests": 0}

    def loaded(event) -> None:
        seen["bytes"] += event["encodedDataLength"]
        seen["requests"] += 1

    def settled() -> int:
        """All bytes so far, once none have come for a second."""
        before = -1
        while before != seen["bytes"]:
            before = seen["bytes"]
            page.wait_for_timeout(1000)
        return before

    network.on("Network.loadingFinished", loaded)
    page.goto(url, wait_until="commit")
    page.wait_for_function(f"Boolean({FIRST})")
    found = {"first picture, ms": page.evaluate("performance.now()")}
    found |= {"first tab, bytes": settled(), "requests": seen["requests"]}
    page.get_by_role("tab", name="Schedules").click()
    began = page.evaluate("performance.now()")
    page.wait_for_selector(CURVES)
    found["Schedules, ms"] = page.evaluate("performance.now()") - began
    found["Schedules, bytes more"] = settled() - found["first tab, bytes"]
    page.close()
    return found


def main(visits: int = 5) -> None:
    with launched(app.build(), **app.LAUNCH) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox", "--disable-gpu"])
        found: dict[str, list[dict]] = {"new": [], "again": []}
        for _visit in range(visits):
            context = browser.new_context(viewport={"width": 1366, "height": 768})
            found["new"].append(visit(context, url))
            found["again"].append(visit(context, url))
            context.close()
    for who, rows in found.items():
        print(who, *(f"  {name}: {statistics.median(row[name] for row in rows):,.0f}" for name in rows[0]), sep="\n")


if __name__ == "__main__":
    main()
