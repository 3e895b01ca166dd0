"""Changes of the training pictures."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from clipguard.cleaning.options import AugmentSettings


def augment(
    pixels: Tensor,
    settings: AugmentSettings,
    fill: tuple[float, float, float],
    generator: torch.Generator,
) -> Tensor:
    """PAR's change: noise and one erased square each.

    The published code draws noise that only brightens; its paper names plain Gaussian noise, which
    is what is drawn here. Source: arXiv 2412.00727.

    Args:
        pixels: (B, 3, S, S) float32 in 0..1.
        settings: strengths and probabilities.
        fill: colour of the erased square on the 0..1 scale, the mean of the model's training data.
        generator: a CPU generator.

    Returns:
        (B, 3, S, S) in 0..1.
    """
    count, _, size, _ = pixels.shape
    noisy = torch.rand(count, generator=generator) < settings.noise_probability
    noise = torch.randn(pixels.shape, generator=generator) * settings.noise_sd
    changed = (pixels + noise * noisy.view(-1, 1, 1, 1)).clamp_(0.0, 1.0)
    erased = torch.rand(count, generator=generator) < settings.erase_probability
    low, high = settings.erase_area_min, settings.erase_area_max
    areas = low + (high - low) * torch.rand(count, generator=generator)
    places = torch.rand(count, 2, generator=generator)
    colour = torch.tensor(fill).view(3, 1, 1)
    for index in erased.nonzero().flatten().tolist():
        side = min(max(round(size * float(areas[index]) ** 0.5), 1), size)
        top, left = (int(share * (size - side + 1)) for share in places[index].tolist())
        changed[index, :, top : top + side, left : left + side] = colour
    return changed


def views(pixels: Tensor, smallest: float, generator: torch.Generator) -> Tensor:
    """Random square parts of pictures, enlarged, half of them mirrored: more variety to hold on to.

    Args:
        pixels: (B, 3, S, S) float32 in 0..1.
        smallest: least side of a part as a share of the picture's; 1 leaves pictures whole.
        generator: a CPU generator.

    Returns:
        (B, 3, S, S), as bytes would hold it.
    """
    count, _, size, _ = pixels.shape
    sides = smallest + (1 - smallest) * torch.rand(count, generator=generator)
    places = torch.rand(count, 2, generator=generator)
    mirrored = torch.rand(count, generator=generator) < 0.5
    seen = torch.empty_like(pixels)
    for index in range(count):
        side = max(round(size * float(sides[index])), 1)
        top, left = (int(share * (size - side + 1)) for share in places[index].tolist())
        part = pixels[index : index + 1, :, top : top + side, left : left + side]
        seen[index] = F.interpolate(part, size=size, mode="bilinear", align_corners=False)[0]
    seen[mirrored] = seen[mirrored].flip(-1)
    return seen.mul_(255).round_().div_(255)
