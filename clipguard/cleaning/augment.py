"""Changes of the training pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from clipguard.cleaning.options import AugmentSettings
from clipguard.core.seeds import Seeds


def augment(
    pixels: Tensor,
    keys: Sequence[str],
    settings: AugmentSettings,
    fill: tuple[float, float, float],
    seeds: Seeds,
) -> Tensor:
    """PAR's change: noise and one erased square each.

    The published code draws noise that only brightens; its paper names plain Gaussian noise, which
    is what is drawn here. Source: arXiv 2412.00727.

    Args:
        pixels: (B, 3, S, S) float32 in 0..1.
        keys: B identifiers; each picture's change depends on its own and on ``seeds`` alone.
        settings: strengths and probabilities.
        fill: colour of the erased square on the 0..1 scale, the mean of the model's training data.
        seeds: stream of this time through the pairs.

    Returns:
        (B, 3, S, S) in 0..1.
    """
    size = pixels.shape[-1]
    changed = pixels.clone()
    low, high = settings.erase_area_min, settings.erase_area_max
    colour = torch.tensor(fill).view(3, 1, 1)
    for picture, key in zip(changed, keys, strict=True):
        generator = seeds.child(key).torch()
        noisy, erased, area, *place = torch.rand(5, generator=generator).tolist()
        if noisy < settings.noise_probability:
            noise = torch.randn(picture.shape, generator=generator)
            picture.add_(noise, alpha=settings.noise_sd).clamp_(0.0, 1.0)
        if erased < settings.erase_probability:
            side = min(max(round(size * (low + (high - low) * area) ** 0.5), 1), size)
            top, left = (int(share * (size - side + 1)) for share in place)
            picture[:, top : top + side, left : left + side] = colour
    return changed


def mixtures(pixels: Tensor, seeds: Seeds) -> Tensor:
    """Each picture mixed with another one of the batch, in any proportion.

    Source: mixup, arXiv 1710.09412, without its labels.

    Args:
        pixels: (B, 3, S, S) float32 in 0..1.
        seeds: stream of partners and proportions.

    Returns:
        (B, 3, S, S) in 0..1.
    """
    rng = seeds.numpy()
    partners = torch.from_numpy(rng.permutation(len(pixels)))
    share = torch.from_numpy(rng.random(len(pixels), dtype=np.float32)).view(-1, 1, 1, 1)
    return torch.lerp(pixels, pixels[partners], share)


def views(pixels: Tensor, keys: Sequence[str], smallest: float, seeds: Seeds) -> Tensor:
    """Random square parts of pictures, enlarged, half of them mirrored: more variety to hold on to.

    Args:
        pixels: (B, 3, S, S) float32 in 0..1.
        keys: B identifiers; each picture's part depends on its own and on ``seeds`` alone.
        smallest: least side of a part as a share of the picture's; 1 leaves pictures whole.
        seeds: stream of this time through the pairs.

    Returns:
        (B, 3, S, S), as bytes would hold it.
    """
    size = pixels.shape[-1]
    seen = torch.empty_like(pixels)
    for index, key in enumerate(keys):
        share, *place, mirrored = torch.rand(4, generator=seeds.child(key).torch()).tolist()
        side = max(round(size * (smallest + (1 - smallest) * share)), 1)
        top, left = (int(share * (size - side + 1)) for share in place)
        part = pixels[index : index + 1, :, top : top + side, left : left + side]
        part = part.flip(-1) if mirrored < 0.5 else part
        seen[index] = F.interpolate(part, size=size, mode="bilinear", align_corners=False)[0]
    return seen.mul_(255).round_().div_(255)
