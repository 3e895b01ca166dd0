"""Pairs whose pictures lie in files: which can be used, and what happens to the others."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import numpy as np

from clipguard.core.errors import InputError
from clipguard.core.text import printable
from clipguard.pairs.batch import to_batch
from clipguard.pairs.decode import read_picture
from clipguard.pairs.types import PairBatch

MAX_BAD = 0.01
MAX_SAME = 0.5
LONGEST_CAPTION = 10_000
NAMED = 5  # of the rows left out, so many are named


@dataclass(frozen=True)
class Entry:
    """One pair: stable key, picture, caption. ``label`` is what people find it by."""

    key: str
    label: str
    picture: Path | bytes
    text: str


@dataclass(frozen=True)
class Skipped:
    """What was left out: how much of it, and the first few with their reasons."""

    count: int
    first: tuple[tuple[str, str], ...]


class Records(Protocol):
    """Pairs on disk, addressed by index; reading one needs no state, so threads may share it."""

    id: str
    where: str

    def __len__(self) -> int:
        """Number of pairs."""

    def entry(self, index: int) -> Entry:
        """The pair at ``index``."""


class Intake:
    """What is noted while a source is looked through for the first time: 16 bytes for each pair.

    Args:
        where: how errors call the source.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._pictures, self._texts = array("q"), array("q")
        self._count, self._first = 0, list[tuple[str, str]]()
        self._broken: set[int] = set()
        self._lock = threading.Lock()

    def good(self, picture: str, text: str) -> None:
        """A pair that can be used as far as one can tell without decoding its picture."""
        self._pictures.append(_digest(picture))
        self._texts.append(_digest(text))

    def bad(self, label: str, reason: str) -> None:
        """A row that cannot."""
        self._count += 1
        if len(self._first) < NAMED:
            self._first.append((label, reason))

    def broken(self, index: int, entry: Entry, reason: str) -> None:
        """A pair noted as good whose picture turned out to be broken.

        Raises:
            InputError: these are too many.
        """
        with self._lock:
            if index not in self._broken:
                self._broken.add(index)
                self.bad(entry.label, reason)
        self.require_few()

    def is_broken(self, index: int) -> bool:
        """Whether that is known of a pair."""
        return index in self._broken

    @property
    def skipped(self) -> Skipped:
        """What was left out so far."""
        return Skipped(self._count, tuple(self._first))

    def pictures(self) -> np.ndarray:
        """(N,) int64; equal numbers for pairs of one picture."""
        return np.frombuffer(self._pictures, np.int64) if self._pictures else np.zeros(0, np.int64)

    def require_few(self) -> None:
        """Refuse a source of which more than :data:`MAX_BAD` cannot be used.

        Raises:
            InputError: it names the first ones.
        """
        rows = len(self._texts) + self._count - len(self._broken)
        if self._count <= MAX_BAD * rows:
            return
        (label, reason), *more = self._first
        named = ", ".join([f"{_short(label)} ({_short(reason)})", *(_short(n) for n, _ in more)])
        raise InputError(
            "data.too_many_bad",
            f"{self._count} of {rows} pairs cannot be used, at most {MAX_BAD:.0%} may be: {named}",
            where=self._where,
            remedy="repair or remove them",
        )

    def require_various(self, records: Records) -> None:
        """Refuse pairs of which more than :data:`MAX_SAME` share one caption.

        Raises:
            InputError: it names the caption.
        """
        if len(self._texts) < 2:
            return
        _, first, counts = np.unique(self._texts, return_index=True, return_counts=True)
        most = int(counts.argmax())
        if counts[most] > MAX_SAME * len(self._texts):
            text = records.entry(int(first[most])).text
            raise InputError(
                "data.degenerate_captions",
                f"{counts[most]} of {len(self._texts)} captions are {printable(text, 60)!r}",
                where=self._where,
                remedy="give pairs whose captions describe their pictures",
            )


class FilePairs:
    """Pairs decoded when they are read.

    A picture that cannot be decoded is counted and the next good one stands in for it, so that an
    index always gives the same pair. More than :data:`MAX_BAD` of bad ones is an error.

    Args:
        records: the pairs.
        intake: what was noted about them.
        order: which of them, and in which order; default: all.

    Raises:
        InputError: too many cannot be used.
    """

    synthetic = False

    def __init__(self, records: Records, intake: Intake, order: np.ndarray | None = None) -> None:
        self._records, self._intake = records, intake
        self._order = np.arange(len(records)) if order is None else order
        intake.require_few()

    @property
    def id(self) -> str:
        """The records' description, with the number of pairs taken where it is not all."""
        whole = len(self._order) == len(self._records)
        return self._records.id if whole else f"{len(self)} of {self._records.id}"

    def __len__(self) -> int:
        """Number of pairs, those found bad only later included."""
        return len(self._order)

    @property
    def skipped(self) -> Skipped:
        """What was left out so far of the whole source."""
        return self._intake.skipped

    def pictures(self) -> np.ndarray:
        """(N,) int64; equal numbers for pairs of one picture."""
        return self._intake.pictures()[self._order]

    def take(self, positions: np.ndarray) -> FilePairs:
        """The pairs at ``positions``, int64; no others stand in for bad ones among them."""
        return FilePairs(self._records, self._intake, self._order[positions])

    def read(self, indices: Sequence[int], image_size: int) -> PairBatch:
        """The pairs at ``indices``. Threads may read at the same time.

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
            place = int(self._order[(index + step) % len(self)])
            if self._intake.is_broken(place):
                continue
            entry = self._records.entry(place)
            try:
                return entry, read_picture(entry.picture, image_size, where=entry.key)
            except InputError as error:
                self._intake.broken(place, entry, error.what)
        raise InputError(
            "data.none_left",
            "none of these pairs can be used",
            where=self._records.where,
            remedy="repair them",
        )


def caption(text: object) -> str:
    """A caption in one line, at most :data:`LONGEST_CAPTION` characters; empty: not usable."""
    if not isinstance(text, str) or "\0" in text:
        return ""
    readable = text[:LONGEST_CAPTION].encode("utf-8", "replace").decode("utf-8")
    return " ".join(readable.split())


def _digest(text: str) -> int:
    """63 bits that are the same in every process, unlike ``hash``."""
    data = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(data, "big") >> 1


def _short(text: str) -> str:
    return printable(text, 40)
