"""How unusual is one value among others of the same model?"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

MAD_TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, for a normal law


def robust_z(value: float, reference: Sequence[float], *, floor: float) -> float:
    """Distance of ``value`` from the median of ``reference`` in robust standard deviations.

    Args:
        value: the value judged.
        reference: the values it is compared with; at least three.
        floor: smallest scale; without it a tiny spread turns nothing into a large score.

    Raises:
        ValueError: fewer than three reference values.
    """
    if len(reference) < 3:
        raise ValueError(f"{len(reference)} reference values; at least 3 are needed")
    centre = median(reference)
    spread = MAD_TO_SIGMA * median(abs(item - centre) for item in reference)
    return (value - centre) / max(spread, floor)
