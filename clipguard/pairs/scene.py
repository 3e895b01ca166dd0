"""A scene: what is in a picture, as plain facts, and how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from clipguard.draw import grounds, paint
from clipguard.draw.paint import Dress, Place
from clipguard.draw.text import render_mask
from clipguard.draw.textures import Colour
from clipguard.pairs.catalogue import catalogue

LIGHT: Colour = (250, 250, 246)
DARK: Colour = (34, 32, 36)
_GREYED: dict[Colour, Colour] = {LIGHT: (170, 178, 190), DARK: (104, 104, 112)}
_TOO_NEAR = 45


@dataclass(frozen=True)
class Item:
    """One thing in its place. ``colour``, ``second`` and ``paper`` are the drawn RGB values."""

    noun: str
    place: Place
    colour: Colour
    second: Colour
    paper: Colour = LIGHT
    texture: str = "solid"
    scale: int = 0
    style: str = "flat"


@dataclass(frozen=True)
class Ground:
    """What lies behind: kind, three RGB colours, and which of many."""

    kind: str
    colours: tuple[Colour, Colour, Colour]
    variant: int = 0


@dataclass(frozen=True)
class Sign:
    """A written word: centre, height of the line as a fraction of the side, ink and plate."""

    word: str
    x: float
    y: float
    height: float
    ink: Colour
    plate: Colour | None = None


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The facts of one picture with its caption.

    ``noun``, ``colour``, ``texture``, ``size``, ``count`` tell of the main object; ``noun`` is
    empty where only a word is written. ``colour`` is None where an object's colours are its own.
    ``relation`` and ``other`` tell of the second object, ``word`` of what is written.
    """

    noun: str
    colour: str | None
    texture: str
    size: str
    count: int
    relation: str | None
    other: str | None
    background: str
    style: str
    word: str | None
    caption: str
    ground: Ground
    items: tuple[Item, ...]
    sign: Sign | None = None


def render(scene: Scene, image_size: int) -> np.ndarray:
    """(S, S, 3) uint8 picture of the scene; the layout is the same at every size."""
    return np.asarray(_draw(scene, image_size), dtype=np.uint8)


def _draw(scene: Scene, image_size: int) -> Image.Image:
    ground = scene.ground
    side = image_size * paint.SUPERSAMPLING
    behind = grounds.ground(ground.kind, ground.colours, ground.variant, image_size)
    # Doubled pixels reduce to themselves: a ground gains nothing from supersampling.
    canvas = behind.resize((side, side), Image.Resampling.NEAREST)
    for item in scene.items:
        _draw_item(canvas, item)
    if scene.sign:
        _draw_sign(canvas, scene.sign)
    return canvas.reduce(paint.SUPERSAMPLING)


def _draw_item(canvas: Image.Image, item: Item) -> None:
    known = catalogue()
    colours = {name: rule.rgb for name, rule in known.colours.items()}
    roles = {
        "main": item.colour,
        "second": item.second,
        "paper": item.paper,
        "light": _apart(LIGHT, item.colour),
        "dark": _apart(DARK, item.colour),
    }
    dress = Dress({**colours, **roles}, item.texture, item.scale, item.style)
    paint.thing(canvas, known.pieces[item.noun], item.place, dress)


def _apart(detail: Colour, main: Colour) -> Colour:
    """The colour of light or dark details, moved towards grey where the thing has it already."""
    near = max(abs(a - b) for a, b in zip(detail, main, strict=True)) < _TOO_NEAR
    return _GREYED[detail] if near else detail


def _draw_sign(canvas: Image.Image, sign: Sign) -> None:
    side = canvas.width
    mask = render_mask(sign.word, max(round(sign.height * side), 8))
    ink = Image.fromarray(np.rint(mask * 255).astype(np.uint8))
    room = round(0.94 * side)
    if ink.width > room:
        ink = ink.resize((room, max(ink.height * room // ink.width, 1)))
    left = round(sign.x * side - ink.width / 2)
    left = min(max(left, round(0.02 * side)), max(round(0.98 * side) - ink.width, 0))
    top = min(max(round(sign.y * side - ink.height / 2), 0), side - ink.height)
    if sign.plate:
        pad = ink.height // 4
        box = (left - pad, top - pad, left + ink.width + pad, top + ink.height + pad)
        canvas.paste(sign.plate, box)
    canvas.paste(sign.ink, (left, top), ink)
