"""What an in-toto attestation in an output folder says of the files beside it. Needs no torch."""

from __future__ import annotations

from pathlib import Path

import msgspec

from clipguard.core.errors import InputError
from clipguard.export import sums
from clipguard.export.attestation import FILE, STATEMENT


class _Digest(msgspec.Struct):
    sha256: str


class _Subject(msgspec.Struct):
    name: str
    digest: _Digest


class _Statement(msgspec.Struct, rename={"type": "_type"}):
    type: str
    subject: tuple[_Subject, ...]


def compare(folder: Path) -> tuple[int, tuple[str, ...]] | None:
    """How many files the attestation speaks of, and the names that are not the files it saw.

    Only files in the folder are looked at, never what a name leads to elsewhere.

    Returns:
        None: there is no attestation.

    Raises:
        InputError: it is no in-toto Statement v1 about any file.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        statement = msgspec.json.decode(path.read_bytes(), type=_Statement)
    except (msgspec.DecodeError, OSError, RecursionError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)) from error
    if statement.type != STATEMENT or not statement.subject:
        raise _unusable(path, "it names no file, or is of another type")
    here = sums.digests(folder)
    others = [item.name for item in statement.subject if here.get(item.name) != item.digest.sha256]
    return len(statement.subject), tuple(others)


def _unusable(path: Path, why: str) -> InputError:
    return InputError(
        "verify.attestation",
        f"this is no in-toto Statement v1 about files: {why}",
        where=str(path),
        remedy="give an output folder as it was written",
    )
