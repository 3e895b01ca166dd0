"""Shapes and textures onto a Pillow canvas: flat, outlined, with a contour, or shaded.

Canvases are drawn at twice the wanted size and reduced once, at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from clipguard.draw import fields, textures
from clipguard.draw.shapes import Piece
from clipguard.draw.textures import Colour

SUPERSAMPLING = 2
STYLES = ("flat", "outline", "cartoon", "shaded")
_INK = (28, 28, 32)
_CONTOUR = 0.022


@dataclass(frozen=True)
class Place:
    """Where a thing goes: centre and side as fractions of the picture's side, angle in degrees."""

    x: float
    y: float
    size: float
    angle: float = 0.0
    flip: bool = False

    def transform(self, outline: np.ndarray, side: int) -> np.ndarray:
        """(N, 2) in 0..1 of the thing -> (N, 2) pixels of a canvas of ``side``."""
        turn = np.deg2rad(self.angle)
        spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        centred = (outline - 0.5) * ((-1.0, 1.0) if self.flip else (1.0, 1.0))
        return np.asarray((centred @ spin * self.size + (self.x, self.y)) * side)


@dataclass(frozen=True)
class Dress:
    """How a thing looks: a colour for each role, a texture for role ``main``, a style."""

    colours: Mapping[str, Colour]
    texture: str = "solid"
    scale: int = 0
    style: str = "flat"


@dataclass(frozen=True)
class _Shape:
    """A piece in canvas pixels; ``width`` 0 is a filled polygon."""

    role: str
    path: list[tuple[float, float]]
    width: int

    def fill(self, draw: ImageDraw.ImageDraw, colour: Colour | int, grow: int = 0) -> None:
        if not self.width:
            draw.polygon(self.path, fill=colour)
            return
        width = self.width + grow
        draw.line(self.path, fill=colour, width=width, joint="curve")
        for x, y in (self.path[0], self.path[-1]):
            draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=colour)

    def contour(self, draw: ImageDraw.ImageDraw, colour: Colour, width: int) -> None:
        draw.line([*self.path, *self.path[:2]], fill=colour, width=width, joint="curve")


def thing(canvas: Image.Image, pieces: Sequence[Piece], place: Place, dress: Dress) -> None:
    """Draw one thing onto the RGB ``canvas`` in place."""
    side = canvas.width
    shapes = [
        _Shape(
            piece.role,
            [(x, y) for x, y in place.transform(piece.outline, side).tolist()],
            max(round(piece.width * place.size * side), 2) if piece.width else 0,
        )
        for piece in pieces
    ]
    line = max(round(_CONTOUR * place.size * side), 2)
    if dress.style == "outline":
        _outline(ImageDraw.Draw(canvas), shapes, dress, line)
        return
    if dress.style == "shaded":
        _shadow(canvas, shapes, place)
    _fill(canvas, shapes, place, dress, line if dress.style == "cartoon" else 0)
    if dress.style == "shaded":
        _shade(canvas, shapes)


def _outline(draw: ImageDraw.ImageDraw, shapes: Sequence[_Shape], dress: Dress, line: int) -> None:
    ink, paper = dress.colours["main"], dress.colours["paper"]
    for shape in shapes:
        solid = shape.role == "dark" or (shape.width and shape.width < 3 * line)
        if shape.width:
            shape.fill(draw, ink, 0 if solid else line)
            if not solid:
                shape.fill(draw, paper, -line)
        else:
            shape.fill(draw, ink if solid else paper)
            shape.contour(draw, ink, line)


def _fill(
    canvas: Image.Image, shapes: Sequence[_Shape], place: Place, dress: Dress, line: int
) -> None:
    draw = ImageDraw.Draw(canvas)
    for role, group in groupby(shapes, key=lambda shape: shape.role):
        members = list(group)
        if line:
            _contours(draw, members, line)
        if role == "main" and dress.texture != "solid":
            _textured(canvas, members, place, dress)
            continue
        for shape in members:
            shape.fill(draw, dress.colours[role])


def _contours(draw: ImageDraw.ImageDraw, shapes: Sequence[_Shape], line: int) -> None:
    """Before the fill, so that shapes of one role melt into one."""
    for shape in shapes:
        if shape.width:
            shape.fill(draw, _INK, line)
        else:
            shape.contour(draw, _INK, 2 * line)


def _textured(canvas: Image.Image, shapes: Sequence[_Shape], place: Place, dress: Dress) -> None:
    side = canvas.width
    extent = max(round(place.size * side), 1)
    left, top = round(place.x * side - extent / 2), round(place.y * side - extent / 2)
    coat = textures.tile(
        dress.texture, dress.scale, extent, dress.colours["main"], dress.colours["second"]
    )
    mask = _mask(shapes, (left, top), (extent, extent))
    canvas.paste(coat, (left, top), mask)


def _mask(
    shapes: Sequence[_Shape], corner: tuple[int, int], extent: tuple[int, int]
) -> Image.Image:
    mask = Image.new("L", extent)
    draw = ImageDraw.Draw(mask)
    left, top = corner
    for shape in shapes:
        moved = [(x - left, y - top) for x, y in shape.path]
        _Shape(shape.role, moved, shape.width).fill(draw, 255)
    return mask


def _bounds(shapes: Sequence[_Shape], side: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of all shapes, inside the canvas."""
    pad = max(shape.width for shape in shapes)
    points = [point for shape in shapes for point in shape.path]
    low = [max(int(min(axis)) - pad, 0) for axis in zip(*points, strict=True)]
    high = [min(int(max(axis)) + pad + 1, side) for axis in zip(*points, strict=True)]
    left, top = (min(value, side - 1) for value in low)
    return left, top, max(high[0], left + 1), max(high[1], top + 1)


def _shadow(canvas: Image.Image, shapes: Sequence[_Shape], place: Place) -> None:
    left, top, right, bottom = _bounds(shapes, canvas.width)
    mask = _mask(shapes, (left, top), (right - left, bottom - top)).point(_FAINT)
    shift = round(0.04 * place.size * canvas.width)
    canvas.paste((0, 0, 0), (left + shift, top + shift), mask)


def _shade(canvas: Image.Image, shapes: Sequence[_Shape]) -> None:
    left, top, right, bottom = _bounds(shapes, canvas.width)
    extent = (right - left, bottom - top)
    dim, gloss = (ramp.resize(extent, Image.Resampling.BILINEAR) for ramp in _light())
    below = canvas.crop((left, top, right, bottom))
    lit = ImageChops.screen(ImageChops.multiply(below, dim), gloss)
    canvas.paste(lit, (left, top), _mask(shapes, (left, top), extent))


_FAINT = [value * 2 // 5 for value in range(256)]


@lru_cache(maxsize=1)
def _light() -> tuple[Image.Image, Image.Image]:
    """Light from the upper left: what darkens and what brightens, RGB of 32 x 32 pixels."""
    away = fields.radial_ramp(32, 0.3, 0.25)
    dim = 255 * (1 - 0.65 * away**1.3)
    gloss = 150 * np.clip(1 - away * 2.6, 0, 1) ** 1.5
    images = [Image.fromarray(np.rint(ramp).astype(np.uint8)) for ramp in (dim, gloss)]
    return images[0].convert("RGB"), images[1].convert("RGB")
