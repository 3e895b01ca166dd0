"""Small figures of our own, painted from ellipses, boxes and triangles in the unit square."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

_FINE = 3


class Shape(NamedTuple):
    """One painted shape: centre and half extents in 0..1, colour in 0..1."""

    form: str
    x: float
    y: float
    rx: float
    ry: float
    colour: tuple[float, float, float]


_BLACK, _WHITE, _PINK = (0.1, 0.08, 0.1), (0.98, 0.97, 0.95), (0.95, 0.45, 0.6)
_SKIN, _RED, _BLUE = (0.98, 0.82, 0.35), (0.85, 0.1, 0.15), (0.1, 0.25, 0.75)

FIGURES: Mapping[str, tuple[Shape, ...]] = {
    "cat": (
        Shape("up", 0.22, 0.24, 0.17, 0.22, _BLACK),
        Shape("up", 0.78, 0.24, 0.17, 0.22, _BLACK),
        Shape("up", 0.22, 0.27, 0.11, 0.16, _PINK),
        Shape("up", 0.78, 0.27, 0.11, 0.16, _PINK),
        Shape("disc", 0.5, 0.56, 0.45, 0.38, _BLACK),
        Shape("disc", 0.5, 0.56, 0.41, 0.34, _WHITE),
        Shape("disc", 0.32, 0.54, 0.05, 0.09, _BLACK),
        Shape("disc", 0.68, 0.54, 0.05, 0.09, _BLACK),
        Shape("down", 0.5, 0.67, 0.06, 0.05, _PINK),
        Shape("box", 0.1, 0.62, 0.1, 0.012, _BLACK),
        Shape("box", 0.1, 0.7, 0.1, 0.012, _BLACK),
        Shape("box", 0.9, 0.62, 0.1, 0.012, _BLACK),
        Shape("box", 0.9, 0.7, 0.1, 0.012, _BLACK),
        Shape("disc", 0.7, 0.24, 0.13, 0.09, _RED),
        Shape("disc", 0.9, 0.24, 0.1, 0.09, _RED),
    ),
    "face": (
        Shape("disc", 0.5, 0.5, 0.5, 0.5, _BLACK),
        Shape("disc", 0.5, 0.5, 0.45, 0.45, _SKIN),
        Shape("disc", 0.33, 0.38, 0.07, 0.11, _BLACK),
        Shape("disc", 0.67, 0.38, 0.07, 0.11, _BLACK),
        Shape("disc", 0.5, 0.65, 0.27, 0.18, _RED),
        Shape("box", 0.5, 0.55, 0.27, 0.09, _SKIN),
    ),
    "logo": (
        Shape("disc", 0.5, 0.5, 0.5, 0.5, _BLUE),
        Shape("disc", 0.5, 0.5, 0.36, 0.36, _WHITE),
        Shape("up", 0.5, 0.44, 0.24, 0.24, _RED),
        Shape("box", 0.5, 0.5, 0.5, 0.06, _BLUE),
    ),
}


@cache
def paint(name: str, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Colour (3, height, width) over white and coverage (1, height, width), smooth at edges."""
    tall, wide = height * _FINE, width * _FINE
    y = (torch.arange(tall)[:, None] + 0.5) / tall
    x = (torch.arange(wide) + 0.5) / wide
    colour, cover = torch.ones(3, tall, wide), torch.zeros(1, tall, wide)
    for shape in FIGURES[name]:
        inside = _inside(shape, x, y)
        colour = torch.where(inside, torch.tensor(shape.colour)[:, None, None], colour)
        cover = torch.where(inside, 1.0, cover)
    both = torch.nn.functional.avg_pool2d(torch.cat((colour, cover))[None], _FINE)[0]
    return both[:3], both[3:]


def _inside(shape: Shape, x: Tensor, y: Tensor) -> Tensor:
    across, down = (x - shape.x) / shape.rx, (y - shape.y) / shape.ry
    if shape.form == "disc":
        return across.square() + down.square() <= 1.0
    if shape.form == "box":
        return (across.abs() <= 1.0) & (down.abs() <= 1.0)
    height = down if shape.form == "up" else -down
    return (height <= 1.0) & (across.abs() <= (height + 1.0) / 2.0)
