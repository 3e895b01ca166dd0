"""``SHA256SUMS``: what an output folder holds, in the form that ``sha256sum -c`` reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clipguard.core.errors import InputError
from clipguard.export.files import artifact

FILE = "SHA256SUMS"
_LINE = re.compile(rb"([0-9a-f]{64})  ([^\\\r\n]+)")


@dataclass(frozen=True)
class Difference:
    """A file that is not as it was written; ``name`` is relative to the folder."""

    name: str
    state: Literal["differs", "is missing", "is not listed", "is a link", "cannot be read"]


def write_sums(folder: Path) -> None:
    """List every file of a folder, in the order of their names."""
    lines = [f"{digest}  {name}\n" for name, digest in digests(folder).items()]
    (folder / FILE).write_bytes("".join(lines).encode())


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder but the list, by name, in the order of the names."""
    return {name: _digest(folder / name) for name in sorted(_names(folder))}


def compare(folder: Path) -> tuple[int, tuple[Difference, ...]]:
    """How many files are listed, and which are not as listed.

    Raises:
        InputError: the list is missing, cannot be read, or is not in the form that was written.
    """
    listed = _read(folder)
    found = _names(folder)
    differences = [Difference(name, "is not listed") for name in found - listed.keys()]
    for name, digest in listed.items():
        if name not in found:
            differences.append(Difference(name, "is missing"))
            continue
        if (folder / name).is_symlink():  # what it leads to may change without the folder
            differences.append(Difference(name, "is a link"))
            continue
        try:
            if _digest(folder / name) != digest:
                differences.append(Difference(name, "differs"))
        except OSError:
            differences.append(Difference(name, "cannot be read"))
    return len(listed), tuple(sorted(differences, key=lambda item: item.name))


def _names(folder: Path) -> set[str]:
    """Everything below the folder that is no folder itself, but the list."""
    return {path.relative_to(folder).as_posix() for path in _below(folder)} - {FILE}


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        linked = [name for name in folders if os.path.islink(os.path.join(place, name))]
        yield from (Path(place, name) for name in (*files, *linked))


def _digest(path: Path) -> str:
    if not path.is_file():  # a pipe would keep its reader waiting
        raise OSError(f"{path} is no regular file")
    return artifact(path).sha256


def _read(folder: Path) -> dict[str, str]:
    try:
        data = (folder / FILE).read_bytes() if (folder / FILE).is_file() else b""
    except OSError:
        data = b""
    body, end, rest = data.rpartition(b"\n")
    matches = [_LINE.fullmatch(line) for line in body.split(b"\n")]
    entries = [(os.fsdecode(match[2]), match[1].decode()) for match in matches if match]
    names = [name for name, _ in entries]
    if not end or rest or len(entries) != len(matches) or names != sorted(set(names)):
        raise InputError(
            "verify.no_sums",
            "missing, or not in the form that was written",
            where=str(folder / FILE),
            remedy="give an output folder of audit, clean or export",
        )
    return dict(entries)
