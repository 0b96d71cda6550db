"""`python -m playground.bench NAME …`."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path

from playground.bench import crowd, growth, lesson, offline, timing
from playground.errors import UserError
from playground.report import save

BENCHMARKS = {
    "unet": offline.unet,
    "samplers": offline.samplers,
    "timing": timing.timing,
    "stream": crowd.stream,
    "class": lesson.lesson,
    "growth": growth.growth,
    "start": crowd.start,
    "soak": crowd.soak,
}


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m playground.bench", description="Measures the playground.")
    parser.add_argument("names", nargs="+", choices=BENCHMARKS, metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument(
        "--against", type=Path, metavar="FILE", help="an earlier --json: show each number's ratio to it"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument("--checkpoint", default="emoji-32")
    parser.add_argument("--device", default="cpu", help="of unet (cpu)")
    parser.add_argument("--figures", metavar="MACHINE", help="of timing: keep them in figures.json under this name")
    parser.add_argument("--rounds", type=int, default=12, help="how often each thing is timed (12)")
    parser.add_argument("--students", type=int, default=30, help="of class and soak (30)")
    parser.add_argument("--pictures", type=int, default=1, help="each student's, of class and growth (1)")
    parser.add_argument("--arrive", type=float, default=5.0, help="seconds within which the class arrives (5)")
    parser.add_argument("--engines", default="", metavar="WHERE", help="of class: as app.py takes it")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="of growth: write table and plot there, with a date")
    parser.add_argument("--seconds", type=float, default=600.0, help="of soak (600)")
    return parser


def main(argv: list[str] | None = None) -> int:
    args = arguments().parse_args(argv)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    earlier = json.loads(args.against.read_text(encoding="utf-8")) if args.against else {}
    reports = []
    for name in args.names:
        try:
            reports.append(BENCHMARKS[name](**vars(args)))
        except UserError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        print(reports[-1].text(earlier.get(reports[-1].name)), flush=True)
        if args.json:
            save(reports, args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
