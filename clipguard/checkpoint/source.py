"""One file, opened once: what is hashed is what is parsed, and the name is only for messages."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path

from clipguard.core.errors import InputError, RefusedError
from clipguard.core.results import Artifact
from clipguard.core.text import printable

_BLOCK = 1 << 20


class Source:
    """A regular file, mapped read-only, with the digest of its bytes.

    Args:
        path: file to open; a symbolic link is followed.

    Raises:
        InputError: missing, unreadable, empty, or not a regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = printable(str(path))
        self._descriptor = self._open()
        self._stamp = self._stat()
        self.size = os.fstat(self._descriptor).st_size
        if self.size == 0:
            raise InputError(
                "file.empty", "the file is empty", where=self.where, remedy="download it again"
            )
        self.data = mmap.mmap(self._descriptor, self.size, access=mmap.ACCESS_READ)
        self.sha256 = self._digest()

    @property
    def artifact(self) -> Artifact:
        """The file by content."""
        return Artifact(name=printable(self.path.name), sha256=self.sha256, size_bytes=self.size)

    def crc32(self, start: int, end: int) -> int:
        """Checksum, as zip archives hold it, of the bytes from ``start`` to ``end``."""
        return reduce(lambda value, block: zlib.crc32(block, value), self._blocks(start, end), 0)

    def forget(self) -> None:
        """Let go of the mapped pages; whoever looks at them again gets them from the file."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self.data.madvise(mmap.MADV_DONTNEED)

    def unchanged(self) -> None:
        """Make sure that the file is still the one that was hashed.

        Raises:
            RefusedError: it was written to in the meantime.
        """
        now, then = self._stat(), self._stamp
        # A new name for the file, or the loss of one, moves ctime too: that is no change of bytes.
        if now[:4] != then[:4] or (now[5] == then[5] and now[4] != then[4]):
            raise RefusedError(
                "file.changed",
                "the file was written to while it was read",
                where=self.where,
                remedy="wait until the writer is done, or copy the file first",
            )

    def _open(self) -> int:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(self.path, flags | getattr(os, "O_BINARY", 0))
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise self._irregular()

    def _stat(self) -> tuple[int, ...]:
        now = os.fstat(self._descriptor)
        return (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_nlink)

    def _digest(self) -> str:
        total = hashlib.sha256()
        for block in self._blocks(0, self.size):
            total.update(block)
        self.unchanged()
        return total.hexdigest()

    def _blocks(self, start: int, end: int) -> Iterator[bytes]:
        """Bytes by reads: unlike mapped pages they do not count as memory of this process."""
        while start < end and (
            block := os.pread(self._descriptor, min(_BLOCK, end - start), start)
        ):
            yield block
            start += len(block)

    def _irregular(self) -> InputError:
        return InputError(
            "file.not_regular",
            "not a regular file",
            where=self.where,
            remedy="give a checkpoint file or a model folder",
        )

    def _unreadable(self, error: OSError | ValueError) -> InputError:
        kind = error.errno if isinstance(error, OSError) else errno.EINVAL
        if kind in (errno.ENXIO, errno.EOPNOTSUPP, errno.ENODEV):  # how sockets and devices refuse
            return self._irregular()
        if kind in (errno.EACCES, errno.EPERM):
            return InputError(
                "file.permission",
                "permission denied",
                where=self.where,
                remedy="make the file readable",
            )
        return InputError("file.missing", "no such file", where=self.where, remedy="check the path")

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)


def combined(name: str, sources: Sequence[Source]) -> Artifact:
    """Several files as one artifact: the digest covers their sorted names and digests."""
    parts = sorted((source.path.name, source.sha256) for source in sources)
    listing = "".join(f"{part}\0{digest}\n" for part, digest in parts)
    digest = hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()
    size = sum(source.size for source in sources)
    return Artifact(name=printable(name), sha256=digest, size_bytes=size)
