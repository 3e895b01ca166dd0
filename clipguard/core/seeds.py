"""Named random streams.

Every random decision draws from a stream addressed by a path of names, so that adding one never
shifts another. Streams live on the CPU: device generators differ between machines.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


@dataclass(frozen=True)
class Seeds:
    """A node in the tree of streams.

    Args:
        root: the user's seed, any integer.
        path: names from the root to this node.
    """

    root: int
    path: tuple[str, ...] = ()

    def child(self, *names: str | int) -> Seeds:
        """The node below this one; equal names give equal streams."""
        return Seeds(self.root, (*self.path, *map(str, names)))

    @property
    def value(self) -> int:
        """63-bit integer of this node: BLAKE2b over root and path."""
        text = "\x1f".join((str(self.root), *self.path)).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> 1

    def torch(self) -> torch.Generator:
        """A fresh CPU generator at the start of this stream."""
        import torch

        generator = torch.Generator()
        generator.manual_seed(self.value)
        return generator

    def numpy(self) -> np.random.Generator:
        """A fresh numpy generator (PCG64) at the start of this stream."""
        import numpy as np

        return np.random.Generator(np.random.PCG64(self.value))
