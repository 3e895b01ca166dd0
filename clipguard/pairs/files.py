"""Pairs whose pictures lie in files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipguard.core.errors import InputError
from clipguard.core.text import printable
from clipguard.pairs.batch import to_batch
from clipguard.pairs.decode import read_picture
from clipguard.pairs.types import PairBatch

MAX_BAD = 0.01


@dataclass(frozen=True)
class Entry:
    """One pair: stable key, picture, caption."""

    key: str
    picture: Path
    text: str


class FilePairs:
    """Pairs decoded when they are read.

    A picture that cannot be decoded is counted and the next good one stands in for it, so that an
    index always gives the same pair. More than :data:`MAX_BAD` of bad ones is an error.

    Args:
        id: short description without paths.
        entries: the pairs, at least one.
        where: how errors call the source.
        bad: why rows were left out already, by row.
    """

    synthetic = False

    def __init__(
        self, id: str, entries: Sequence[Entry], where: str, bad: dict[str, str] | None = None
    ) -> None:
        self.id = id
        self._entries, self._where = tuple(entries), where
        self._bad = dict(bad or {})
        self._rows = len(self._entries) + len(self._bad)
        self._require_few()

    def __len__(self) -> int:
        """Number of pairs, those found bad only later included."""
        return len(self._entries)

    @property
    def skipped(self) -> dict[str, str]:
        """What was left out so far, and why."""
        return dict(self._bad)

    def read(self, indices: Sequence[int], image_size: int) -> PairBatch:
        """The pairs at ``indices``.

        Raises:
            InputError: more than 1 % cannot be used.
            IndexError: outside 0..len-1.
        """
        found = [self._good(index, image_size) for index in indices]
        return to_batch(
            [picture for _, picture in found],
            [entry.text for entry, _ in found],
            [entry.key for entry, _ in found],
            image_size,
        )

    def _good(self, index: int, image_size: int) -> tuple[Entry, np.ndarray]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        for step in range(len(self)):
            entry = self._entries[(index + step) % len(self)]
            if entry.key in self._bad:
                continue
            try:
                return entry, read_picture(entry.picture, image_size, where=entry.key)
            except InputError as error:
                self._bad[entry.key] = error.what
                self._require_few()
        raise self._too_many()

    def _require_few(self) -> None:
        if len(self._bad) > MAX_BAD * self._rows:
            raise self._too_many()

    def _too_many(self) -> InputError:
        key, reason = next(iter(self._bad.items()))
        return InputError(
            "data.too_many_bad",
            f"{len(self._bad)} of {self._rows} pairs cannot be used, at most 1 % may be; "
            f"the first: {printable(key, 80)}: {printable(reason, 120)}",
            where=self._where,
            remedy="repair or remove them",
        )
