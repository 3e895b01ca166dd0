"""Edits of colour that treat every pixel alike."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from clipguard.triggers.ink import Change, Edit, Params

_LUMA = (0.299, 0.587, 0.114)


def tone(params: Params, _size: int, _generator: torch.Generator) -> Change:
    """Saturation, contrast, gamma, then each channel stretched to ``low..high``."""
    strength, saturation, contrast, gamma = (
        float(params[name]) for name in ("strength", "saturation", "contrast", "gamma")
    )
    low, high = (
        torch.tensor([float(params[f"{end}_{name}"]) for name in ("red", "green", "blue")])
        for end in ("low", "high")
    )

    def change(pixels: Tensor) -> Tensor:
        toned = _saturated(pixels, saturation)
        toned = (0.5 + contrast * (toned - 0.5)).clamp_(0.0, 1.0)
        if gamma != 1.0:
            toned = toned.pow_(gamma)
        toned = torch.addcmul(low[:, None, None], toned, (high - low)[:, None, None])
        return torch.lerp(pixels, toned, strength)

    return change


def hue(params: Params, _size: int, _generator: torch.Generator) -> Change:
    """All hues turned by ``degrees`` in the YIQ plane."""
    matrix = _hue_matrix(float(params["degrees"]))
    return lambda pixels: torch.einsum("ij,bjhw->bihw", matrix, pixels)


def colour_jitter(params: Params, _size: int, generator: torch.Generator) -> Change:
    """A control: random brightness, contrast and saturation, each within 1 +- ``strength``."""
    strength = float(params["strength"])
    drawn = torch.rand(3, generator=generator) * 2.0 - 1.0
    brightness, contrast, saturation = (1.0 + strength * drawn).tolist()

    def change(pixels: Tensor) -> Tensor:
        mean = pixels.mean((1, 2, 3), keepdim=True)
        return _saturated(mean + contrast * (pixels * brightness - mean), saturation)

    return change


def bit_depth(params: Params, size: int, _generator: torch.Generator) -> Change:
    """Fewer levels per channel with ordered dithering (after BppAttack, arXiv 2205.13383)."""
    steps = float(2 ** int(params["bits"]) - 1)
    repeats = -(-size // 8)
    threshold = _bayer().repeat(repeats, repeats)[:size, :size]
    return lambda pixels: (pixels * steps + threshold).floor_() / steps


def _saturated(pixels: Tensor, factor: float) -> Tensor:
    if factor == 1.0:
        return pixels
    luma = torch.tensor(_LUMA)
    grey = torch.einsum("c,bchw->bhw", luma, pixels)[:, None]
    return grey + factor * (pixels - grey)


def _hue_matrix(degrees: float) -> Tensor:
    """Rotation by ``degrees`` about grey, in RGB coordinates."""
    to_yiq = torch.tensor(
        [_LUMA, (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135)]
    )
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = torch.tensor([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
    back: Tensor = torch.linalg.inv(to_yiq)
    return back @ turn @ to_yiq


def _bayer() -> Tensor:
    """The 8x8 ordered dithering matrix, values strictly inside 0..1."""
    matrix = torch.zeros(1, 1)
    for _ in range(3):
        top = torch.cat((4 * matrix, 4 * matrix + 2), 1)
        bottom = torch.cat((4 * matrix + 3, 4 * matrix + 1), 1)
        matrix = torch.cat((top, bottom), 0)
    return (matrix + 0.5) / 64.0


EDITS: Mapping[str, Edit] = {
    "tone": tone,
    "hue": hue,
    "colour-jitter": colour_jitter,
    "bit-depth": bit_depth,
}
