"""A folder of pictures, with captions in text files of the same names or in captions.json."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from clipguard.core.errors import InputError
from clipguard.pairs.files import LONGEST_CAPTION, Entry, FilePairs, Intake, caption

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
CAPTIONS = "captions.json"
LARGEST_JSON = 256 << 20


def read_folder(path: Path) -> FilePairs:
    """The pictures below ``path`` with their captions, in the order of their names.

    Links to folders are not followed. Where there is a ``captions.json``, an object from the names
    of pictures to captions, it is the only source of captions.

    Raises:
        InputError: no picture, captions that are not UTF-8 or no JSON, more than 1 % of the
            pictures without a caption, or most captions alike.
    """
    intake = Intake(str(path))
    folder = _Folder(path, _listed(path / CAPTIONS), intake)
    pairs = FilePairs(folder, intake)
    intake.require_various(folder)
    return pairs


def has_captions(path: Path) -> bool:
    """Whether a folder holds a caption for any of its pictures."""
    return (path / CAPTIONS).is_file() or any(
        (path / name).with_suffix(".txt").is_file() for name in _pictures(path)
    )


def read_pictures(path: Path) -> FilePairs:
    """The pictures below ``path`` alone; every caption is empty.

    Raises:
        InputError: no such folder, or no picture in it.
    """
    if not path.is_dir():
        raise InputError("data.missing", "no such folder", where=str(path), remedy="check the path")
    intake = Intake(str(path))
    return FilePairs(_Folder(path, None, intake, captions=False), intake)


class _Folder:
    """Pictures by name; a caption is read again when it is asked for."""

    def __init__(
        self, path: Path, listed: dict[str, object] | None, intake: Intake, *, captions: bool = True
    ) -> None:
        self.where, self._path = str(path), path
        self._listed, self._captions = listed, captions
        self._names: list[str] = []
        digest, count = hashlib.sha256(), 0
        for name in _pictures(path):
            count += 1
            text = self._text(name)
            digest.update(f"{name}\0{text}\n".encode("utf-8", "surrogatepass"))
            if captions and not text:
                intake.bad(name, "no caption")
            else:
                self._names.append(name)
                intake.good(name, text)
        if not count:
            raise InputError(
                "data.no_pictures",
                "no picture in this folder",
                where=str(path),
                remedy=f"give a folder with {', '.join(SUFFIXES)} files",
            )
        for name in sorted((listed or {}).keys()):
            if not (path / name).is_file():
                intake.bad(name, f"no such file, but a caption in {CAPTIONS}")
        self.id = f"folder:{len(self)}:{digest.hexdigest()[:8]}"

    def __len__(self) -> int:
        return len(self._names)

    def entry(self, index: int) -> Entry:
        """The pair of a usable picture."""
        name = self._names[index]
        return Entry(name, name, self._path / name, self._text(name))

    def _text(self, name: str) -> str:
        if not self._captions:
            return ""
        if self._listed is None:
            return _caption((self._path / name).with_suffix(".txt"))
        return caption(self._listed.get(name))


def _pictures(path: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES):
                yield Path(folder, name).relative_to(path).as_posix()


def _caption(path: Path) -> str:
    if not path.is_file():
        return ""
    try:
        with path.open(encoding="utf-8-sig") as file:
            return caption(file.read(LONGEST_CAPTION))
    except UnicodeDecodeError as error:
        raise InputError(
            "data.encoding",
            f"the caption is not UTF-8 (byte {error.start})",
            where=str(path),
            remedy="save it as UTF-8",
        ) from error


def _listed(path: Path) -> dict[str, object] | None:
    if not path.is_file():
        return None
    if path.stat().st_size > LARGEST_JSON:
        raise InputError(
            "data.too_large",
            f"larger than {LARGEST_JSON >> 20} MiB",
            where=str(path),
            remedy="give a table or shards instead",
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _no_captions(path, " ".join(str(error).split())) from error
    if not isinstance(found, dict):
        raise _no_captions(path, f"a {type(found).__name__} instead of an object")
    return found


def _no_captions(path: Path, what: str) -> InputError:
    return InputError(
        "data.captions_json",
        f"no captions: {what}",
        where=str(path),
        remedy='give an object such as {"a.jpg": "a red apple"} in UTF-8',
    )
