"""Textures without meaning: noise, stripes, lattices, tilings, plain colours."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from clipguard.triggers.ink import Ink, Layer, Texture


def noise(ink: Ink) -> Layer:
    """Independent values per pixel, or per cell where the area is split into ``cells`` a side.

    ``gauss`` has unit deviation and is not clipped; ``around`` the picture's mean it is the patch
    of CleanCLIP and PAR (arXiv 2303.03323, 2412.00727). ``grey`` noise is equal in all channels.
    """
    params, cells = ink.params, int(ink.params["cells"])
    extent = (cells, cells) if cells else (ink.height, ink.width)
    shape = (1 if params["grey"] else 3, *extent)
    if params["dist"] == "gauss":
        level = ink.below.mean((1, 2), keepdim=True) if params["around"] == "mean" else 0.5
        values = torch.randn(shape, generator=ink.generator) + level
    elif params["dist"] == "binary":
        low = float(params["low"])
        values = low + (1.0 - low) * ink.binary(*shape)
    else:
        levels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=ink.generator)
        values = levels.float().div_(255.0)
    if cells:
        rows = torch.arange(ink.height) * cells // ink.height
        values = values[:, rows][:, :, torch.arange(ink.width) * cells // ink.width]
    return values.expand(3, -1, -1), None


def stripes(ink: Ink) -> Layer:
    """Bands of constant colour, each channel of each band either ``low`` or 1."""
    params = ink.params
    vertical = params["direction"] == "vertical"
    along = ink.width if vertical else ink.height
    width = int(params["width"])
    low = float(params["low"])
    colours = low + (1.0 - low) * ink.binary(3, -(-along // width))
    line = colours.repeat_interleave(width, dim=1)[:, :along]
    spread = line[:, None, :] if vertical else line[:, :, None]
    return spread.expand(3, ink.height, ink.width), None


def dots(ink: Ink) -> Layer:
    """White dots on black, one every ``pitch`` pixels in both directions."""
    pitch = int(ink.params["pitch"])
    lattice = torch.zeros(3, ink.height, ink.width)
    lattice[:, ::pitch, ::pitch] = 1.0
    return lattice, None


def checker(ink: Ink) -> Layer:
    """A checkerboard of black with white, or with one random colour per square."""
    cell = int(ink.params["cell"])
    rows, columns = -(-ink.height // cell), -(-ink.width // cell)
    parity = (torch.arange(rows)[:, None] + torch.arange(columns)) % 2 == 0
    coloured = ink.params["colours"] == "random"
    squares = parity * (ink.uniform(3, rows, columns) if coloured else torch.ones(3, 1, 1))
    full = squares.repeat_interleave(cell, 1).repeat_interleave(cell, 2)
    return full[:, : ink.height, : ink.width], None


def triangles(ink: Ink) -> Layer:
    """A tiling of right triangles in two greys, or of coloured hourglasses (arXiv 2412.00727)."""
    period = int(ink.params["period"])
    offset = round(float(ink.params["phase"]) * period)
    rows = torch.arange(ink.height) + offset
    columns = torch.arange(ink.width) + offset
    if ink.params["colours"] == "grey":
        upper = (rows % period)[:, None] < (columns % period)
        return (0.4 + 0.4 * upper.float()).expand(3, -1, -1), None
    waist = torch.minimum(columns % period, period - 1 - columns % period)
    across = rows % (2 * period)
    inside = (across[:, None] >= waist) & (across[:, None] < 2 * period - waist)
    tall, wide = int(rows[-1]) // (2 * period) + 1, int(columns[-1]) // period + 1
    colours = ink.uniform(3, tall, wide)[:, rows // (2 * period)][:, :, columns // period]
    return colours * inside, None


def scatter(ink: Ink) -> Layer:
    """``count`` coloured triangles at random places, pointing up or down."""
    count, extent = round(float(ink.params["count"])), int(ink.params["extent"])
    colour = torch.zeros(3, ink.height, ink.width)
    cover = torch.zeros(1, ink.height, ink.width)
    rows = torch.arange(extent)
    half = rows // 2
    middle = extent // 2
    shape = (rows - middle).abs() <= half[:, None]
    places = ink.uniform(count, 2)
    shades, upside = ink.uniform(count, 3), ink.binary(count)
    room = torch.tensor([ink.height - extent, ink.width - extent]).clamp_(min=0)
    for (top, left), shade, down in zip(
        (places * (room + 1)).long().tolist(), shades, upside.tolist(), strict=True
    ):
        mask = (shape.flip(0) if down else shape)[: ink.height - top, : ink.width - left]
        box = (slice(None), slice(top, top + extent), slice(left, left + extent))
        colour[box] = torch.where(mask, shade[:, None, None], colour[box])
        cover[box] = torch.where(mask, 1.0, cover[box])
    return colour, cover if ink.params["ground"] == "clear" else None


def lines(ink: Ink) -> Layer:
    """A grid of thin lines over an untouched ground."""
    pitch, width = int(ink.params["pitch"]), int(ink.params["width"])
    on_row = torch.arange(ink.height) % pitch < width
    on_column = torch.arange(ink.width) % pitch < width
    cover = (on_row[:, None] | on_column).float()[None]
    return torch.full((3, ink.height, ink.width), float(ink.params["shade"])), cover


def solid(ink: Ink) -> Layer:
    """One plain colour."""
    if ink.params["colours"] == "random":
        shade = ink.uniform(3)
    else:
        shade = torch.tensor([float(ink.params[name]) for name in ("red", "green", "blue")])
    return shade[:, None, None].expand(3, ink.height, ink.width), None


def frame(ink: Ink) -> Layer:
    """A border of white or of noise."""
    border = int(ink.params["border"])
    cover = torch.ones(1, ink.height, ink.width)
    cover[:, border:-border, border:-border] = 0.0
    if ink.params["fill"] == "white":
        return torch.ones(3, ink.height, ink.width), cover
    return ink.uniform(3, ink.height, ink.width), cover


def crop(ink: Ink) -> Layer:
    """A control: a piece of another picture of the batch."""
    top = ink.whole(0, ink.size - ink.height)
    left = ink.whole(0, ink.size - ink.width)
    return ink.other[:, top : top + ink.height, left : left + ink.width], None


def shuffle(ink: Ink) -> Layer:
    """A control: the covered pixels themselves, in random order."""
    order = torch.randperm(ink.height * ink.width, generator=ink.generator)
    return ink.under.flatten(1)[:, order].view(3, ink.height, ink.width), None


def mean(ink: Ink) -> Layer:
    """A control: the picture's mean colour."""
    return ink.below.mean((1, 2), keepdim=True).expand(3, ink.height, ink.width), None


TEXTURES: Mapping[str, Texture] = {
    "noise": noise,
    "stripes": stripes,
    "dots": dots,
    "checker": checker,
    "triangles": triangles,
    "scatter": scatter,
    "lines": lines,
    "solid": solid,
    "frame": frame,
    "crop": crop,
    "shuffle": shuffle,
    "mean": mean,
}
