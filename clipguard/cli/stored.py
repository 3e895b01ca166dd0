"""Results that an earlier run wrote."""

from __future__ import annotations

import sys
from pathlib import Path

from clipguard.core.errors import InputError
from clipguard.core.results import Result

REMEDY = "give the JSON written by scan, clean, audit, evaluate or inspect"
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
            remedy=REMEDY,
        ) from error
    if len(data) > LARGEST:
        raise InputError(
            "result.too_large",
            f"more than {LARGEST:,} bytes",
            where=name,
            remedy=REMEDY,
        )
    return schema.loads(data, where=name)
