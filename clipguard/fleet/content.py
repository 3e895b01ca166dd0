"""Digests of files and folders, whatever they hold."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from clipguard.core.errors import InputError

_BLOCK = 1 << 20


def digest(path: Path) -> tuple[str, int]:
    """SHA-256 and size in bytes of a file, or of all files in a folder with their names.

    Raises:
        InputError: it is missing, cannot be read, or is neither file nor folder.
    """
    try:
        return _folder(path) if path.is_dir() else _file(path)
    except (OSError, ValueError) as error:
        raise InputError(
            "fleet.unreadable",
            f"cannot be read: {error.strerror if isinstance(error, OSError) else error}",
            where=str(path),
            remedy="check the path, and leave out what is no model",
        ) from error


def _file(path: Path) -> tuple[str, int]:
    total, size = hashlib.sha256(), 0
    if path.exists() and not path.is_file():
        raise ValueError("it is neither file nor folder")  # a pipe would never end
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total.update(block)
            size += len(block)
    return total.hexdigest(), size


def _folder(path: Path) -> tuple[str, int]:
    total, size = hashlib.sha256(), 0
    for file in sorted(item for item in path.rglob("*") if item.is_file()):
        found, length = _file(file)
        total.update(os.fsencode(file.relative_to(path).as_posix()) + f"\0{found}\n".encode())
        size += length
    return total.hexdigest(), size
