"""Zip archives of checkpoints, read strictly: every header must tell the same story.

Torch, Python and unzip tools disagree about archives whose headers contradict each other. Such a
file could show one content to a scanner and another to a loader, so it is refused; its members are
still listed, because any of them may hold evidence.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from dataclasses import dataclass, field
from mmap import mmap

from clipguard.checkpoint.findings import RESAVE
from clipguard.core.errors import ClipguardError, InputError, RefusedError
from clipguard.core.text import printable

STORED, DEFLATED = 0, 8
UNCOMPUTED = 0  # the checksum that torch writes when it is told to compute none
MOST_MEMBERS = 100_000
LONGEST_NAME = 4096
LARGEST_PICKLE = 64 << 20
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_FAR, _FULL = 0xFFFFFFFF, 0xFFFF
_HAS_DESCRIPTOR, _UTF8 = 0x0008, 0x0800
_MOST_PROBLEMS = 100
_LONGEST_DESCRIPTOR = 24
_DRIVE = re.compile(r"^[A-Za-z]:")
_AGAIN = "download the file again"


@dataclass(frozen=True)
class Member:
    """One file of the archive.

    ``start`` and ``stored`` say where its bytes lie, ``size`` how many they are once inflated.
    """

    name: str
    method: int
    crc: int
    stored: int
    size: int
    header: int
    start: int

    @property
    def end(self) -> int:
        """Offset behind the member's bytes."""
        return self.start + self.stored


@dataclass
class Archive:
    """The members as the central directory lists them, and what speaks against the archive.

    ``end`` is the offset behind its last record.
    """

    where: str
    members: list[Member] = field(default_factory=list)
    problems: list[ClipguardError] = field(default_factory=list)
    end: int = 0

    def refuse(self, code: str, what: str, remedy: str = _AGAIN) -> None:
        """Remember a reason to refuse."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(RefusedError(code, what, where=self.where, remedy=remedy))


def find_end(data: mmap) -> int:
    """Offset of the end-of-central-directory record; -1 where there is none."""
    return data.rfind(b"PK\x05\x06", max(0, len(data) - _END.size - 0xFFFF))


def read_archive(data: mmap, where: str) -> Archive:
    """List an archive's members and check its headers against each other.

    Raises:
        InputError: the archive breaks off, or its directory cannot be read at all.
    """
    archive = Archive(where)
    end = find_end(data)
    if end < 0 or end + _END.size > len(data):
        raise _truncated(
            where, f"breaks off after {len(data)} bytes, before the directory at its end"
        )
    count, length, start, base = _directory(data, end, archive)
    if count > MOST_MEMBERS:
        archive.refuse("zip.limits", f"{count} members, at most {MOST_MEMBERS}", RESAVE)
        return archive
    offset = start
    for _ in range(count):
        offset = _entry(data, offset, base, archive)
    if offset != start + length:
        archive.refuse("zip.header_mismatch", "the directory's length contradicts its entries")
    _check_names(archive)
    _check_ranges(data, archive, start)
    return archive


def content(data: mmap, member: Member, where: str) -> bytes | memoryview:
    """A member's bytes, inflated when necessary.

    Raises:
        RefusedError: it inflates to something else than the headers say, or to too much.
    """
    raw = memoryview(data)[member.start : member.end]
    if member.method == STORED:
        return raw
    if member.size > LARGEST_PICKLE:
        raise _bad_member("zip.bomb", where, member, f"inflates to {member.size} bytes")
    try:
        inflated = zlib.decompressobj(-15).decompress(raw, member.size + 1)
    except zlib.error:
        raise _bad_member("zip.crc", where, member, "cannot be inflated") from None
    if len(inflated) != member.size:
        raise _bad_member("zip.header_mismatch", where, member, "has another size than declared")
    return inflated


def _directory(data: mmap, end: int, archive: Archive) -> tuple[int, int, int, int]:
    """Count of entries, length and start of the directory, and what precedes the archive."""
    _, disk, first_disk, here, count, length, start, comment = _END.unpack_from(data, end)
    archive.end = end + _END.size
    if archive.end != len(data) or comment:
        archive.refuse("file.polyglot", "bytes follow the end of the archive", RESAVE)
    tail = end
    if data[max(0, end - 20) : end][:4] == b"PK\x06\x07":
        tail = end - 20 - _END64.size
        if tail < 0 or data[tail : tail + 4] != b"PK\x06\x06":
            raise _truncated(archive.where, "the archive's directory is damaged")
        fields = _END64.unpack_from(data, tail)
        disk, first_disk, here, count, length, start = fields[4:]
    if disk or first_disk or here != count:
        archive.refuse("zip.split", "the archive is one part of several", "join the parts first")
    base = max(0, tail - (start + length))
    if start + length != tail:
        archive.refuse("file.polyglot", "bytes lie in front of or inside the archive", RESAVE)
    return int(count), int(length), int(start + base), int(base)


def _entry(data: mmap, offset: int, base: int, archive: Archive) -> int:
    """Read one directory entry and the local header that it points to."""
    if offset + _CENTRAL.size > len(data) or data[offset : offset + 4] != b"PK\x01\x02":
        raise _truncated(archive.where, "the archive's directory is damaged")
    (_, _, _, flags, method, _, _, crc, stored, size, name_length, extra_length,
     comment, _, _, attributes, header) = _CENTRAL.unpack_from(data, offset)  # fmt: skip
    name_start = offset + _CENTRAL.size
    raw_name = data[name_start : name_start + name_length]
    extra = data[name_start + name_length : name_start + name_length + extra_length]
    size, stored, header = _wide(extra, (size, stored, header))
    header += base
    name = raw_name.decode("utf-8", "surrogateescape")
    if (attributes >> 16) & 0o170000 not in (0, 0o100000):
        archive.refuse("zip.bad_name", f"member {printable(name)} is no regular file", RESAVE)
    local = (flags, method, crc, stored, size)
    start = _local(data, header, raw_name, local, archive)
    archive.members.append(Member(name, method, crc, stored, size, header, start))
    return name_start + int(name_length + extra_length + comment)


def _wide(extra: bytes, values: tuple[int, int, int]) -> tuple[int, int, int]:
    """Replace saturated 32-bit fields by those of the zip64 extra field."""
    wide: list[int] = []
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1:
            body = extra[4 : 4 + length]
            wide = [value for (value,) in struct.iter_unpack("<Q", body[: len(body) // 8 * 8])]
        extra = extra[4 + length :]
    found = [wide.pop(0) if value == _FAR and wide else value for value in values]
    return found[0], found[1], found[2]


def _local(
    data: mmap, header: int, raw_name: bytes, central: tuple[int, ...], archive: Archive
) -> int:
    """Check a local header against the directory; returns where the member's bytes start."""
    if header + _LOCAL.size > len(data) or data[header : header + 4] != b"PK\x03\x04":
        raise _truncated(archive.where, f"member {printable(str(raw_name)[2:-1])} is missing")
    (_, _, flags, method, _, _, crc, stored, size, name_length,
     extra_length) = _LOCAL.unpack_from(data, header)  # fmt: skip
    start = header + _LOCAL.size + name_length + extra_length
    shown = printable(raw_name.decode("utf-8", "surrogateescape"))
    allowed = _HAS_DESCRIPTOR | _UTF8 | (0x0006 if central[1] == DEFLATED else 0)
    if flags != central[0] or flags & ~allowed:
        archive.refuse("zip.flags", f"headers of {shown} contradict or claim encryption")
    name_start = header + _LOCAL.size
    same_name = data[name_start : name_start + name_length] == raw_name
    if not same_name or method != central[1]:
        archive.refuse("zip.header_mismatch", f"the two headers of {shown} differ")
    elif not flags & _HAS_DESCRIPTOR or any((crc, stored, size)):
        wide = data[name_start + name_length : start]
        size, stored, _ = _wide(wide, (size, stored, 0))
        if (crc, stored, size) != central[2:]:
            archive.refuse("zip.header_mismatch", f"the two headers of {shown} differ in size")
    if start + central[3] > len(data):
        raise _truncated(archive.where, f"member {shown} breaks off")
    return int(start)


def _check_names(archive: Archive) -> None:
    for name, count in Counter(member.name for member in archive.members).items():
        if count > 1:
            archive.refuse(
                "zip.duplicate_member", f"{count} members are called {printable(name)}", RESAVE
            )
        parts = name.split("/")
        if (
            printable(name, LONGEST_NAME) != name
            or "\\" in name
            or _DRIVE.match(name)
            or {"", ".", ".."} & set(parts)
        ):
            archive.refuse("zip.bad_name", f"member name {printable(name)}", RESAVE)
    for member in archive.members:
        if member.method not in (STORED, DEFLATED):
            archive.refuse(
                "zip.method", f"{printable(member.name)} is packed in a rare way", RESAVE
            )
        elif member.method == STORED and member.stored != member.size:
            archive.refuse("zip.header_mismatch", f"{printable(member.name)} has two sizes")


def _check_ranges(data: mmap, archive: Archive, directory: int) -> None:
    """Members follow each other without overlap, separated by nothing but data descriptors."""
    place = 0
    for member in sorted(archive.members, key=lambda member: member.header):
        gap = data[place : min(member.header, place + _LONGEST_DESCRIPTOR + 1)]
        if member.header < place:
            archive.refuse(
                "zip.overlap", f"{printable(member.name)} overlaps another member", RESAVE
            )
        elif place != member.header and not _is_descriptor(gap):
            archive.refuse("file.polyglot", f"hidden bytes before {printable(member.name)}", RESAVE)
        place = member.end
    if place != directory and not _is_descriptor(data[place : min(directory, place + 25)]):
        archive.refuse("file.polyglot", "hidden bytes before the archive's directory", RESAVE)


def _is_descriptor(gap: bytes) -> bool:
    if gap[:4] == b"PK\x07\x08":
        return len(gap) in (16, 24)
    return len(gap) in (12, 20)


def _truncated(where: str, what: str) -> InputError:
    return InputError("file.truncated", what, where=where, remedy=_AGAIN)


def _bad_member(code: str, where: str, member: Member, what: str) -> RefusedError:
    return RefusedError(code, f"member {printable(member.name)} {what}", where=where, remedy=RESAVE)
