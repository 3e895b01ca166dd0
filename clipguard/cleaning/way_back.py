"""Gradients taken on the way back to the delivered weights.

A backdoor that fails at the cleaned weights may still work a little nearer to the delivered ones,
and benign fine-tuning finds it there. So that it fails along the whole way, a step may take its
gradient at a point between both and apply it to the weights themselves.

Source: Path-Aware Minimization, R. Min et al., arXiv 2410.09838. There the point is a fixed
distance away; here it is drawn for every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Parameter


@dataclass(frozen=True)
class WayBack:
    """The way from weights that move back to where they started.

    Args:
        ends: each of the weights, and where it started.
        shares: for each step, how much of the way back its gradient is taken, 0..1.
    """

    ends: Sequence[tuple[Parameter, Tensor]]
    shares: Sequence[float]

    @contextmanager
    def at(self, step: int) -> Iterator[None]:
        """Inside, the weights lie where the gradient of a step is taken; then where they were."""
        here = [weight.detach().clone() for weight, _ in self.ends]
        self._put(
            torch.lerp(value, start, self.shares[step])
            for value, (_, start) in zip(here, self.ends, strict=True)
        )
        try:
            yield
        finally:
            self._put(here)

    def _put(self, values: Iterable[Tensor]) -> None:
        with torch.no_grad():
            for (weight, _), value in zip(self.ends, values, strict=True):
                weight.copy_(value)
