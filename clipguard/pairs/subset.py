"""A part of another source, such as the pairs held out from training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clipguard.pairs.types import PairBatch, PairSource


@dataclass(frozen=True)
class Subset:
    """The pairs of ``source`` at ``indices``, in that order."""

    source: PairSource
    indices: tuple[int, ...]

    @property
    def id(self) -> str:
        """The source's description with the number of pairs taken."""
        return f"{len(self.indices)} of {self.source.id}"

    @property
    def synthetic(self) -> bool:
        """Whether the source is."""
        return self.source.synthetic

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.indices)

    def read(self, indices: Sequence[int], image_size: int) -> PairBatch:
        """The pairs at positions of this part."""
        return self.source.read([self.indices[index] for index in indices], image_size)
