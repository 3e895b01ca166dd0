"""Embedding more pictures or texts than fit into one batch, and counting what that cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clipguard.core.progress import Stage
from clipguard.model.seam import ClipModel

IMAGE_BATCH = 32
TEXT_BATCH = 128


@dataclass
class Meter:
    """Counts forward passes: budgets are kept in these, never in seconds."""

    images: int = 0
    texts: int = 0


def embed_images(
    model: ClipModel, pixels: Tensor, meter: Meter, stage: Stage | None = None
) -> Tensor:
    """(N, 3, S, S) float32 in 0..1 or uint8 -> (N, D) unit-norm float32 on the CPU.

    Bytes become floats batch by batch: whoever holds many pictures holds a quarter of the memory.
    """
    parts = []
    with torch.inference_mode():
        for batch in pixels.split(IMAGE_BATCH):
            shown = batch if batch.is_floating_point() else batch.float() / 255
            parts.append(model.encode_image(shown).float().cpu())
            meter.images += len(batch)
            if stage is not None:
                stage.advance(len(batch))
    return torch.cat(parts).clone()


def embed_texts(
    model: ClipModel, texts: Sequence[str], meter: Meter, stage: Stage | None = None
) -> Tensor:
    """M strings -> (M, D) unit-norm float32 on the CPU."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), TEXT_BATCH):
            batch = texts[start : start + TEXT_BATCH]
            parts.append(model.encode_text(batch).float().cpu())
            meter.texts += len(batch)
            if stage is not None:
                stage.advance(len(batch))
    return torch.cat(parts).clone()
