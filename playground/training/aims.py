"""What a model that is told words was to reach, held against what an evaluation measured of it."""

from __future__ import annotations

from playground.report import Report

WORDS, NEVER, SWAPPED = 0.93, 0.88, 0.85  # of what is read in real pictures
SPREAD = {"1": 0.95, "2": 0.8}  # by guidance, of the real spread
HALVES = 3.0  # times the Fréchet distance that real pictures have from other real ones
SOFTER = 0.1  # share by which its pictures may be less or more sharp than real ones
NEARER = 0.05  # share of real held-out pictures, and of its own at most, this near to a training picture
STUDENT_STEPS, STUDENT_WORDS, STUDENT_SPREAD, STUDENT_OFF, STUDENT_FRECHET = 4, 0.03, 0.8, 10.0, 1.5


def aims(results: dict) -> Report | None:
    """What the model was to reach, what it reached, and what each of these means."""
    if "words" not in results:
        return None
    report = Report("What it was to reach", ["aim", "reached"])

    def row(name: str, aim: str, reached: str, kept: bool) -> None:
        report.add(name, aim, reached if kept else f"{reached}, missed")

    def at_least(name: str, aim: float, reached: float) -> None:
        row(name, f"≥ {aim:g}", f"{reached:.2f}", reached >= aim)

    def at_most(name: str, aim: float, reached: float) -> None:
        row(name, f"≤ {aim:g}", f"{reached:.2f}", reached <= aim)

    def as_sharp(name: str, found: dict) -> None:
        of_real = found["sharpness"] / found["sharpness_real"]
        row(name, f"{1 - SOFTER:g} to {1 + SOFTER:g}", f"{of_real:.2f}", abs(1 - of_real) <= SOFTER)

    words = results["words"]
    at_least("words that were asked for", WORDS, words["shown"] / words["real"])
    for key, aim, name in (
        ("combinations", NEVER, "two words never seen together"),
        ("swapped", SWAPPED, "whose colour is whose"),
    ):
        if "real" in (found := words.get(key, {})):
            at_least(name, aim, found.get("shown", found.get("right")) / found["real"])
    inside = results.get("guidance_inside")
    by_guidance = {} if inside else results.get("spread", {}).get("by_guidance", {})
    for scale in filter(by_guidance.get, SPREAD):
        at_least(f"spread, guidance {scale}", SPREAD[scale], by_guidance[scale]["spread"])
    as_sharp("sharpness", words)
    if free := results.get("unconditional"):
        as_sharp("sharpness, nothing asked", free)
        at_most("distance, nothing asked", HALVES, free["frechet"] / free["frechet_real"])
    closer = results["copying"]["closer"]
    row("nearly copies", f"≤ {100 * NEARER:.0f} %", f"{100 * closer:.0f} %", closer <= NEARER)
    rows = results.get("teacher", {}).get("rows", [])
    own = next((row for row in rows if row["who"] == "student" and row["steps"] == STUDENT_STEPS), None)
    if own:
        first = rows[0]
        at_most("words short of its teacher's", STUDENT_WORDS, max(0.0, first["shown"] - own["shown"]))
        at_least("spread over its teacher's", STUDENT_SPREAD, own["spread"] / first["spread"])
        at_most("distance over its teacher's", STUDENT_FRECHET, own["frechet"] / first["frechet"])
        row("off its teacher's pictures", f"≤ {STUDENT_OFF:g} grey levels", f"{own['off']:.1f}",
            own["off"] <= STUDENT_OFF)  # fmt: skip
    report.note(
        "1 is what real pictures have. Words: how many of those asked for can be read in its pictures. Whose colour is "
        "whose: “blue hair red clothes” is not “red hair blue clothes”. Spread: how much another seed changes the "
        "picture of a prompt. Sharpness: the mean size of the Laplacian. Distance: Fréchet's, from real pictures, over "
        "that of other real ones. Nearly copies: pictures nearer to one of the training than 19 of 20 real ones are."
    )
    if own:
        report.note(
            f"Beside its teacher: {own['nfe']:.0f} evaluations of the network, its teacher's {first['nfe']:.0f}, both "
            "from the same noises."
        )
    report.note("On how many pictures each rests is said below.")
    if ways := results.get("longer", {}).get("by_way"):
        way, best = max(ways.items(), key=lambda item: item[1]["spread"])
        report.note(
            "Part of the spread is lost to few steps: without guidance the most that was reached is "
            f"{best['spread']:.2f} ± {best['spread_error']:.2f} ({way})."
        )
    return report
