"""What probes, cleaning and export know of a CLIP model.

Pixels outside the seam are float32 in 0..1, shape (B, 3, H, W) with H = W = the model's input size;
mean and std are applied inside. Embeddings outside the seam are unit-norm float32 (B, D).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Parameter


@dataclass(frozen=True, kw_only=True)
class ClipSpec:
    """The facts about a model that its users need.

    ``image_size`` in pixels, ``context_length`` in tokens, ``logit_scale`` after the exponential;
    ``mean`` and ``std`` per channel on the 0..1 scale. ``config`` is the open_clip model
    configuration (``embed_dim``, ``vision_cfg``, ``text_cfg``, ``quick_gelu``).
    """

    architecture: str
    image_size: int
    embed_dim: int
    context_length: int
    logit_scale: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    config: Mapping[str, object]


class ClipModel(Protocol):
    """A model to be measured; never in training mode, never asked for gradients of weights."""

    @property
    def spec(self) -> ClipSpec:
        """The model's facts."""

    def encode_image(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) float32 in 0..1 -> (B, D) unit-norm float32. Differentiable in pixels."""

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """B strings -> (B, D) unit-norm float32."""


class TrainableClip(ClipModel, Protocol):
    """A model whose weights cleaning may move."""

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Parameters under their open_clip names; those of the image tower start ``visual.``."""

    def state(self) -> Mapping[str, Tensor]:
        """All tensors under open_clip names, detached, on the CPU."""

    def copy(self) -> TrainableClip:
        """An independent model with equal weights."""

    def gradients(self, *, checkpointing: bool = False) -> AbstractContextManager[None]:
        """Inside, weights collect gradients; outside, nothing does. BatchNorm stays in eval.

        With ``checkpointing``, activations are computed again in the backward pass instead of kept.
        """
