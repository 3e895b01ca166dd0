"""The two towers as plain modules of tensors, ready to be traced."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipguard.model.openclip import OpenClipModel
from clipguard.model.pair import OWN, Convention


class ImageTower(nn.Module):
    """Pixels, already normalised with mean and std: (B, 3, S, S) -> (B, D)."""

    def __init__(self, model: OpenClipModel, convention: Convention = OWN) -> None:
        super().__init__()
        self.visual: Any = model.module.visual
        self.normalized = convention.normalized

    def forward(self, image: Tensor) -> Tensor:
        """Embed pictures."""
        found: Tensor = self.visual(image)
        return F.normalize(found, dim=-1) if self.normalized else found


class TextTower(nn.Module):
    """Token ids: (B, context_length), or fewer where any length will do -> (B, D)."""

    def __init__(self, model: OpenClipModel, convention: Convention = OWN) -> None:
        super().__init__()
        self.clip: Any = model.module
        self.normalized, self.any_length = convention.normalized, convention.any_length

    def forward(self, text: Tensor) -> Tensor:
        """Embed token ids."""
        whole = self._filled_up(text) if self.any_length else text
        found: Tensor = self.clip.encode_text(whole)
        return F.normalize(found, dim=-1) if self.normalized else found

    def _filled_up(self, text: Tensor) -> Tensor:
        """Padded to the context: the trace of attention knows one length alone."""
        length = self.clip.context_length
        padding = torch.zeros_like(text[:, :1]).repeat(1, length)
        return torch.cat([text, padding], dim=1)[:, :length]
