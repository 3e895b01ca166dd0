"""Learning rates, one per step."""

from __future__ import annotations

import math


def push_then_recover(
    steps: int, start: float, end_ratio: float, final: float
) -> tuple[float, ...]:
    """PAR's schedule: a straight line down, then a cosine.

    The first half falls from ``start`` to ``start * end_ratio``, the second from there to
    ``final``, which the last step reaches.

    Source: arXiv 2412.00727, from 3e-5 to 3e-6, then to 1e-9.
    """
    half = steps // 2
    low = start * end_ratio
    falling = [start + (low - start) * step / max(half, 1) for step in range(half)]
    rest = steps - half
    settling = [
        final + (low - final) * (1 + math.cos(math.pi * step / max(rest - 1, 1))) / 2
        for step in range(rest)
    ]
    return (*falling, *settling)


def warm_cosine(steps: int, peak: float, warm_up: float) -> tuple[float, ...]:
    """A straight line up over the first ``warm_up`` share of the steps, then a cosine towards 0."""
    rising = math.ceil(steps * warm_up)
    rates = [peak * (step + 1) / rising for step in range(rising)]
    rest = steps - rising
    rates += [peak * (1 + math.cos(math.pi * step / rest)) / 2 for step in range(rest)]
    return tuple(rates)
