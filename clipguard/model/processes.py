"""Several processes that embed one batch together.

Each embeds its share of the rows; what was embedded is gathered, so that every process sees the
embeddings of the whole batch and computes the same loss from them. Gradients are sums over the
shares: no factor of the number of processes enters anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Parameter

from clipguard.core import ranks
from clipguard.core.errors import InputError


@dataclass(frozen=True)
class Processes:
    """This process, number ``rank`` of ``count``; alone by default."""

    rank: int = 0
    count: int = 1

    @property
    def main(self) -> bool:
        """Whether this is the one that writes and speaks."""
        return self.rank == 0

    def share(self, rows: int) -> slice:
        """The rows of a batch that this process embeds; shares differ by at most one row.

        Raises:
            InputError: fewer rows than processes.
        """
        if rows < self.count:
            raise InputError(
                "clean.processes",
                f"a batch of {rows} cannot be shared by {self.count} processes",
                remedy="start fewer processes",
            )
        return slice(rows * self.rank // self.count, rows * (self.rank + 1) // self.count)

    def gather(self, own: Tensor, rows: int) -> Tensor:
        """(share, D) of each process -> (rows, D) of all, in batch order, without gradient."""
        if self.count == 1:
            return own.detach()
        from torch import distributed

        longest = -(-rows // self.count)
        padded = own.new_zeros(longest, *own.shape[1:])
        padded[: len(own)] = own.detach()
        found = [torch.empty_like(padded) for _ in range(self.count)]
        distributed.all_gather(found, padded)
        sizes = [Processes(rank, self.count).share(rows) for rank in range(self.count)]
        return torch.cat(
            [part[: size.stop - size.start] for part, size in zip(found, sizes, strict=True)]
        )

    def add_gradients(self, weights: Iterable[Parameter]) -> None:
        """Replace each gradient by its sum over the processes."""
        if self.count == 1:
            return
        from torch import distributed

        gradients = [weight.grad for weight in weights if weight.grad is not None]
        works = [distributed.all_reduce(gradient, async_op=True) for gradient in gradients]
        for work in works:
            work.wait()


@contextmanager
def joined(device: str) -> Iterator[tuple[Processes, str]]:
    """Join the processes that were started together, and leave them when the block ends.

    Args:
        device: torch device as asked for.

    Yields:
        This process among the others, and its own device: ``cuda`` becomes ``cuda:LOCAL_RANK``.
    """
    if ranks.count() == 1:
        yield Processes(), device
        return
    from torch import distributed

    own = f"cuda:{ranks.local_rank()}" if device == "cuda" else device
    distributed.init_process_group("cpu:gloo,cuda:nccl" if own.startswith("cuda") else "gloo")
    try:
        yield Processes(ranks.rank(), ranks.count()), own
    finally:
        distributed.destroy_process_group()
