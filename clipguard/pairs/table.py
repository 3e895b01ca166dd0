"""A table of pictures and captions: CSV or TSV with a header, as open_clip's training reads it."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from clipguard.core.errors import InputError
from clipguard.core.text import printable
from clipguard.pairs.files import Entry, FilePairs

PICTURES = ("filepath", "image", "image_path", "path", "file", "filename")
CAPTIONS = ("title", "caption", "text")
_MAX_BYTES = 2_000_000_000
_MAX_SAME = 0.5
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


def read_table(path: Path) -> FilePairs:
    """The pairs of a table; pictures are named relative to its folder and stay inside it.

    Raises:
        InputError: not UTF-8, columns not found, a path that leaves the folder or is a URL, more
            than 1 % of the rows bad, or most captions alike.
    """
    data = _bytes(path)
    rows = _rows(_text(data, path), path)
    picture, caption = _columns(next(rows, []), path)
    entries, bad = _entries(rows, picture, caption, path)
    if not entries and not bad:
        raise InputError("data.empty", "the table holds no row", where=str(path), remedy="add rows")
    identifier = f"table:{len(entries)}:{hashlib.sha256(data).hexdigest()[:8]}"
    pairs = FilePairs(identifier, entries, str(path), bad)
    _require_various(entries, path)
    return pairs


def _bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise InputError(
            "data.too_large",
            f"the table has {size} bytes, the limit is {_MAX_BYTES}",
            where=str(path),
            remedy="give a part of it",
        )
    return path.read_bytes()


def _text(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "data.encoding",
            f"the table is not UTF-8 (byte {error.start})",
            where=str(path),
            remedy="save it as CSV in UTF-8",
        ) from error


def _rows(text: str, path: Path) -> Iterator[list[str]]:
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in header else ",")
    try:
        for row in reader:
            if row:
                yield row
    except csv.Error as error:
        raise InputError(
            "data.table",
            f"line {reader.line_num}: {error}",
            where=str(path),
            remedy="save it as CSV with quoted captions",
        ) from error


def _columns(header: list[str], path: Path) -> tuple[int, int]:
    names = [name.strip().lower() for name in header]
    picture = next((names.index(name) for name in PICTURES if name in names), None)
    caption = next((names.index(name) for name in CAPTIONS if name in names), None)
    if picture is None or caption is None:
        found = ", ".join(printable(name, 40) for name in header[:20]) or "none"
        raise InputError(
            "data.columns",
            f"columns found: {found}; wanted: one of {', '.join(PICTURES)} and one of "
            f"{', '.join(CAPTIONS)}",
            where=str(path),
            remedy="name the columns in the first line",
        )
    return picture, caption


def _entries(
    rows: Iterator[list[str]], picture: int, caption: int, path: Path
) -> tuple[list[Entry], dict[str, str]]:
    root = path.absolute().parent
    inside = root.resolve()
    entries: list[Entry] = []
    bad: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        key = f"row {number}"
        if len(row) <= max(picture, caption):
            bad[key] = f"{len(row)} columns"
            continue
        name, text = row[picture].strip(), " ".join(row[caption].split())
        reason = _unusable(name, text)
        if not reason:
            _require_relative(name, f"{path}, {key}")
            file = root / name
            reason = "" if file.is_file() else f"no file {printable(name, 80)}"
            if not reason and not file.resolve().is_relative_to(inside):
                raise _escape(name, f"{path}, {key}")
        if reason:
            bad[key] = reason
        else:
            entries.append(Entry(f"{key} {name}", file, text))
    return entries, bad


def _unusable(name: str, text: str) -> str:
    if not name or "\0" in name:
        return "no picture is named"
    return "" if text and "\0" not in text else "no caption"


def _require_relative(name: str, where: str) -> None:
    if _SCHEME.match(name):
        raise InputError(
            "data.scheme",
            f"{printable(name, 80)} is no file below the table's folder",
            where=where,
            remedy="download the pictures beside the table and name them relative to it",
        )
    for parts in (PurePosixPath(name), PureWindowsPath(name)):
        if parts.is_absolute() or ".." in parts.parts:
            raise _escape(name, where)


def _escape(name: str, where: str) -> InputError:
    return InputError(
        "path.escape",
        f"{printable(name, 80)} leaves the table's folder",
        where=where,
        remedy="put the pictures below the table's folder",
    )


def _require_various(entries: list[Entry], path: Path) -> None:
    text, count = Counter(entry.text for entry in entries).most_common(1)[0]
    if len(entries) > 1 and count > _MAX_SAME * len(entries):
        raise InputError(
            "data.degenerate_captions",
            f"{count} of {len(entries)} captions are {printable(text, 60)!r}",
            where=str(path),
            remedy="give pairs whose captions describe their pictures",
        )
