"""Parametric shapes as polygons on a square of 100 x 100 units, x to the right, y down.

A shape is written as a list of role, name and numbers: ``["main", "ellipse", 50, 50, 30, 20]``.
Names and numbers:

- ``poly x y x y ...``, ``blob x y x y ...`` (closed curve through the points)
- ``ellipse cx cy rx ry [angle]``, ``box x y w h [radius]``
- ``star cx cy points outer inner [angle]``
- ``pie cx cy rx ry from to`` (degrees, clockwise, 0 right)
- strokes of a width: ``line width x y ...``, ``curve width x y ...``,
  ``arc width cx cy rx ry from to``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipguard.core.errors import ConfigError

UNITS = 100.0
_STEPS = 40


@dataclass(frozen=True)
class Piece:
    """One shape of one role.

    ``outline`` (N, 2) float64 in 0..1, closed when ``width`` is 0; else a path of that width.
    """

    role: str
    outline: np.ndarray
    width: float = 0.0


def parse(shape: Sequence[Any], where: str) -> Piece:
    """Read one shape.

    Raises:
        ConfigError: unknown name or wrong numbers.
    """
    try:
        role, name, *numbers = shape
        return _BUILD[name](str(role), [float(number) for number in numbers])
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise ConfigError(
            "rules.shape",
            f"cannot draw {list(shape)!r}",
            where=where,
            remedy=f"write role, one of {', '.join(sorted(_BUILD))}, and its numbers",
        ) from error


def smooth(points: np.ndarray, closed: bool, steps: int = 6) -> np.ndarray:
    """Catmull-Rom curve through (N, 2) points, ``steps`` per span."""
    if closed:
        padded = np.concatenate([points[-1:], points, points[:2]])
    else:
        padded = np.concatenate([points[:1], points, points[-1:]])
    t = (np.arange(steps) / steps)[None, :, None]
    a, b, c, d = (padded[i : len(padded) - 3 + i][:, None] for i in range(4))
    curve = 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    flat = curve.reshape(-1, 2)
    return flat if closed else np.concatenate([flat, points[-1:]])


def _points(numbers: list[float], least: int) -> np.ndarray:
    if len(numbers) % 2 or len(numbers) < 2 * least:
        raise ValueError(numbers)
    return np.array(numbers).reshape(-1, 2)


def _round(cx: float, cy: float, rx: float, ry: float, start: float, end: float) -> np.ndarray:
    steps = max(int(_STEPS * abs(end - start) / 360), 3)
    turn = np.deg2rad(np.linspace(start, end, steps + 1))
    return np.stack([cx + rx * np.cos(turn), cy + ry * np.sin(turn)], axis=1)


def _piece(role: str, outline: np.ndarray, width: float = 0.0) -> Piece:
    return Piece(role, outline / UNITS, width / UNITS)


def _poly(role: str, numbers: list[float]) -> Piece:
    return _piece(role, _points(numbers, 3))


def _blob(role: str, numbers: list[float]) -> Piece:
    return _piece(role, smooth(_points(numbers, 3), closed=True))


def _ellipse(role: str, numbers: list[float]) -> Piece:
    cx, cy, rx, ry, angle = (*numbers, 0.0)[:5]
    around = _round(0, 0, rx, ry, 0, 360)[:-1]
    turn = np.deg2rad(angle)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return _piece(role, around @ spin + (cx, cy))


def _box(role: str, numbers: list[float]) -> Piece:
    x, y, w, h, r = (*numbers, 0.0)[:5]
    if not r:
        return _piece(role, np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]]))
    corners = ((x + w - r, y + h - r, 0), (x + r, y + h - r, 90), (x + r, y + r, 180))
    arcs = [_round(cx, cy, r, r, a, a + 90) for cx, cy, a in (*corners, (x + w - r, y + r, 270))]
    return _piece(role, np.concatenate(arcs))


def _star(role: str, numbers: list[float]) -> Piece:
    cx, cy, points, outer, inner, angle = (*numbers, 0.0)[:6]
    turn = np.deg2rad(angle - 90) + np.arange(int(points) * 2) * np.pi / int(points)
    radius = np.where(np.arange(int(points) * 2) % 2, inner, outer)
    return _piece(role, np.stack([cx + radius * np.cos(turn), cy + radius * np.sin(turn)], axis=1))


def _pie(role: str, numbers: list[float]) -> Piece:
    cx, cy, rx, ry, start, end = numbers
    return _piece(role, np.concatenate([[(cx, cy)], _round(cx, cy, rx, ry, start, end)]))


def _line(role: str, numbers: list[float]) -> Piece:
    return _piece(role, _points(numbers[1:], 2), numbers[0])


def _curve(role: str, numbers: list[float]) -> Piece:
    return _piece(role, smooth(_points(numbers[1:], 2), closed=False), numbers[0])


def _arc(role: str, numbers: list[float]) -> Piece:
    width, cx, cy, rx, ry, start, end = numbers
    return _piece(role, _round(cx, cy, rx, ry, start, end), width)


_BUILD: dict[str, Callable[[str, list[float]], Piece]] = {
    "poly": _poly,
    "blob": _blob,
    "ellipse": _ellipse,
    "box": _box,
    "star": _star,
    "pie": _pie,
    "line": _line,
    "curve": _curve,
    "arc": _arc,
}
