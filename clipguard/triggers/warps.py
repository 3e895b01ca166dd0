"""Edits that move pixels and leave their colours."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from clipguard.triggers.ink import Change, Edit, Params


def jitter_warp(params: Params, size: int, generator: torch.Generator) -> Change:
    """Every pixel displaced on its own by ``pixels`` on average (as PAR did, arXiv 2412.00727)."""
    offset = _unit_field(size, generator) * float(params["pixels"])
    return _moved_by(offset)


def smooth_warp(params: Params, size: int, generator: torch.Generator) -> Change:
    """A smooth field of ``grid`` nodes a side, mean displacement ``shift`` of the picture's side.

    WaNet, arXiv 2102.10369; finer grids give elastic distortion.
    """
    nodes = _unit_field(int(params["grid"]), generator)
    smooth = F.interpolate(nodes[None], size=(size, size), mode="bicubic", align_corners=True)[0]
    return _moved_by(smooth * float(params["shift"]) * size)


def twist(params: Params, size: int, _generator: torch.Generator) -> Change:
    """Rotation about the centre that fades towards the edge."""
    axis = torch.linspace(-1.0, 1.0, size)
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    fade = (1.0 - (rows.square() + columns.square()).sqrt_()).clamp_(0.0, 1.0)
    angle = fade * math.radians(float(params["degrees"]))
    cosine, sine = angle.cos(), angle.sin()
    turned = torch.stack((cosine * columns - sine * rows, sine * columns + cosine * rows), -1)
    return _sampled(turned)


def shift(params: Params, _size: int, _generator: torch.Generator) -> Change:
    """The picture moved down and to the right; the edge is repeated."""
    by = int(params["shift"])

    def change(pixels: Tensor) -> Tensor:
        return F.pad(pixels, (by, 0, by, 0), mode="replicate")[..., :-by, :-by]

    return change


def _unit_field(nodes: int, generator: torch.Generator) -> Tensor:
    """(2, nodes, nodes), uniform, scaled to a mean magnitude of 1 as WaNet does."""
    values = torch.rand(2, nodes, nodes, generator=generator) * 2.0 - 1.0
    return values / values.abs().mean()


def _moved_by(offset: Tensor) -> Change:
    """A change that fetches each pixel ``offset`` (2: right, down; in pixels) away."""
    size = offset.shape[-1]
    axis = torch.linspace(-1.0, 1.0, size)
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    step = 2.0 / max(size - 1, 1)
    return _sampled(torch.stack((columns + offset[0] * step, rows + offset[1] * step), -1))


def _sampled(grid: Tensor) -> Change:
    grid = grid.clamp(-1.0, 1.0)[None]

    def change(pixels: Tensor) -> Tensor:
        return F.grid_sample(
            pixels, grid.expand(len(pixels), -1, -1, -1), padding_mode="border", align_corners=True
        )

    return change


EDITS: Mapping[str, Edit] = {
    "jitter-warp": jitter_warp,
    "smooth-warp": smooth_warp,
    "twist": twist,
    "shift": shift,
}
