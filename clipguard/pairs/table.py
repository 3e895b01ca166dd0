"""A table of pictures and captions with a header, as the trainers of CLIP read it."""

from __future__ import annotations

import csv
import hashlib
import io
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from clipguard.core.errors import InputError
from clipguard.core.text import printable
from clipguard.pairs.files import Entry, FilePairs, Intake, caption
from clipguard.pairs.slices import Slices
from clipguard.pairs.spec import SEPARATORS, has_scheme

PICTURES = ("filepath", "image", "image_path", "path", "file", "filename")
CAPTIONS = ("title", "caption", "text")
LONGEST_LINE = 1 << 20


def read_table(path: Path, settings: Mapping[str, str]) -> FilePairs:
    """The pairs of a table; pictures are named relative to its folder and stay inside it.

    Args:
        path: CSV or TSV in UTF-8.
        settings: ``image`` and ``caption`` name the columns, ``separator`` is one of
            :data:`clipguard.pairs.spec.SEPARATORS`; what is left out is found. ``root`` is the
            folder of the pictures, relative to the table's.

    Raises:
        InputError: not UTF-8, columns not found, a path that leaves the folder or is a URL, more
            than 1 % of the rows bad, or most captions alike.
    """
    intake = Intake(str(path))
    table = _Table(path, settings, intake)
    pairs = FilePairs(table, intake)
    if not len(table):
        raise InputError("data.empty", "the table holds no row", where=str(path), remedy="add rows")
    intake.require_various(table)
    return pairs


@dataclass(frozen=True)
class _Columns:
    """Where picture and caption stand in a row."""

    separator: str
    picture: int
    text: int

    def of(self, row: list[str]) -> tuple[str, str]:
        """Picture and caption of a row."""
        return row[self.picture].strip(), caption(row[self.text])


class _Table:
    """The rows of a table, read again from their places in the file when they are asked for."""

    def __init__(self, path: Path, settings: Mapping[str, str], intake: Intake) -> None:
        self.where = str(path)
        self._file = Slices(path)
        root = path.absolute().parent / settings.get("root", "")
        self._root = _Root(root)
        self._starts, self._numbers = array("Q"), array("Q")
        with path.open("rb") as file:
            lines = _Lines(file, path)
            self._columns = _columns(_header(lines), settings, path)
            self._index(lines, intake)
        self.id = f"table:{len(self)}:{lines.digest.hexdigest()[:8]}"

    def __len__(self) -> int:
        return len(self._numbers)

    def entry(self, index: int) -> Entry:
        """The pair of a usable row."""
        number = self._numbers[index]
        start, end = self._starts[number - 1], self._starts[number]
        text = self._file.read(start, end - start).decode("utf-8")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self._columns.separator)
        name, words = self._columns.of(next(filter(None, rows)))
        label = f"row {number}"
        return Entry(f"{label} {name}", label, self._root.path / name, words)

    def _index(self, lines: _Lines, intake: Intake) -> None:
        self._starts.append(lines.place)
        for number, row in enumerate(_rows(lines, self._columns.separator), start=1):
            self._starts.append(lines.place)
            reason = self._unusable(row, f"{self.where}, row {number}")
            if reason:
                intake.bad(f"row {number}", reason)
            else:
                self._numbers.append(number)
                intake.good(*self._columns.of(row))

    def _unusable(self, row: list[str], where: str) -> str:
        if len(row) <= max(self._columns.picture, self._columns.text):
            return f"{len(row)} columns"
        name, text = self._columns.of(row)
        if not name or "\0" in name:
            return "no picture is named"
        if not text:
            return "no caption"
        return "" if self._root.holds(name, where) else f"no file {printable(name, 80)}"


class _Root:
    """The folder that the pictures of a table may lie in."""

    def __init__(self, path: Path) -> None:
        self.path, self._resolved = path, path.resolve()
        self._known: dict[Path, bool] = {}

    def holds(self, name: str, where: str) -> bool:
        """Whether there is such a file.

        Raises:
            InputError: the name is a URL or leads out of the folder.
        """
        if has_scheme(name):
            raise InputError(
                "data.scheme",
                f"{printable(name, 80)} is no file below the table's folder",
                where=where,
                remedy="download the pictures beside the table and name them relative to it",
            )
        file = self.path / name
        if _climbs(name) or (file.is_file() and not self._inside(file)):
            raise InputError(
                "path.escape",
                f"{printable(name, 80)} leaves the table's folder",
                where=where,
                remedy="put the pictures below the table's folder, or name theirs with root=",
            )
        return file.is_file()

    def _inside(self, file: Path) -> bool:
        if file.is_symlink():
            return file.resolve().is_relative_to(self._resolved)
        folder = file.parent
        if folder not in self._known:
            self._known[folder] = folder.resolve().is_relative_to(self._resolved)
        return self._known[folder]


def _climbs(name: str) -> bool:
    """Up, or absolute on another system than this one; absolute here may still be inside."""
    windows = PureWindowsPath(name)
    foreign = windows.is_absolute() and not Path(name).is_absolute()
    return foreign or ".." in windows.parts or ".." in PurePosixPath(name).parts


class _Lines:
    """The lines of a file as text, with the place behind the last one and the digest so far."""

    def __init__(self, file: io.BufferedReader, path: Path) -> None:
        self._file, self._path = file, path
        self.place, self.digest = 0, hashlib.sha256()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        if len(line) == LONGEST_LINE:
            raise self.damaged(f"a line longer than {LONGEST_LINE} bytes")
        self.digest.update(line)
        try:
            text = line.decode("utf-8" if self.place else "utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(
                "data.encoding",
                f"the table is not UTF-8 (byte {self.place + error.start})",
                where=str(self._path),
                remedy="save it as CSV in UTF-8",
            ) from error
        self.place += len(line)
        return text

    def damaged(self, what: str) -> InputError:
        """The error for a file that is no table, by the place read last."""
        return InputError(
            "data.table",
            f"byte {self.place}: {what}",
            where=str(self._path),
            remedy="save it as CSV with quoted captions",
        )


def _rows(lines: _Lines, separator: str) -> Iterator[list[str]]:
    try:
        yield from filter(None, csv.reader(lines, delimiter=separator))
    except csv.Error as error:
        raise lines.damaged(str(error)) from error


def _header(lines: _Lines) -> str:
    return next((line for line in lines if line.strip("\r\n")), "")


def _names(header: str, separator: str) -> list[str]:
    try:
        return [
            name.strip().lower() for name in next(csv.reader([header], delimiter=separator), [])
        ]
    except csv.Error:
        return []


def _columns(header: str, settings: Mapping[str, str], path: Path) -> _Columns:
    """Under the separator given, else under the first that makes both columns appear."""
    given = settings.get("separator")
    pictures, captions = (
        (settings[key].strip().lower(),) if key in settings else usual
        for key, usual in (("image", PICTURES), ("caption", CAPTIONS))
    )
    most: list[str] = []
    for separator in (SEPARATORS[given],) if given else SEPARATORS.values():
        names = _names(header, separator)
        picture = next((names.index(name) for name in pictures if name in names), None)
        text = next((names.index(name) for name in captions if name in names), None)
        if picture is not None and text is not None:
            return _Columns(separator, picture, text)
        most = max(most, names, key=len)
    found = ", ".join(printable(name, 40) for name in most[:20]) or "none"
    raise InputError(
        "data.columns",
        f"columns found: {found}; wanted: one of {', '.join(pictures)} and one of "
        f"{', '.join(captions)}",
        where=str(path),
        remedy="name the columns in the first line, or give image=, caption= and separator=",
    )
