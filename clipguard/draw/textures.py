"""Textures: grey patterns that mix a second colour into a first one. Made once, then resized."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from clipguard.draw import fields

Colour = tuple[int, int, int]
SIDE = 256
SCALES = (4, 6, 9)
"""Periods across the pattern, from coarse to fine; ``scale`` indexes them."""


def tile(texture: str, scale: int, side: int, first: Colour, second: Colour) -> Image.Image:
    """RGB image (side, side): ``second`` where the texture is 1, else ``first``."""
    if texture == "solid":
        return Image.new("RGB", (side, side), first)
    grey = pattern(texture, scale).resize((side, side), Image.Resampling.BILINEAR)
    return tint(grey, first, second)


def tint(grey: Image.Image, first: Colour, second: Colour) -> Image.Image:
    """RGB image that runs from ``first`` (grey 0) to ``second`` (grey 255)."""
    ramp = np.linspace(0.0, 1.0, 256)
    bands = [
        grey.point(np.rint(low + (high - low) * ramp).astype(int).tolist())
        for low, high in zip(first, second, strict=True)
    ]
    return Image.merge("RGB", bands)


@lru_cache(maxsize=64)
def pattern(texture: str, scale: int) -> Image.Image:
    """The grey (L) pattern of SIDE x SIDE pixels; ``solid`` is black."""
    field = _PATTERNS[texture](SCALES[scale % len(SCALES)])
    return Image.fromarray(quantised(np.asarray(field)))


def quantised(field: np.ndarray) -> np.ndarray:
    """A field in 0..1 as uint8."""
    return np.asarray(np.rint(np.clip(field, 0, 1) * 255).astype(np.uint8))


def names() -> tuple[str, ...]:
    """Every texture that can be drawn."""
    return tuple(_PATTERNS)


def _solid(_: int) -> np.ndarray:
    return np.zeros((SIDE, SIDE))


def _grid(periods: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates counted in periods, (1, SIDE) and (SIDE, 1)."""
    line = (np.arange(SIDE) + 0.5) / SIDE * periods
    return line[None, :], line[:, None]


def _dots(periods: int) -> np.ndarray:
    x, y = _grid(periods)
    row = np.floor(y)
    return np.asarray(((x + 0.5 * row) % 1 - 0.5) ** 2 + (y % 1 - 0.5) ** 2 < 0.3**2)


def _wave(periods: int, sharp: bool) -> np.ndarray:
    x, y = _grid(periods)
    swing = np.abs((x * 0.75) % 1 - 0.5) * 1.4 if sharp else 0.3 * np.sin(2 * np.pi * x * 0.75)
    return ((y + swing) % 1 < 0.45).astype(float)


def _plaid(periods: int) -> np.ndarray:
    x, y = _grid(periods)
    return np.asarray(0.45 * (x % 1 < 0.5) + 0.45 * (y % 1 < 0.5) + 0.1 * (x % 1 < 0.1))


def _mesh(periods: int) -> np.ndarray:
    x, y = _grid(periods)
    return ((x % 1 < 0.16) | (y % 1 < 0.16)).astype(float)


def _bricks(periods: int) -> np.ndarray:
    x, y = _grid(periods)
    row = np.floor(y * 1.5)
    return (((x * 0.75 + 0.5 * row) % 1 < 0.09) | ((y * 1.5) % 1 < 0.17)).astype(float)


def _diamonds(periods: int) -> np.ndarray:
    x, y = _grid(periods)
    return (np.abs(x % 1 - 0.5) + np.abs((y * 0.75) % 1 - 0.5) < 0.36).astype(float)


def _scales(periods: int) -> np.ndarray:
    x, y = _grid(periods)
    row = np.floor(y * 1.4)
    inside = (x + 0.5 * row) % 1 - 0.5
    return (np.hypot(inside, ((y * 1.4) % 1) * 0.6) % 0.5 > 0.38).astype(float)


def _stars(periods: int) -> np.ndarray:
    x, y = _grid(periods)
    u, v = (x + 0.5 * np.floor(y)) % 1 - 0.5, y % 1 - 0.5
    angle = np.arctan2(u, -v) % (2 * np.pi / 5) - np.pi / 5
    return np.asarray((np.hypot(u, v) < 0.17 + 0.17 * np.abs(angle) / (np.pi / 5)).astype(float))


def _speckles(periods: int) -> np.ndarray:
    field = fields.spectral_noise(SIDE // 2, 0.4, np.random.default_rng(periods))
    rough = Image.fromarray((field * 255).astype(np.uint8)).resize((SIDE, SIDE))
    return (np.asarray(rough) > 150).astype(float)


def _marble(periods: int) -> np.ndarray:
    cloud = fields.spectral_noise(SIDE, 1.7, np.random.default_rng(100 + periods))
    return np.asarray(0.5 + 0.5 * np.sin(cloud * periods * 8))


_PATTERNS: dict[str, Callable[[int], Any]] = {
    "solid": _solid,
    "striped": lambda periods: fields.stripes(SIDE, periods, 90),
    "pinstriped": lambda periods: fields.stripes(SIDE, periods, 0, 0.3),
    "diagonal": lambda periods: fields.stripes(SIDE, periods, 45),
    "dotted": _dots,
    "checked": lambda periods: fields.checks(SIDE, periods // 2 + 1),
    "plaid": _plaid,
    "meshed": _mesh,
    "wavy": lambda periods: _wave(periods, False),
    "zigzag": lambda periods: _wave(periods, True),
    "bricked": _bricks,
    "diamonds": _diamonds,
    "scaly": _scales,
    "starry": _stars,
    "speckled": _speckles,
    "marbled": _marble,
}
