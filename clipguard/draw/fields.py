"""Grey fields in 0..1, in numpy: noise with a photograph's spectrum, ramps, leaves, checks.

A field made from the same generator state is the same on every machine with IEEE arithmetic.
"""

from __future__ import annotations

import numpy as np


def spectral_noise(size: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """Periodic noise whose amplitude falls as frequency ** -slope.

    Photographs have a slope near 1 (Field 1987); 0 is white, 2 is cloudy.

    Returns:
        (size, size) float64 in 0..1, mean near 0.5; extremes beyond three deviations are cut.
    """
    rows = np.fft.fftfreq(size)[:, None]
    columns = np.fft.rfftfreq(size)[None, :]
    radius = np.hypot(rows, columns)
    radius[0, 0] = 1.0
    gain = radius**-slope
    gain[0, 0] = 0.0
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((size, size))) * gain, s=(size, size))
    deviation = float(field.std()) or 1.0
    return np.asarray(np.clip(0.5 + field / (6 * deviation), 0.0, 1.0))


def linear_ramp(size: int, angle: float) -> np.ndarray:
    """(size, size) rising from 0 to 1 in the direction of ``angle`` (degrees, 0 right, 90 down)."""
    x, y = _axes(size)
    turn = np.deg2rad(angle)
    field = x * np.cos(turn) + y * np.sin(turn)
    return _stretch(field)


def radial_ramp(size: int, x: float = 0.5, y: float = 0.5) -> np.ndarray:
    """(size, size) 0 at the relative place (x, y), 1 in the farthest corner."""
    columns, rows = _axes(size)
    return _stretch(np.hypot(columns - x, rows - y))


def stripes(size: int, periods: int, angle: float = 0.0, duty: float = 0.5) -> np.ndarray:
    """(size, size) of 0 and 1: ``periods`` bars per side, turned by ``angle`` degrees."""
    x, y = _axes(size)
    turn = np.deg2rad(angle)
    phase = (x * np.cos(turn) + y * np.sin(turn)) * periods
    return np.asarray((phase % 1.0 < duty).astype(np.float64))


def checks(size: int, periods: int) -> np.ndarray:
    """(size, size) of 0 and 1: a board of 2 x ``periods`` squares per side."""
    x, y = _axes(size)
    columns, rows = np.floor(x * periods * 2), np.floor(y * periods * 2)
    return np.asarray((columns + rows) % 2)


def dead_leaves(size: int, leaves: int, rng: np.random.Generator) -> np.ndarray:
    """(size, size) of grey discs that cover one another, radii falling as a power law.

    Occlusion of such discs gives the statistics of natural images (Lee, Mumford and Huang 2001).
    """
    x, y = _axes(size)
    field = np.full((size, size), 0.5)
    radii = np.sort(0.04 / np.sqrt(rng.uniform(0.01, 1.0, leaves)))[::-1]
    for radius in radii:
        cx, cy, grey = rng.uniform([-0.05, -0.05, 0.0], [1.05, 1.05, 1.0]).tolist()
        field[(x - cx) ** 2 + (y - cy) ** 2 < radius**2] = grey
    return field


def _axes(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Relative coordinates (1, size) and (size, 1) of pixel centres."""
    line = (np.arange(size) + 0.5) / size
    return line[None, :], line[:, None]


def _stretch(field: np.ndarray) -> np.ndarray:
    low, high = float(field.min()), float(field.max())
    return np.asarray((field - low) / (high - low if high > low else 1.0))
