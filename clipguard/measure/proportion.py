"""Confidence of a share that was counted."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from clipguard.core.results import Interval


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of ``successes`` out of ``n``, as fractions.

    It stays within 0..1 and keeps its width at 0 and ``n`` successes, where the textbook interval
    shrinks to a point.

    Args:
        successes: how often it happened, 0..n.
        n: how often it could have happened, at least 1.
        confidence: two-sided, in 0..1 exclusive.

    Raises:
        ValueError: an argument is out of range.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} of {n} is no share")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is impossible")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At the ends the two terms are equal on paper; rounding must not leave 1e-17.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(low=low, high=high, confidence=confidence, method="wilson")
