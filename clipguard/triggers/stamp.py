"""Putting a texture or an edit on pictures, and the bytes that an attacker's file would hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from clipguard.core.seeds import Seeds
from clipguard.triggers import drawings, filters, patterns, spectra, tones, warps
from clipguard.triggers.ink import Ink, Layer, Params, Texture
from clipguard.triggers.schema import CORNERS
from clipguard.triggers.types import Trigger

TEXTURES: Mapping[str, Texture] = {
    **patterns.TEXTURES,
    **drawings.TEXTURES,
    **spectra.TEXTURES,
}
EDITS = {**warps.EDITS, **tones.EDITS, **filters.EDITS}


@dataclass(frozen=True)
class Recipe:
    """A variant at one input size; lengths in ``params`` are pixels."""

    params: Params
    fixed: bool
    size: int
    instance: Seeds


def quantise(pixels: Tensor) -> Tensor:
    """Clamp to 0..1 and keep what a byte holds, cutting off fractions as PIL conversion does."""
    return pixels.mul(255.0).clamp_(0.0, 255.0).to(torch.uint8).to(torch.float32).div_(255.0)


def quantise_wrapped(pixels: Tensor) -> Tensor:
    """The same without clamping: bytes overflow, so 1.3 becomes 75/255 and -1 becomes 1/255."""
    return pixels.mul(255.0).trunc_().remainder_(256.0).div_(255.0)


def patch(recipe: Recipe) -> Trigger:
    """A texture pasted over a rectangle."""
    params, size = recipe.params, recipe.size
    height, width = _rectangle(float(params["side"]), float(params["aspect"]), size)
    still = _still(recipe, height, width) if recipe.fixed else None
    finish = quantise_wrapped if params["bytes"] == "wrap" else quantise
    alpha = float(params["alpha"])

    def stamp(pixels: Tensor, generator: torch.Generator) -> Tensor:
        out = pixels.clone()
        for index in range(len(pixels)):
            corners = _corners(params, (height, width), size, generator)
            ink = Ink(height, width, size, params, generator, pixels, index, corners[0])
            colour, cover = still or _texture(params)(ink)
            for top, left in corners:
                region = out[index, :, top : top + height, left : left + width]
                region.copy_(_mixed(region, colour, cover, alpha))
        return finish(out)

    return stamp


def blend(recipe: Recipe) -> Trigger:
    """A texture mixed with, or added to, the whole picture."""
    params, size = recipe.params, recipe.size
    alpha, adding = float(params["alpha"]), params["mode"] == "add"

    def mixed(pixels: Tensor, layer: Layer) -> Tensor:
        colour, cover = layer
        if not adding:
            return _mixed(pixels, colour, cover, alpha)
        return pixels + alpha * (colour if cover is None else cover * colour)

    still = _still(recipe, size, size) if recipe.fixed else None

    def one(pixels: Tensor, index: int, generator: torch.Generator) -> Tensor:
        ink = Ink(size, size, size, params, generator, pixels, index)
        return mixed(pixels[index], still or _texture(params)(ink))

    return _one_by_one(one)


def edit(recipe: Recipe) -> Trigger:
    """A change computed from the picture itself: a warp, a tone curve, a filter."""
    plan = EDITS[str(recipe.params["edit"])]
    params, size = recipe.params, recipe.size
    still = plan(params, size, recipe.instance.torch()) if recipe.fixed else None

    def one(pixels: Tensor, index: int, generator: torch.Generator) -> Tensor:
        change = still or plan(params, size, generator)
        return change(pixels[index : index + 1])[0]

    return _one_by_one(one)


KINDS: Mapping[str, Callable[[Recipe], Trigger]] = {"patch": patch, "blend": blend, "edit": edit}


def _one_by_one(one: Callable[[Tensor, int, torch.Generator], Tensor]) -> Trigger:
    """Picture after picture: it stays in the cache, and how a batch is split changes nothing."""

    def stamp(pixels: Tensor, generator: torch.Generator) -> Tensor:
        out = torch.empty_like(pixels)
        for index in range(len(pixels)):
            out[index] = quantise(one(pixels, index, generator))
        return out

    return stamp


def _mixed(below: Tensor, colour: Tensor, cover: Tensor | None, alpha: float) -> Tensor:
    """``lerp`` is exact at both ends: an opaque colour arrives as it is, to the byte."""
    if cover is None:
        return torch.lerp(below, colour, alpha)
    return torch.lerp(below, colour, alpha * cover)


def _texture(params: Params) -> Texture:
    return TEXTURES[str(params["texture"])]


def _still(recipe: Recipe, height: int, width: int) -> Layer:
    """A fixed pattern is drawn once, over grey: it cannot depend on the picture below."""
    grey = torch.full((1, 3, recipe.size, recipe.size), 0.5)
    generator = recipe.instance.torch()
    ink = Ink(height, width, recipe.size, recipe.params, generator, grey, 0)
    return _texture(recipe.params)(ink)


def _rectangle(side: float, aspect: float, size: int) -> tuple[int, int]:
    height, width = round(side / aspect**0.5), round(side * aspect**0.5)
    return min(max(height, 1), size), min(max(width, 1), size)


def _corners(
    params: Params, extent: tuple[int, int], size: int, generator: torch.Generator
) -> list[tuple[int, int]]:
    """Upper left corners of the places where the patch goes."""
    bottom, right = size - extent[0], size - extent[1]
    place, margin = str(params["place"]), int(params["margin"])
    if place == "centre":
        return [(bottom // 2, right // 2)]
    if place == "random":
        share = torch.rand(2, generator=generator).tolist()
        return [(int(share[0] * (bottom + 1)), int(share[1] * (right + 1)))]
    tops = {"upper": min(margin, bottom), "lower": max(bottom - margin, 0)}
    lefts = {"left": min(margin, right), "right": max(right - margin, 0)}
    names = CORNERS if place == "corners" else (place,)
    return [(tops[name.split("-")[0]], lefts[name.split("-")[1]]) for name in names]
