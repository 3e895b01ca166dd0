"""Confidence of a mean, or of the difference of two means over the same items, by resampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipguard.core.results import Interval

DRAWS = 2000


@dataclass(frozen=True)
class Sample:
    """Figures of N items whose weighted mean is reported.

    ``values`` (N,) float64; ``weights`` (N,) positive. ``groups`` (N,) int64 says what was drawn
    together, such as the captions of one picture: groups are resampled, never items.
    """

    values: np.ndarray
    groups: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        """Number of items."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """The weighted mean.

        Raises:
            ValueError: no items.
        """
        if not len(self):
            raise ValueError("the mean of nothing")
        return float(self.values @ self.weights / self.weights.sum())

    @property
    def counted(self) -> bool:
        """Whether the mean is a plain share: items of equal weight, each hit or miss by itself."""
        hits = bool(np.isin(self.values, (0.0, 1.0)).all())
        return hits and bool((self.weights == 1).all()) and len(np.unique(self.groups)) == len(self)


def sample(
    values: np.ndarray, groups: np.ndarray | None = None, weights: np.ndarray | None = None
) -> Sample:
    """A sample of (N,) values; by default each item is a group of its own and weighs 1."""
    count = len(values)
    return Sample(
        np.asarray(values, dtype=np.float64),
        np.arange(count) if groups is None else np.asarray(groups, dtype=np.int64),
        np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64),
    )


def together(first: Sample, second: Sample) -> Sample:
    """Two samples over the same groups as one: its mean is over the items of both."""
    return Sample(
        np.concatenate([first.values, second.values]),
        np.concatenate([first.groups, second.groups]),
        np.concatenate([first.weights, second.weights]),
    )


def difference(before: Sample, after: Sample) -> Sample:
    """What changed, item by item: its mean is the difference of the means, and pairing is kept.

    Raises:
        ValueError: the samples are not of the same items.
    """
    same = np.array_equal(before.groups, after.groups)
    if not same or not np.array_equal(before.weights, after.weights):
        raise ValueError("paired samples hold the same items")
    return Sample(after.values - before.values, before.groups, before.weights)


def bootstrap(
    given: Sample, rng: np.random.Generator, *, draws: int = DRAWS, confidence: float = 0.95
) -> Interval:
    """Percentile interval of the weighted mean, whole groups resampled with replacement.

    Args:
        given: at least one item.
        rng: source of the draws.
        draws: number of resamples.
        confidence: two-sided, in 0..1 exclusive.

    Raises:
        ValueError: no items.

    Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
    """
    if not len(given):
        raise ValueError("no items to resample")
    _, places = np.unique(given.groups, return_inverse=True)
    total = np.bincount(places, given.values * given.weights)
    weight = np.bincount(places, given.weights)
    means = np.empty(draws)
    for draw in range(draws):
        chosen = rng.integers(len(total), size=len(total))
        means[draw] = total[chosen].sum() / weight[chosen].sum()
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Interval(low=float(low), high=float(high), confidence=confidence, method="bootstrap")
