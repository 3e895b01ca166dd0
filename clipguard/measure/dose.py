"""Dose curves: effect against strength."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def disruption_at(rms: float, curve: Sequence[tuple[float, float]]) -> float:
    """Disruption that unstructured change of a given energy causes, by monotone interpolation.

    Args:
        rms: root-mean-square pixel change asked for.
        curve: (rms, share of pictures that lost their own answer) of the unstructured controls.

    Returns:
        A share in 0..1; 0 at no change; beyond the strongest control, that control's value.

    Raises:
        ValueError: the curve is empty.
    """
    if not curve:
        raise ValueError("the disruption curve is empty")
    points = sorted(curve)
    strengths = [0.0, *(point[0] for point in points)]
    shares = np.maximum.accumulate([0.0, *(point[1] for point in points)])
    return float(np.interp(rms, strengths, shares))
