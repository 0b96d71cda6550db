"""What the commands that train have in common: where from and where to, how long, on what, and how an error is said."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path

import torch

from playground.errors import UserError
from playground.models.devices import choose_device, threads
from playground.models.publishing import writable


def arguments(command: str, about: str, data: str, out: str, images: int) -> argparse.ArgumentParser:
    """The command line of `playground.{command}`, to which it adds its own.

    about: its docstring, whose first line is shown; data, out: help for --data and --out; images: as many by default.
    """
    line = about.split("\n")[0]
    parser = argparse.ArgumentParser(prog=f"python -m playground.{command}", description=line)
    parser.add_argument("--data", required=True, metavar="FOLDER_OR_ZIP", help=data)
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help=out)
    parser.add_argument("--images", type=int, default=images, help="stop after having seen so many (%(default)s)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="or after so long, whichever is first")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--compile", action="store_true", help="torch.compile: faster, needs a C++ compiler")
    return parser


@contextlib.contextmanager
def told(command: str) -> Iterator[None]:
    """A UserError within ends `playground.{command}` with its sentence."""
    try:
        yield
    except UserError as error:
        sys.exit(f"playground.{command}: {error}")


def ready(args: argparse.Namespace) -> torch.device:
    """The device that was asked for. Raises UserError where it isn't there, or nothing can be written to --out."""
    device = choose_device(args.device)
    torch.set_num_threads(threads())
    writable(args.out)
    return device
