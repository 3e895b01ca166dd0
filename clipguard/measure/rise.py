"""How a change of the pictures moves a model's answers towards one concept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rise:
    """Effect of one change on N pictures.

    ``shares`` and ``probabilities`` (C,) are every concept's gains in share of top-1 answers and in
    mean probability; ``concept`` is the index that is looked at: ``moved`` of ``movable`` pictures
    went to it that did not answer it before. ``lost`` is the share of pictures that left their own
    answer.
    """

    shares: Tensor
    probabilities: Tensor
    concept: int
    moved: int
    movable: int
    lost: float

    @property
    def gains(self) -> Tensor:
        """(C,) for every concept the mean of its two gains; -1..1."""
        return (self.shares + self.probabilities) / 2

    def gain(self) -> float:
        """The gain of the concept looked at."""
        return float(self.gains[self.concept])


def rise(before: Tensor, after: Tensor, concept: int | None = None) -> Rise:
    """Measure the gain of one concept, by default the one that gained most.

    Args:
        before: (N, C) probabilities of the untouched pictures.
        after: (N, C) probabilities of the same pictures, changed.
        concept: index to measure; None: the largest mean of share gain and probability gain.

    Raises:
        ValueError: no pictures, or shapes differ.
    """
    if before.shape != after.shape or not len(before):
        raise ValueError(f"need equal, non-empty shapes, got {before.shape} and {after.shape}")
    count, concepts = before.shape
    old, new = before.argmax(1), after.argmax(1)
    share = (
        torch.bincount(new, minlength=concepts) - torch.bincount(old, minlength=concepts)
    ) / count
    probability = (after - before).mean(0)
    if concept is None:
        concept = int((share + probability).argmax())
    elsewhere = old != concept
    return Rise(
        shares=share,
        probabilities=probability,
        concept=concept,
        moved=int((elsewhere & (new == concept)).sum()),
        movable=int(elsewhere.sum()),
        lost=float((old != new).float().mean()),
    )


def rms(before: Tensor, after: Tensor) -> float:
    """Root-mean-square pixel change over all pictures, on the 0..1 scale."""
    return float((after - before).square().mean().sqrt())
