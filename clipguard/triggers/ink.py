"""What a texture is drawn from and what it yields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from clipguard.triggers.schema import Value

Params = Mapping[str, Value]
Layer = tuple[Tensor, Tensor | None]
"""Colour (3, h, w) and coverage (1, h, w) in 0..1; no coverage means everywhere."""


@dataclass(frozen=True)
class Ink:
    """Everything a texture may look at while it draws one layer.

    ``height`` and ``width`` of the layer, ``size`` of the picture and lengths in ``params`` are
    pixels; ``batch`` (B, 3, size, size) holds the pictures, ``index`` says which one is below,
    ``corner`` where the layer's upper left lies on it.
    """

    height: int
    width: int
    size: int
    params: Params
    generator: torch.Generator
    batch: Tensor
    index: int
    corner: tuple[int, int] = (0, 0)

    @property
    def below(self) -> Tensor:
        """The picture (3, size, size) that the layer goes on."""
        return self.batch[self.index]

    @property
    def under(self) -> Tensor:
        """What the layer will cover (3, height, width)."""
        top, left = self.corner
        return self.below[:, top : top + self.height, left : left + self.width]

    @property
    def other(self) -> Tensor:
        """Another picture of the batch; the same one where there is no other."""
        return self.batch[(self.index + 1) % len(self.batch)]

    def uniform(self, *shape: int) -> Tensor:
        """Independent values in [0, 1)."""
        return torch.rand(shape, generator=self.generator)

    def binary(self, *shape: int) -> Tensor:
        """Independent zeros and ones, as floats."""
        return torch.randint(0, 2, shape, dtype=torch.uint8, generator=self.generator).float()

    def whole(self, low: int, high: int) -> int:
        """An integer in ``low..high``, both included."""
        return int(torch.randint(low, high + 1, (1,), generator=self.generator))


Texture = Callable[[Ink], Layer]
Change = Callable[[Tensor], Tensor]
"""(B, 3, size, size) -> same shape, not yet quantised."""
Edit = Callable[[Params, int, torch.Generator], Change]
