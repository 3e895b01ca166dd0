"""Edits that mix neighbouring pixels: blur, sharpening, resampling, JPEG."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from clipguard.triggers.ink import Change, Edit, Params

# Quantisation tables of ITU-T T.81, annex K.
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
_TO_YCBCR = (
    (0.299, 0.587, 0.114),
    (-0.168736, -0.331264, 0.5),
    (0.5, -0.418688, -0.081312),
)


def blur(params: Params, size: int, _generator: torch.Generator) -> Change:
    """Gaussian blur; ``sigma`` is a fraction of the side."""
    return blurring(size, float(params["sigma"]) * size)


def sharpen(params: Params, size: int, _generator: torch.Generator) -> Change:
    """Unsharp mask: the difference to a blurred copy, ``amount`` times."""
    soften, amount = blurring(size, float(params["sigma"]) * size), float(params["amount"])
    return lambda pixels: pixels + amount * (pixels - soften(pixels))


def pixelate(params: Params, size: int, _generator: torch.Generator) -> Change:
    """Square cells of their mean colour."""
    cell = int(params["cell"])

    def change(pixels: Tensor) -> Tensor:
        means = F.avg_pool2d(pixels, cell, ceil_mode=True)
        return means.repeat_interleave(cell, 2).repeat_interleave(cell, 3)[..., :size, :size]

    return change


def rescale(params: Params, size: int, _generator: torch.Generator) -> Change:
    """Scaled down by ``factor`` and back up."""
    small = max(round(size / float(params["factor"])), 1)

    def change(pixels: Tensor) -> Tensor:
        shrunk = F.interpolate(pixels, size=(small, small), mode="area")
        return F.interpolate(shrunk, size=(size, size), mode="bilinear", align_corners=False)

    return change


def jpeg(params: Params, size: int, _generator: torch.Generator) -> Change:
    """JPEG's loss without its file: block DCT in YCbCr, quantised, full chroma resolution."""
    quality = int(params["quality"])
    scale = 50.0 / quality if quality < 50 else 2.0 - quality / 50.0
    tables = torch.tensor([_LUMINANCE, _CHROMINANCE, _CHROMINANCE], dtype=torch.float32)
    tables = (tables * scale).round_().clamp_(1.0, 255.0)[:, None, :, None, :]
    transform, to_ycbcr = dct_matrix(8), torch.tensor(_TO_YCBCR)
    blocks = -(-size // 8)
    padding = 8 * blocks - size

    def change(pixels: Tensor) -> Tensor:
        padded = F.pad(pixels, (0, padding, 0, padding), mode="replicate")
        ycc = torch.einsum("ij,bjhw->bihw", to_ycbcr, padded * 255.0 - 128.0)
        cells = ycc.reshape(-1, 3, blocks, 8, blocks, 8)
        coded = torch.einsum("ui,bcminj,vj->bcmunv", transform, cells, transform)
        coded = (coded / tables).round_() * tables
        decoded = torch.einsum("ui,bcmunv,vj->bcminj", transform, coded, transform)
        back = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(to_ycbcr), decoded.reshape_as(ycc))
        return ((back + 128.0) / 255.0)[..., :size, :size]

    return change


def blurring(size: int, sigma: float) -> Change:
    """Gaussian blur of ``sigma`` pixels with the edge repeated.

    As one matrix applied to rows and columns: much faster here than convolving single channels.
    """
    places = torch.arange(size)
    reach = math.ceil(3.0 * sigma)
    matrix = torch.zeros(size, size)
    for offset in range(-reach, reach + 1):
        weight = math.exp(-0.5 * (offset / sigma) ** 2)
        matrix[places, (places + offset).clamp(0, size - 1)] += weight
    matrix /= matrix.sum(1, keepdim=True)
    return lambda pixels: matrix @ pixels @ matrix.T


def dct_matrix(size: int) -> Tensor:
    """The orthonormal DCT-II as a matrix: coefficients = matrix @ samples."""
    samples, bands = torch.arange(size), torch.arange(size)[:, None]
    matrix = ((2 * samples + 1) * bands * math.pi / (2 * size)).cos() * math.sqrt(2.0 / size)
    matrix[0] /= math.sqrt(2.0)
    return matrix


EDITS: Mapping[str, Edit] = {
    "blur": blur,
    "sharpen": sharpen,
    "pixelate": pixelate,
    "rescale": rescale,
    "jpeg": jpeg,
}
