"""Pairs drawn by clipguard: the default where the user has none. The user's own are better."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from clipguard.core.errors import UsageError
from clipguard.core.seeds import Seeds
from clipguard.pairs.catalogue import catalogue
from clipguard.pairs.compose import Composer, compose, written
from clipguard.pairs.dice import Dice
from clipguard.pairs.scene import Scene, render
from clipguard.pairs.types import PairBatch

__all__ = ["Scene", "SyntheticPairs", "colours", "nouns", "probe_scenes", "render", "word_scene"]


class SyntheticPairs:
    """``count`` scenes; each depends on ``seed`` and its index alone, its layout on neither size.

    Args:
        seed: any integer.
        count: number of pairs.
    """

    synthetic = True

    def __init__(self, seed: int, count: int) -> None:
        self.seed, self.count = seed, count

    @property
    def id(self) -> str:
        """``synthetic:COUNT:SEED``."""
        return f"synthetic:{self.count}:{self.seed}"

    def __len__(self) -> int:
        """Number of pairs."""
        return self.count

    def scene(self, index: int) -> Scene:
        """The facts of pair ``index``.

        Raises:
            IndexError: outside 0..count-1.
        """
        if not 0 <= index < self.count:
            raise IndexError(index)
        return _scene(self.seed, index)

    def pixels_uint8(self, index: int, image_size: int) -> np.ndarray:
        """(S, S, 3) uint8."""
        return render(self.scene(index), image_size)

    def read(self, indices: Sequence[int], image_size: int) -> PairBatch:
        """The pairs at ``indices``, drawn at ``image_size``."""
        from clipguard.pairs.batch import to_batch

        return to_batch(
            [self.pixels_uint8(index, image_size) for index in indices],
            [self.scene(index).caption for index in indices],
            [f"{self.seed}-{index:07d}" for index in indices],
            image_size,
        )


@lru_cache(maxsize=4096)
def _scene(seed: int, index: int) -> Scene:
    return compose(Dice(Seeds(seed).child("scene", index).numpy()))


def nouns() -> tuple[str, ...]:
    """Every drawable class of objects."""
    return tuple(catalogue().things)


def colours() -> tuple[str, ...]:
    """Every named colour."""
    return tuple(catalogue().colours)


def probe_scenes(noun: str | None, colour: str | None, count: int, seed: int) -> list[Scene]:
    """``count`` scenes of one plain large object, of this noun and colour where given.

    Raises:
        UsageError: clipguard draws no such noun or has no such colour.
    """
    for word, known in ((noun, nouns()), (colour, colours())):
        if word is not None and word not in known:
            raise UsageError(
                "pairs.unknown_word", f"cannot draw {word!r}", remedy=f"one of {', '.join(known)}"
            )
    seeds = Seeds(seed).child("probe")
    dice = (Dice(seeds.child(index).numpy()) for index in range(count))
    return [Composer(lot).plain(noun, colour) for lot in dice]


def word_scene(word: str) -> Scene:
    """A readable word on a plain ground."""
    return written(word)
