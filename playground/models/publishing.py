"""Files of a model, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playground.errors import UserError


@contextlib.contextmanager
def publishing(folder: Path | str) -> Iterator[Path]:
    """A draft of what is to be written into `folder`: its files take their places, one rename each, when all of them
    are whole. If anything fails before, on a full disk for instance, the folder keeps what it had.

    Raises:
        UserError: nothing can be written there.
    """
    folder = writable(folder)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
    try:
        yield draft
        for file in sorted(draft.iterdir(), key=lambda file: file.suffix == ".safetensors"):  # the weights last
            os.replace(file, folder / file.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def writable(folder: Path | str) -> Path:
    """The folder, made if need be, after a trial whether files can be written there.

    Raises:
        UserError: they can't. Who works for hours asks before, not after.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            "Nothing can be written to {folder}: {reason}.", folder=folder, reason=error.strerror
        ) from error
    return folder
