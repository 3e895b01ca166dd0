"""Image-text pairs: drawn by clipguard itself, generated, or given by the user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clipguard.core.errors import InputError, UsageError
from clipguard.pairs.spec import FileSpec, expand

if TYPE_CHECKING:
    from clipguard.pairs.files import FilePairs


def open_pairs(source: Path | FileSpec) -> FilePairs:
    """The user's own pairs: a table, a folder of pictures with captions, or shards.

    Args:
        source: a path, or what ``--data`` says; its share is not looked at.

    Raises:
        InputError: no such file, or the pairs in it cannot be used.
        UsageError: settings of a table for something else.
    """
    from clipguard.pairs.folder import read_folder
    from clipguard.pairs.shards import read_shards
    from clipguard.pairs.table import read_table

    spec = source if isinstance(source, FileSpec) else FileSpec(str(source))
    path = Path(spec.where)
    shards = _shards(path)
    if spec.settings and (shards or path.is_dir()):
        raise UsageError(
            "usage.data",
            f"{', '.join(f'{key}=' for key in spec.settings)} is for tables alone",
            where=spec.where,
            remedy="leave it out",
        )
    if shards:
        return read_shards(shards)
    if path.is_dir():
        return read_folder(path)
    if not path.is_file():
        raise InputError(
            "data.missing", "no such file or folder", where=spec.where, remedy="check the path"
        )
    return read_table(path, spec.settings)


def open_pictures(source: FileSpec) -> FilePairs:
    """Pairs as :func:`open_pairs` opens them, or a folder of pictures without any caption.

    Raises:
        InputError: as there.
        UsageError: as there.
    """
    from clipguard.pairs.folder import has_captions, read_pictures

    path = Path(source.where)
    if path.is_dir() and not source.settings and not _shards(path) and not has_captions(path):
        return read_pictures(path)
    return open_pairs(source)


def _shards(path: Path) -> list[Path]:
    """The archives that a path means; none when it is no shard."""
    if path.is_dir():
        return sorted(path.glob("*.tar"))
    if path.suffix.lower() != ".tar":
        return []
    return [path] if path.exists() else [Path(name) for name in expand(str(path))]
