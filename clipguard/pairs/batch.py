"""From decoded pictures to a batch. Apart, so that drawing and writing pairs need no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from clipguard.pairs.types import PairBatch


def to_batch(
    pictures: Sequence[np.ndarray], texts: Sequence[str], keys: Sequence[str], image_size: int
) -> PairBatch:
    """B pictures (S, S, 3) uint8 with captions and keys; B may be 0."""
    empty = np.zeros((0, image_size, image_size, 3), np.uint8)
    stacked = np.stack(pictures) if pictures else empty
    pixels = torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255).contiguous()
    return PairBatch(pixels, tuple(texts), tuple(keys))
