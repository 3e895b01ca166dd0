"""The two towers as plain modules of tensors, ready to be traced."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from clipguard.model.openclip import OpenClipModel


class ImageTower(nn.Module):
    """Pixels, already normalised with mean and std: (B, 3, S, S) -> (B, D) unit-norm."""

    def __init__(self, model: OpenClipModel) -> None:
        super().__init__()
        self.visual: Any = model.module.visual

    def forward(self, image: Tensor) -> Tensor:
        """Embed pictures."""
        return F.normalize(self.visual(image), dim=-1)


class TextTower(nn.Module):
    """Token ids: (B, context_length) int64 -> (B, D) unit-norm."""

    def __init__(self, model: OpenClipModel) -> None:
        super().__init__()
        self.clip: Any = model.module

    def forward(self, text: Tensor) -> Tensor:
        """Embed token ids."""
        return F.normalize(self.clip.encode_text(text), dim=-1)
