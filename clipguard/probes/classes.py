"""Which class does a picture belong to? By its folder or its caption, else by nothing.

Where no picture has a caption, the first folder in a picture's name is its class: ``dog/1.jpg``.
Where there are captions, a picture belongs to a label when its captions name this label, as whole
words whatever their case, and no other. Of labels inside one another the longest is named: "a polar
bear" names no "bear". Plurals and synonyms count as other words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clipguard.probes.survey import Survey

UNKNOWN = -1
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True)
class Classes:
    """``names`` are all classes there are; ``labels`` (N,) int64 those of the pairs, -1 unknown.

    ``rule`` says in a few words how they were found.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    rule: str

    def index(self, name: str) -> int:
        """The place of a class, whatever its case; :data:`UNKNOWN` when it is none of them."""
        wanted = normal(name)
        return next((i for i, own in enumerate(self.names) if normal(own) == wanted), UNKNOWN)

    def including(self, names: Sequence[str]) -> Classes:
        """The same with further classes, where they are missing, that no pair belongs to."""
        more = [name for name in dict.fromkeys(names) if self.index(name) == UNKNOWN]
        return Classes((*self.names, *more), self.labels, self.rule)

    def present(self) -> Classes:
        """The same without the classes that no pair belongs to."""
        places, labels = np.unique(self.labels[self.labels != UNKNOWN], return_inverse=True)
        own = np.full(self.labels.shape, UNKNOWN, dtype=np.int64)
        own[self.labels != UNKNOWN] = labels
        return Classes(tuple(self.names[place] for place in places), own, self.rule)


def classes_of(found: Survey, labels: Sequence[str] | None, default: Sequence[str]) -> Classes:
    """The classes of surveyed pairs.

    Args:
        found: keys and captions.
        labels: the classes as the user names them; None: the folders' names, or ``default``.
        default: labels to look for in captions.
    """
    if any(found.texts):
        names = tuple(labels or default)
        named = Labels(names)
        own = np.array([named.only(text) for text in found.texts], dtype=np.int64)
        return Classes(names, _agreed(own, found.pictures), "captions that name one label alone")
    folders = [key.split("/")[0] if "/" in key else "" for key in found.keys]
    names = tuple(labels or (" ".join(words(name)) for name in sorted(set(folders) - {""})))
    places = {normal(name): place for place, name in enumerate(names)}
    own = np.array([places.get(normal(name), UNKNOWN) for name in folders], dtype=np.int64)
    return Classes(names, _agreed(own, found.pictures), "folders named like a label")


class Labels:
    """Finds labels in captions.

    Args:
        names: the labels.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._places: dict[str, int] = {}
        for place, name in enumerate(names):
            self._places.setdefault(normal(name), place)
        self._longest = max((len(words(name)) for name in names), default=0)

    def named(self, text: str) -> set[int]:
        """All labels that a caption names."""
        found, spoken, start = set(), words(text), 0
        while start < len(spoken):
            for length in range(self._longest, 0, -1):
                place = self._places.get(" ".join(spoken[start : start + length]))
                if place is not None:
                    found.add(place)
                    start += length - 1
                    break
            start += 1
        return found

    def only(self, text: str) -> int:
        """The one label that a caption names; :data:`UNKNOWN` for none and for several."""
        found = self.named(text)
        return found.pop() if len(found) == 1 else UNKNOWN


def words(text: str) -> list[str]:
    """A text's words in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def normal(text: str) -> str:
    """A text as it is compared."""
    return " ".join(words(text))


def _agreed(labels: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Captions of one picture that name different labels leave it without a class."""
    count, beyond = int(pictures.max(initial=UNKNOWN)) + 1, np.iinfo(np.int64).max
    high, low = np.full(count, UNKNOWN), np.full(count, beyond)
    np.maximum.at(high, pictures, labels)
    np.minimum.at(low, pictures, np.where(labels == UNKNOWN, beyond, labels))
    agreed: np.ndarray = np.where(high == low, high, UNKNOWN)[pictures]
    return agreed
