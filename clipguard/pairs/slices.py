"""Parts of a file that is too large to hold."""

from __future__ import annotations

from pathlib import Path

from clipguard.core.errors import InputError


class Slices:
    """Bytes of a regular file by their place. Opened anew each time, so that threads share nothing.

    Args:
        path: the file; it must stay as it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = self._look()

    def read(self, place: int, size: int) -> bytes:
        """``size`` bytes from byte ``place`` on.

        Raises:
            InputError: the file is no longer what it was.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(place)
                data = file.read(size)
        except OSError:
            data = b""
        if len(data) != size or self._look() != self._stamp:
            raise InputError(
                "data.changed",
                "the file changed while it was read",
                where=str(self.path),
                remedy="run again when nothing writes to it",
            )
        return data

    def _look(self) -> tuple[int, int]:
        try:
            state = self.path.stat()
        except OSError:
            return 0, 0
        return state.st_size, state.st_mtime_ns
