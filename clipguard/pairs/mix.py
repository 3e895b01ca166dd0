"""Several sources as one, in given shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from clipguard.core.seeds import Seeds
from clipguard.pairs.spec import TOLERANCE, left
from clipguard.pairs.types import PairBatch, PairSource


class Mix:
    """All pairs of ``parts`` in a random order, so that every stretch holds each part's share.

    Args:
        parts: the sources, each already cut to its share.
        seeds: stream of the order.
    """

    def __init__(self, parts: Sequence[PairSource], seeds: Seeds) -> None:
        self.parts = tuple(parts)
        sizes = [len(part) for part in self.parts]
        order = seeds.numpy().permutation(sum(sizes))
        self._part = np.repeat(np.arange(len(sizes)), sizes)[order]
        self._index = np.concatenate([np.arange(size) for size in sizes])[order]

    @property
    def id(self) -> str:
        """The descriptions of the parts."""
        return " + ".join(part.id for part in self.parts)

    @property
    def synthetic(self) -> bool:
        """Whether every part is."""
        return all(part.synthetic for part in self.parts)

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self._part)

    def read(self, indices: Sequence[int], image_size: int) -> PairBatch:
        """The pairs at ``indices``; keys begin with the number of the part.

        Raises:
            InputError: as the parts do.
            IndexError: outside 0..len-1.
        """
        wanted = np.asarray(indices, np.int64)
        if ((wanted < 0) | (wanted >= len(self))).any():
            raise IndexError(indices)
        pixels = torch.empty(len(wanted), 3, image_size, image_size)
        texts, keys = [""] * len(wanted), [""] * len(wanted)
        chosen, places = self._part[wanted], self._index[wanted]
        for number in np.unique(chosen).tolist():
            rows = np.flatnonzero(chosen == number)
            found = self.parts[number].read(places[rows].tolist(), image_size)
            pixels[torch.from_numpy(rows)] = found.pixels
            for row, text, key in zip(rows.tolist(), found.texts, found.keys, strict=True):
                texts[row], keys[row] = text, f"{number}/{key}"
        return PairBatch(pixels, tuple(texts), tuple(keys))


def shares(sizes: Sequence[int], given: Sequence[float | None], made: float | None) -> list[float]:
    """Each source's share of a mix; those without one divide the rest by their sizes.

    Args:
        sizes: pairs of each source.
        given: the shares that were asked for.
        made: share of synthetic pairs beside them.

    Raises:
        UsageError: the shares do not add up to 1.
    """
    rest = left(given, made)
    without = sum(size for size, share in zip(sizes, given, strict=True) if share is None)
    return [
        rest * size / max(without, 1) if share is None else share
        for size, share in zip(sizes, given, strict=True)
    ]


def counts(sizes: Sequence[int], parts: Sequence[float]) -> list[int]:
    """How many pairs of each source make the largest mix that shows no pair twice."""
    total = min(size / share for size, share in zip(sizes, parts, strict=True) if share > 0)
    return [
        min(size, int(total * share + TOLERANCE)) for size, share in zip(sizes, parts, strict=True)
    ]
