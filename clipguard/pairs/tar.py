"""Where the regular members of a tar archive lie. Nothing is unpacked and no name is followed.

Read are POSIX ustar headers, pax headers (``path`` and ``size``) and GNU long names: what Python,
GNU tar and the writers of webdataset shards produce.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clipguard.core.errors import InputError

_BLOCK = 512
_REGULAR = (b"0", b"\0")
_LONG_NAME, _PAX, _PAX_GLOBAL = b"L", b"x", b"g"
_LARGEST_HEADER = 1 << 16


@dataclass(frozen=True)
class Member:
    """A regular file in an archive: its name as written, and the place of its bytes."""

    name: str
    place: int
    size: int


def members(file: io.BufferedReader, path: Path) -> Iterator[Member]:
    """The regular members in order; links, devices, folders and sparse files are passed by.

    Args:
        file: the archive, opened in binary mode.
        path: how errors call it.

    Raises:
        InputError: no tar archive, damaged, or cut off.
    """
    end = path.stat().st_size
    place, extra = 0, dict[str, str]()
    while True:
        header = _read(file, place, _BLOCK, path)
        if not any(header):
            return
        kind, size = header[156:157], _size(header, path, place)
        place += _BLOCK
        if kind in (_LONG_NAME, _PAX, _PAX_GLOBAL):
            if size > _LARGEST_HEADER:
                raise _damaged(path, place, "a header of unusual length")
            extra |= _extension(kind, _read(file, place, size, path), path, place)
        else:
            if "size" in extra:
                size = _number(extra["size"], path, place)
            sparse = any(key.startswith("GNU.sparse") for key in extra)
            if kind in _REGULAR and not sparse:
                yield Member(extra.get("path", _name(header)), place, size)
            extra = {}
        place += (size + _BLOCK - 1) // _BLOCK * _BLOCK
        if place > end:
            raise _damaged(path, end, "the archive is cut off")


def _read(file: io.BufferedReader, place: int, size: int, path: Path) -> bytes:
    file.seek(place)
    data = file.read(size)
    if len(data) != size:
        raise _damaged(path, place, "the archive is cut off")
    return data


def _size(header: bytes, path: Path, place: int) -> int:
    given = _number(header[148:156].decode("latin-1"), path, place, base=8)
    if sum(header[:148]) + sum(header[156:]) + 8 * ord(" ") != given:
        raise _damaged(path, place, "a header with a wrong checksum, or no tar archive")
    field = header[124:136]
    if field[0] & 0x80:  # GNU: sizes of 8 GiB and more as a binary number
        return int.from_bytes(field[1:], "big")
    return _number(field.decode("latin-1"), path, place, base=8)


def _number(text: str, path: Path, place: int, *, base: int = 10) -> int:
    digits = text.strip("\0 ")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 20:
        raise _damaged(path, place, "a header without a size or checksum, or no tar archive")
    try:
        return int(digits, base)
    except ValueError as error:
        raise _damaged(path, place, "a header without a size or checksum") from error


def _name(header: bytes) -> str:
    name, prefix = (part.split(b"\0")[0] for part in (header[:100], header[345:500]))
    ustar = header[257:263] == b"ustar\0"  # GNU's old headers keep times where the prefix is
    whole = b"/".join((prefix, name)) if prefix and ustar else name
    return whole.decode("utf-8", "surrogateescape")


def _extension(kind: bytes, data: bytes, path: Path, place: int) -> dict[str, str]:
    if kind == _LONG_NAME:
        return {"path": data.split(b"\0")[0].decode("utf-8", "surrogateescape")}
    found = {}
    while data:
        length, space, _ = data.partition(b" ")
        size = _number(length[:20].decode("latin-1"), path, place)
        record, data = data[len(length) + 1 : size], data[size:]
        key, equals, value = record.rstrip(b"\n").partition(b"=")
        if not space or not equals or size <= len(length):
            raise _damaged(path, place, "a damaged pax header")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
    if kind == _PAX_GLOBAL:
        if {"path", "size"} & found.keys():
            raise _damaged(path, place, "a header that renames every member")
        return {}
    return found


def _damaged(path: Path, place: int, what: str) -> InputError:
    return InputError(
        "data.shard",
        f"byte {place}: {what}",
        where=str(path),
        remedy="download or write the shard again, uncompressed",
    )
