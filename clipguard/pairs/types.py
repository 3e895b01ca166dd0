"""What a source of image-text pairs is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PairBatch:
    """Pictures with their captions.

    ``pixels`` (B, 3, S, S) float32 in 0..1; ``texts`` B captions; ``keys`` B stable identifiers.
    """

    pixels: Tensor
    texts: tuple[str, ...]
    keys: tuple[str, ...]


class PairSource(Protocol):
    """A finite, addressable set of pairs: the same index always gives the same pair."""

    @property
    def id(self) -> str:
        """Short description for reports, without paths."""

    @property
    def synthetic(self) -> bool:
        """Whether clipguard drew the pictures itself."""

    def __len__(self) -> int:
        """Number of pairs."""

    def read(self, indices: Sequence[int], image_size: int) -> PairBatch:
        """The pairs at ``indices``, resized to ``image_size`` as CLIP's validation transform does.

        Raises:
            InputError: a picture or caption cannot be used.
        """
