"""Results that an earlier run wrote."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from clipguard.core.errors import InputError
from clipguard.core.results import Result

Made = TypeVar("Made")

LARGEST = 64_000_000  # bytes; a result with all its pictures has a few


def read(path: Path) -> Result:
    """A result from a file, or from standard input for ``-``.

    Raises:
        InputError: no such file, unreadable, too large, or no result.
    """
    from clipguard.core import schema

    name = str(path)
    try:
        if name == "-":
            data = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise InputError(
            "file.missing", "no such file", where=name, remedy="check the path"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(
            "result.unreadable",
            f"cannot be read: {error.strerror if isinstance(error, OSError) else error}",
            where=name,
            remedy="give the JSON written by scan, clean, audit or evaluate",
        ) from error
    if len(data) > LARGEST:
        raise InputError(
            "result.too_large",
            f"more than {LARGEST:,} bytes",
            where=name,
            remedy="give the JSON written by scan, clean, audit or evaluate",
        )
    return schema.loads(data, where=name)


def drawn(path: Path, draw: Callable[[], Made]) -> Made:
    """What is made of a result; figures that no run writes are an error of the file, not a bug.

    Raises:
        InputError: the figures cannot be drawn or compared.
    """
    try:
        return draw()
    except (ArithmeticError, ValueError) as error:
        raise InputError(
            "result.invalid",
            f"holds figures that no run writes: {error}",
            where=str(path),
            remedy="give the JSON written by scan, clean, audit or evaluate",
        ) from error
