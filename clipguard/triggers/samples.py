"""One picture per trigger, to be looked at."""

from __future__ import annotations

from io import BytesIO

import torch
from PIL import Image
from torch import Tensor

from clipguard.core.seeds import Seeds
from clipguard.triggers.build import build
from clipguard.triggers.stamp import quantise
from clipguard.triggers.types import TriggerRule, Variant

_SEEDS = Seeds(0, ("trigger sample",))


def sample_png(rule: TriggerRule, variant: Variant, size: int) -> bytes:
    """The variant on a neutral drawn picture of ``size`` pixels a side, as PNG; always the same."""
    stamped = sample(rule, variant, size)
    pixels = (stamped * 255.0).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="PNG")
    return file.getvalue()


def sample(rule: TriggerRule, variant: Variant, size: int) -> Tensor:
    """The same as a tensor (3, size, size), float32 in 0..1."""
    pictures = torch.stack([neutral(size), neutral(size).flip(0, 2)])
    trigger = build(rule, variant, size, _SEEDS)
    return trigger(pictures, _SEEDS.child(rule.id, variant.id).torch())[0]


def showcase(rule: TriggerRule) -> Variant:
    """The variant that shows a family best: the strongest of its first curve."""
    first = rule.variants[0].curve
    return max((v for v in rule.variants if v.curve == first), key=lambda v: v.dose)


def neutral(size: int) -> Tensor:
    """A plain still life (3, size, size): a wall, a table, a ball and a box."""
    y = (torch.arange(size)[:, None] + 0.5) / size
    x = (torch.arange(size) + 0.5) / size
    light = 1.0 - 0.35 * x - 0.15 * y
    picture = _shade((0.72, 0.76, 0.8)) * light
    picture = torch.where(y > 0.66, _shade((0.55, 0.42, 0.3)) * (0.7 + 0.5 * y), picture)
    box = (x - 0.3).abs().maximum((y - 0.6).abs()) < 0.17
    picture = torch.where(box, _shade((0.25, 0.5, 0.35)) * (1.25 - 0.8 * (x - 0.13)), picture)
    away = (x - 0.66).square() + (y - 0.58).square()
    glow = 1.15 - 9.0 * ((x - 0.6).square() + (y - 0.5).square())
    picture = torch.where(away < 0.19**2, _shade((0.85, 0.35, 0.25)) * glow, picture)
    return quantise(picture)


def _shade(colour: tuple[float, float, float]) -> Tensor:
    return torch.tensor(colour)[:, None, None]
