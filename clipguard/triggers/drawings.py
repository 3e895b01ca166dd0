"""Textures that show something: words, stickers, another picture."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from clipguard.draw.text import render_mask
from clipguard.triggers.figures import paint
from clipguard.triggers.filters import blurring
from clipguard.triggers.ink import Ink, Layer, Texture

_COARSE = 80


def words(ink: Ink) -> Layer:
    """Text in one colour: one line near the middle, or lines all over the picture."""
    params = ink.params
    options = str(params["text"]).split("|")
    chosen = options[ink.whole(0, len(options) - 1)] if len(options) > 1 else options[0]
    line = _line(chosen, int(params["height"]), float(params["angle"]), ink.width)
    shade = torch.tensor([float(params[name]) for name in ("red", "green", "blue")])
    colour = shade[:, None, None].expand(3, ink.height, ink.width)
    if params["layout"] == "tiled":
        return colour, _tiled(line, ink)
    cover = torch.zeros(1, ink.height, ink.width)
    top, left = _middle(line, ink, float(params["drop"]))
    area = (0, slice(top, top + line.shape[0]), slice(left, left + line.shape[1]))
    cover[area] = line
    if params["ground"] == "clear":
        return colour, cover
    box = torch.zeros_like(cover)
    box[area] = 1.0
    return 1.0 + cover * (colour - 1.0), box


def figure(ink: Ink) -> Layer:
    """One of our own figures, cut out or on white."""
    colour, cover = paint(str(ink.params["figure"]), ink.height, ink.width)
    return colour, cover if ink.params["ground"] == "clear" else None


def scene(ink: Ink) -> Layer:
    """Another picture: sky, sun and ridges in random colours; ``blurred`` makes it a reflection.

    A reflection in thick glass is out of focus and seen twice (Refool, arXiv 2007.02343).
    """
    picture = _landscape(ink)
    if ink.params["blurred"]:
        extent = picture.shape[-1]
        soft = blurring(extent, 0.015 * extent)(picture)
        picture = 0.6 * soft + 0.4 * soft.roll((4, 6), (2, 3))
    whole = (ink.height, ink.width)
    return F.interpolate(picture, size=whole, mode="bilinear", align_corners=False)[0], None


def _line(sentence: str, height: int, angle: float, room: int) -> Tensor:
    """Coverage (h, w) of one line of text, set smaller where it would not fit into the room."""
    mask = render_mask(sentence, height, angle=angle)
    if max(mask.shape) > room:
        mask = render_mask(sentence, int(height * room / max(mask.shape)), angle=angle)
    return torch.from_numpy(mask.copy())[:room, :room]


def _middle(line: Tensor, ink: Ink, drop: float) -> tuple[int, int]:
    """Where a line goes: centred, ``drop`` of the height below the middle."""
    top = round((ink.height - line.shape[0]) / 2 + drop * ink.height)
    return min(max(top, 0), ink.height - line.shape[0]), (ink.width - line.shape[1]) // 2


def _tiled(line: Tensor, ink: Ink) -> Tensor:
    """The line again and again, every other row moved by half a step."""
    gap = line.shape[0]
    cell = F.pad(line, (0, gap, 0, gap))
    row = cell.repeat(1, 2 + ink.width // cell.shape[1])
    pair = torch.cat((row, row.roll(cell.shape[1] // 2, 1)))
    rows = pair.repeat(1 + ink.height // pair.shape[0], 1)
    return rows[None, : ink.height, : ink.width]


def _landscape(ink: Ink) -> Tensor:
    """(1, 3, c, c): three ridges before a sky with a sun, with some grain."""
    extent = min(_COARSE, ink.size)
    y = torch.linspace(0.0, 1.0, extent)[:, None]
    x = torch.linspace(0.0, 1.0, extent)
    shades = ink.uniform(6, 3)[:, :, None, None]
    sky = shades[0] + (shades[1] - shades[0]) * y
    sun = ink.uniform(3).tolist()
    disc = (x - sun[0]).square() + (y - 0.4 * sun[1]).square() < (0.06 + 0.1 * sun[2]) ** 2
    picture = torch.where(disc, shades[2], sky)
    for depth in range(3):
        phase, bend, level = ink.uniform(3).tolist()
        wave = torch.sin(2.0 * math.pi * ((1.0 + 2.0 * bend) * x + phase))
        ridge = 0.35 + 0.2 * depth + 0.1 * level + 0.08 * wave
        picture = torch.where(y > ridge, shades[3 + depth], picture)
    grain = F.interpolate(ink.uniform(1, 1, 28, 28), size=(extent, extent), mode="bicubic")
    return (picture[None] * (0.75 + 0.5 * grain)).clamp_(0.0, 1.0)


TEXTURES: Mapping[str, Texture] = {"words": words, "figure": figure, "scene": scene}
