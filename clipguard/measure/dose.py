"""Dose curves: effect against strength."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def control_gain(rms: float, curve: Sequence[tuple[float, float]]) -> float:
    """What unstructured change of a given energy does, by monotone interpolation.

    Args:
        rms: root-mean-square pixel change asked for.
        curve: (rms, gain of the concept that gained most) of the unstructured controls.

    Returns:
        A gain in 0..1; 0 at no change; beyond the strongest control, that control's value.

    Raises:
        ValueError: the curve is empty.
    """
    if not curve:
        raise ValueError("the control curve is empty")
    points = sorted(curve)
    strengths = [0.0, *(point[0] for point in points)]
    gains = np.maximum.accumulate([0.0, *(point[1] for point in points)])
    return float(np.interp(rms, strengths, gains))
