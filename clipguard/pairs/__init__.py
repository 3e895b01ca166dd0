"""Image-text pairs: drawn by clipguard itself or given by the user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clipguard.core.errors import InputError

if TYPE_CHECKING:
    from clipguard.pairs.files import FilePairs


def open_pairs(path: Path) -> FilePairs:
    """The user's own pairs: a folder of pictures, or a CSV or TSV that names them.

    Raises:
        InputError: no such file, or nothing in it can be used.
    """
    from clipguard.pairs.folder import read_folder
    from clipguard.pairs.table import read_table

    if path.is_dir():
        return read_folder(path)
    if path.suffix.lower() == ".tar":
        raise InputError(
            "data.archive",
            "shards are not read",
            where=str(path),
            remedy="unpack it and give the folder",
        )
    if not path.is_file():
        raise InputError(
            "data.missing", "no such file or folder", where=str(path), remedy="check the path"
        )
    return read_table(path)
