"""A folder of pictures, each with a caption in a text file of the same name, or without."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from clipguard.core.errors import InputError
from clipguard.pairs.files import Entry, FilePairs

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
_MAX_CAPTION = 10_000


def read_folder(path: Path) -> FilePairs:
    """The pictures below ``path``, in the order of their names; links to folders are not followed.

    Raises:
        InputError: no picture, or a caption that is not UTF-8.
    """
    entries = []
    for folder, folders, files in os.walk(path):
        folders.sort()
        pictures = (name for name in sorted(files) if name.lower().endswith(SUFFIXES))
        for name in pictures:
            picture = Path(folder, name)
            key = picture.relative_to(path).as_posix()
            entries.append(Entry(key, picture, _caption(picture.with_suffix(".txt"))))
    if not entries:
        raise InputError(
            "data.no_pictures",
            "no picture in this folder",
            where=str(path),
            remedy=f"give a folder with {', '.join(SUFFIXES)} files",
        )
    names = hashlib.sha256(
        "\n".join(sorted(entry.key for entry in entries)).encode("utf-8", "replace")
    )
    return FilePairs(f"folder:{len(entries)}:{names.hexdigest()[:8]}", entries, str(path))


def _caption(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        with path.open(encoding="utf-8-sig") as file:
            return " ".join(file.read(_MAX_CAPTION).split())
    except UnicodeDecodeError as error:
        raise InputError(
            "data.encoding",
            f"the caption is not UTF-8 (byte {error.start})",
            where=str(path),
            remedy="save it as UTF-8",
        ) from error
