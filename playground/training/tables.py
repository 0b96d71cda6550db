"""What an evaluation measured, as tables in plain words, each with the number of pictures that it rests on."""

from __future__ import annotations

from playground.report import Report
from playground.training.aims import aims

ERRORS = "Mean squared error of x̂0"  # by log-SNR: the training writes them, the evaluation measures them once more
WEAKEST = 8  # words that a table of words names


def evaluation_tables(results: dict) -> list[Report]:
    """The tables of all that was measured, for the terminal and for the card alike."""
    makers = (aims, _errors, _words, _weakest, _spread, _longer, _unconditional, _teacher, _retrieval, _copying)
    found = [table for maker in makers if (table := maker(results))]
    return found + [_against_nfe(results, measure) for measure in NFE if _measured(results, measure)]


def _how(results: dict) -> str:
    return f"{results['sampler']}, {results['steps']} steps, guidance scale {results['guidance_scale']:g}"


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.0f} %"


def _errors(results: dict) -> Report | None:
    if not (errors := results.get("denoising_error")):
        return None
    report = Report(ERRORS, [f"at log-SNR {level}" for level in errors])
    report.add("held-out pictures", *(f"{error:.4f}" for error in errors.values()))
    of = "pixels in [−1, 1]."
    if decibels := results.get("reconstruction"):
        of = f"latents in [−1, 1]. The autoencoder alone gives the pictures back with {decibels:.1f} dB (PSNR)."
    report.note(f"Of {results['held_out']} pictures; {of}")
    return report


def _words(results: dict) -> Report | None:
    if not (words := results.get("words")):
        return None
    report = Report("Does it show what was asked?", ["generated", "real", "generated, of what is read in real ones"])

    def row(name: str, shown: float, real: float | None) -> None:
        report.add(name, _percent(shown), _percent(real), _percent(real and shown / real))

    row("words of captions", words["shown"], words["real"])
    if never := words.get("combinations"):
        row("words of combinations never seen", never["shown"], never.get("real"))
    if swapped := words.get("swapped"):
        row("colours of hair and clothes the right way round", swapped["right"], swapped.get("real"))
    report.note(
        "How many of the words that were asked for a small net finds, which learnt to read on the training pictures. "
        f"Captions: parts of those of {words['pictures']} held-out pictures ({_how(results)}); real: the "
        f"{words['real_pictures']} held-out pictures. It also finds {words['false_alarms']:.1%} of the words that are "
        "not true of these."
    )
    if never:
        report.note(
            f"Combinations never seen: {never['pictures']} pictures for {never['pairs']} pairs of words that are never "
            "together in this style, though chance would have put them there and in another style they are."
        )
        if "real" in never:
            report.note(f"Real: {never['real_pictures']} such pictures; the reader had not seen the pairs.")
    if swapped:
        report.note(
            f"Colours: {swapped['pictures']} pictures such as “blue hair red clothes” and “red hair blue clothes” from "
            "the same noise; right if of all colours the asked one is read, for both."
        )
        if "real" in swapped:
            report.note(f"Real: {swapped['real_pictures']} held-out pictures with two such colours.")
    return report


def _weakest(results: dict) -> Report | None:
    words = results.get("words", {})
    counted = [
        (seen / asked, word, seen, asked) for word, (seen, asked) in words.get("by_word", {}).items() if asked > 3
    ]
    if len(counted) <= WEAKEST:
        return None
    report = Report("Words that it shows least", [word for _, word, *_ in sorted(counted)[:WEAKEST]])
    report.add("seen, of pictures asked", *(f"{seen} of {asked}" for *_, seen, asked in sorted(counted)[:WEAKEST]))
    rest = [share for share, *_ in sorted(counted)[WEAKEST:]]
    least = f"{min(rest):.0%} and more" if min(rest) < 1 else "always"
    report.note(f"The other {len(rest)} words that were asked for at least four times: {least}.")
    return report


def _spread(results: dict) -> Report | None:
    if not (found := results.get("spread")):
        return None
    columns = [
        "spread of pixels",
        "spread of what is read",
        "words shown",
        "precision",
        "recall",
        "density",
        "coverage",
    ]
    report = Report("Does the seed matter?", columns)
    for scale, row in found["by_guidance"].items():
        measured = [f"{row[key]:.2f}" for key in ("precision", "recall", "density", "coverage")]
        spreads = [f"{row[key]:.2f} of the real" for key in ("spread", "spread_read")]
        report.add(f"guidance {scale}", *spreads, _percent(row["shown"]), *measured)
    real = row["real"]
    report.add("real pictures", "1", "1", None, *(f"{real[key]:.2f}" for key in real))
    pictures = found["prompts"] * found["seeds"]
    report.note(
        f"{found['seeds']} seeds for each of {found['prompts']} prompts ({pictures} pictures a row). Spread: mean "
        "distance of two pictures of a prompt, over that of two real ones that the prompt fits "
        f"({row['real_grey_levels']:.1f} grey levels, root mean square). Precision and density: how many lie where "
        "real ones of these prompts do; recall and coverage: how much of these is reached (5 neighbours, features of "
        f"the reader, {pictures} real pictures)."
    )
    return report


def _longer(results: dict) -> Report | None:
    if not (found := results.get("longer")) or "sharpness_real" not in found:
        return None
    columns = ["evaluations", "spread of pixels", "spread of what is read", "words shown", "Fréchet distance",
               "sharpness", "sharpness, nothing asked"]  # fmt: skip
    report = Report("Would more steps help?", columns)
    for way, row in found["by_way"].items():
        spread = f"{row['spread']:.2f} ± {row['spread_error']:.2f} of the real"
        report.add(way, f"{row['nfe']:.0f}", spread, f"{row['spread_read']:.2f} of the real", _percent(row["shown"]),
                   f"{row['frechet']:.1f}", f"{row['sharpness']:.3f}", f"{row['sharpness_free']:.3f}")  # fmt: skip
    if kept := found.get("autoencoder"):
        name, spread = "real ones that went through the autoencoder", f"{kept['spread']:.2f} of the real"
        report.add(name, None, spread, None, None, None, f"{kept['sharpness']:.3f}", None)
    real, sharp = next(iter(found["by_way"].values())), f"{found['sharpness_real']:.3f}"
    report.add("real pictures", None, "1", "1", None, f"{real['frechet_real']:.1f}", sharp, None)
    report.note(
        f"Without guidance, the same noises in every row: {found['seeds']} seeds for each of {found['prompts']} "
        "prompts (±: the standard error, by how the prompts differ), and as many pictures that nothing was asked of."
    )
    return report


def _unconditional(results: dict) -> Report | None:
    if not (found := results.get("unconditional")):
        return None
    columns = ["Fréchet distance", "precision", "recall", "density", "coverage", "sharpness"]
    report = Report("Without any condition", columns)
    keys = ("precision", "recall", "density", "coverage")
    report.add("generated", f"{found['frechet']:.1f}", *(f"{found[k]:.2f}" for k in keys), f"{found['sharpness']:.3f}")
    real = [f"{found['real'][k]:.2f}" for k in keys]
    report.add("as many real ones", f"{found['frechet_real']:.1f}", *real, f"{found['sharpness_real']:.3f}")
    report.note(
        f"{found['pictures']} pictures that nothing was asked of ({results['sampler']}, {results['steps']} steps), "
        f"against {found['real_pictures']:,} real ones, in the features of the reader of words: not the FID, whose "
        f"features are another net's. Precision and the like against {found['pictures']} real ones. Sharpness: mean "
        "size of the Laplacian."
    )
    if words := results.get("words"):
        report.note(
            f"With parts of captions: {words['frechet']:.1f} of {words['pictures']} pictures (as many real ones "
            f"{words['frechet_real']:.1f}), sharpness {words['sharpness']:.3f}."
        )
    return report


def _teacher(results: dict) -> Report | None:
    if not (found := results.get("teacher")):
        return None
    columns = ["evaluations", "grey levels off", "words shown", "spread", "Fréchet distance", "sharpness"]
    report = Report("The student beside its teacher", columns)
    for row in found["rows"]:
        off = f"{row['off']:.1f}" if "off" in row else "–"
        report.add(
            f"{row['who']}, {row['steps']} step{'s' if row['steps'] > 1 else ''}", f"{row['nfe']:.0f}", off,
            _percent(row["shown"]),
            f"{row['spread']:.2f} of the real", f"{row['frechet']:.1f}", f"{row['sharpness']:.3f}",
        )  # fmt: skip
    pictures = found["prompts"] * found["seeds"]
    report.note(
        f"{found['seeds']} seeds for each of {found['prompts']} prompts ({pictures} pictures a row), ddim, guidance "
        f"{found['scale']:g}, all from the same noises. Grey levels: root mean square against the pictures of "
        f"{found['name']} with {found['steps']} steps. Fréchet distance to as many real pictures of these prompts, in "
        f"the features of the reader (other real ones: {found['rows'][0]['frechet_real']:.1f}). Sharpness of real "
        f"ones: {found['sharpness_real']:.3f}."
    )
    return report


def _retrieval(results: dict) -> Report | None:
    if not (retrieval := results.get("retrieval")):
        return None
    report = Report("Is the real picture of its prompt the nearest?", ["nearest", "among the nearest 5"])
    titles = {
        "generated": "generated",
        "seen": "generated, for prompts and styles that were seen in training",
        "other_styles": "real pictures of the same prompt in other styles, for comparison",
        "chance": "by chance",
    }
    for name in filter(retrieval.get, titles):
        report.add(titles[name], *(_percent(share) for share in retrieval[name].values()))
    report.note(
        f"Pictures for {retrieval['pictures']} held-out prompts and styles ({_how(results)}), each compared with all "
        "held-out pictures of its style by 8 × 8 colours and 4 × 4 histograms of oriented gradients; those for "
        "seen ones with as many pictures of the training, drawn at random."
    )
    return report


def _copying(results: dict) -> Report | None:
    if not (copying := results.get("copying")):
        return None
    report = Report("Does it copy?", ["median distance", "the nearest of all", f"nearer than {copying['near']:.3f}"])

    def row(name: str, median: float, nearest: float, closer: float) -> None:
        report.add(name, f"{median:.3f}", f"{nearest:.3f}", _percent(closer))

    row("generated", copying["generated"], copying["nearest"], copying["closer"])
    if seen := copying.get("seen"):
        row("generated, prompts and styles seen", seen["generated"], seen["nearest"], seen["closer"])
    row("real, held out", copying["held_out"], copying["held_out_nearest"], 0.05)
    report.note(
        f"To the nearest of {results['training']:,} training pictures, by 8 × 8 colours and 4 × 4 histograms of "
        f"oriented gradients, from {copying['pictures']} generated pictures ({_how(results)}) and from the held-out "
        "ones."
    )
    return report


NFE = {
    "energy_distance": "NFE → energy distance to the held-out pictures",
    "rmse": "NFE → RMSE to the converged picture of the same noise",
}


def _measured(results: dict, measure: str) -> list[dict]:
    return [row for row in results.get("samplers", []) if measure in row]


def _against_nfe(results: dict, measure: str) -> Report:
    """A row a sampler, a column a number of steps; NFE and distance in each cell."""
    steps = list(dict.fromkeys(row["steps"] for row in results["samplers"]))
    cells = {(row["sampler"], row["steps"]): row for row in _measured(results, measure)}
    report = Report(NFE[measure], [f"{n} step{'s' if n > 1 else ''}" for n in steps])
    for name in dict.fromkeys(name for name, _ in cells):
        found = [cells.get((name, n)) for n in steps]
        report.add(name, *(row and f"{row['nfe']:.0f} → {row[measure]:.3f}" for row in found))
    pictures = results["samplers"][0]["pictures"]
    if measure == "rmse":
        last, errors = results["reference"], [row["rmse_error"] / max(row["rmse"], 1e-12) for row in cells.values()]
        report.note(
            f"Of {pictures} pictures, without guidance, pixels in [−1, 1]. Converged: {last['sampler']} with "
            f"{last['steps']} steps. The standard error of a figure is at most {max(errors):.0%} of it. Samplers that "
            "do not follow the flow have nothing to converge to."
        )
        return report
    inside = results.get("guidance_inside")
    how = "with the guidance that it has inside" if inside else "without guidance, which doubles the NFE"
    report.note(f"Every cell rests on {pictures} pictures, of the same prompts and noises, {how}.")
    if floor := results.get("real_pictures"):
        report.note(
            f"As many real ones get {floor['mean']:.3f} ± {floor['deviation']:.3f} (standard deviation of 40 draws): "
            "less says nothing."
        )
    return report
