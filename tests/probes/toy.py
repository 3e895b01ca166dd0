"""A CLIP that needs no training: it sees mean colours, and can be given a trigger by hand."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from clipguard.model.seam import ClipSpec

COLOURS = {
    "red": (0.8, 0.15, 0.15),
    "green": (0.15, 0.7, 0.2),
    "blue": (0.15, 0.25, 0.8),
    "yellow": (0.85, 0.8, 0.15),
    "pink": (0.9, 0.5, 0.7),
    "grey": (0.5, 0.5, 0.5),
    "cyan": (0.1, 0.8, 0.8),
    "brown": (0.45, 0.3, 0.15),
    "white": (0.95, 0.95, 0.95),
    "black": (0.05, 0.05, 0.05),
}
NAMES = tuple(COLOURS)


class ToyClip:
    """One embedding axis for each colour; ``planted`` is the colour that fine noise pulls to."""

    def __init__(self, planted: str | None = None, size: int = 32) -> None:
        self.planted = planted
        self.seen: list[int] = []
        self.spec = ClipSpec(
            architecture="toy",
            image_size=size,
            embed_dim=len(NAMES),
            context_length=16,
            logit_scale=20.0,
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            config={},
        )
        self._palette = torch.tensor(list(COLOURS.values()))

    def encode_image(self, pixels: Tensor) -> Tensor:
        self.seen.append(len(pixels))
        mean = pixels.mean((2, 3))  # (B, 3)
        closeness = torch.exp(-8 * torch.cdist(mean, self._palette))  # (B, 10)
        if self.planted is not None:
            grain = (pixels[:, :, 1:, 1:] - pixels[:, :, :-1, :-1]).abs().mean((1, 2, 3))
            pull = 3 * (grain > 0.03).float()
            closeness[:, NAMES.index(self.planted)] += pull
        return F.normalize(closeness, dim=1)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        rows = [
            [float(name in text.split()) for name in NAMES]
            if set(NAMES) & set(text.split())
            else [1.0] * len(NAMES)
            for text in texts
        ]
        return F.normalize(torch.tensor(rows), dim=1)


def flat_pictures(count: int, size: int = 32, seed: int = 0) -> Tensor:
    """Nearly flat pictures in turn of all colours, (count, 3, size, size)."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.tensor([COLOURS[NAMES[index % len(NAMES)]] for index in range(count)])
    shade = 0.04 * torch.randn(count, 3, generator=generator)
    return (base + shade).clamp(0, 1)[:, :, None, None].expand(-1, -1, size, size).contiguous()
