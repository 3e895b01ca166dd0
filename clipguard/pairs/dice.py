"""Random choices for scenes and captions."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Dice:
    """Choices from one stream; only ``random()`` is used, whose bits numpy keeps across releases.

    Args:
        rng: the stream.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._next = rng.random

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._next() < probability

    def between(self, low: float, high: float) -> float:
        """Uniform in ``low``..``high``."""
        return low + (high - low) * self._next()

    def whole(self, below: int) -> int:
        """Uniform in 0..below-1."""
        return int(self._next() * below)

    def pick(self, choices: Sequence[T]) -> T:
        """One of ``choices``, all alike."""
        return choices[self.whole(len(choices))]

    def weighted(self, choices: Sequence[T], weights: Sequence[float]) -> T:
        """One of ``choices``, by weight."""
        steps = list(accumulate(weights))
        return choices[min(bisect(steps, self._next() * steps[-1]), len(choices) - 1)]
