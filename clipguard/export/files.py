"""Files that appear together or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clipguard.core import atomic
from clipguard.core.results import Artifact, Export

_CHUNK = 1 << 20


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """A hidden folder below ``folder``, whose files move up when the block ends well.

    Raises:
        MachineError: the folder cannot be made or written.
    """
    with atomic.explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=atomic.PREFIX) as name:
            yield Path(name)
            for file in sorted(path for path in Path(name).rglob("*") if path.is_file()):
                place = folder / file.relative_to(name)
                place.parent.mkdir(parents=True, exist_ok=True)
                os.replace(file, place)


def artifact(path: Path, name: str | None = None) -> Artifact:
    """Name, digest and size of a file; ``name`` where it is not the last part of the path."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return Artifact(
        name=name or path.name, sha256=digest.hexdigest(), size_bytes=path.stat().st_size
    )


def uncompared(written: Artifact, kind: str) -> Export:
    """A file that holds nothing to compare with torch."""
    return Export(artifact=written, kind=kind, min_cosine=None, max_abs_difference=None, compared=0)
