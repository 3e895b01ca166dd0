"""Textures defined by their frequencies: sinusoids, DCT bands, random fields."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from clipguard.triggers.ink import Ink, Layer, Texture

# What one unit of the two chroma channels adds to red, green and blue.
_CHROMA = {
    "yuv": ((0.0, 1.140), (-0.395, -0.581), (2.032, 0.0)),
    "ycbcr": ((0.0, 1.402), (-0.344136, -0.714136), (1.772, 0.0)),
}


def sinusoid(ink: Ink) -> Layer:
    """A wave in -1..1 with ``cycles`` periods across the picture (SIG, arXiv 1902.11237)."""
    turn = 2.0 * math.pi * float(ink.params["cycles"]) / ink.size
    rows, columns = torch.arange(ink.height)[:, None] * turn, torch.arange(ink.width) * turn
    phase = {
        "columns": columns.expand(ink.height, -1),
        "rows": rows.expand(-1, ink.width),
        "diagonal": rows + columns,
    }[str(ink.params["direction"])]
    return phase.sin().expand(3, -1, -1), None


def dct(ink: Ink) -> Layer:
    """Two bands of each block's chroma raised by one unit (FTrojan, arXiv 2111.11991).

    The transform is linear, so raising a coefficient adds its basis picture: the middle band and
    the highest band of the block, in both chroma channels. Published on blocks of 32 pixels.
    """
    window = int(ink.params["window"])
    basis = _basis(window, window // 2 - 1) + _basis(window, window - 1)
    weights = torch.tensor(_CHROMA[str(ink.params["space"])]).sum(1)
    repeats = -(-ink.size // window)
    tiled = basis.repeat(repeats, repeats)[: ink.height, : ink.width]
    return weights[:, None, None] * tiled, None


def field(ink: Ink) -> Layer:
    """A control: a coloured random field whose amplitude falls as frequency to the ``slope``."""
    slope, contrast = float(ink.params["slope"]), float(ink.params["contrast"])
    return (0.5 + contrast * random_field(ink.size, slope, ink.generator)).clamp_(0.0, 1.0), None


def random_field(size: int, slope: float, generator: torch.Generator) -> Tensor:
    """(3, size, size) of zero mean and unit deviation per channel."""
    spectrum = torch.randn(3, size, size // 2 + 1, 2, generator=generator)
    rows, columns = torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size)[None, :]
    frequency = (rows.square() + columns.square()).sqrt_()
    frequency[0, 0] = math.inf
    shaped = torch.view_as_complex(spectrum) * frequency.pow(-slope)
    plain: Tensor = torch.fft.irfft2(shaped, s=(size, size))
    return plain / plain.std((1, 2), keepdim=True).clamp_min(1e-12)


def _basis(window: int, band: int) -> Tensor:
    """The orthonormal DCT-II basis picture of coefficient (band, band)."""
    angle = (2 * torch.arange(window) + 1) * band * math.pi / (2 * window)
    wave = angle.cos() * math.sqrt(2.0 / window)
    return wave[:, None] * wave


TEXTURES: Mapping[str, Texture] = {"sinusoid": sinusoid, "dct": dct, "field": field}
