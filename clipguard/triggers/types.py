"""What a trigger is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Scope = Literal["local", "global", "warp", "tone"]
Draw = Literal["fresh", "fixed"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One member of a family: a strength, size, period or phase.

    ``dose`` orders the variants of one curve from weak to strong; variants that differ in kind
    (words, phase) carry different ``curve`` names.
    """

    id: str
    curve: str
    dose: float
    params: Mapping[str, float | int | str | bool]


@dataclass(frozen=True, kw_only=True)
class TriggerRule:
    """A trigger family as read from ``rules/triggers/``.

    ``cluster`` is the letter used by the leave-cluster-out null (N noise, S stripes and grids,
    Q solid blocks, T text, P pictures, W warps, C colour, F frequency, X controls). ``sinks`` are
    concepts that the pattern means by itself (stripes: zebra), for which an effect is natural.
    """

    id: str
    title: str
    cluster: str
    kind: str
    scope: Scope
    draw: Draw
    description: str
    source: str
    sinks: tuple[str, ...]
    variants: tuple[Variant, ...]


class Trigger(Protocol):
    """A trigger ready to be stamped."""

    def __call__(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        """(B, 3, S, S) float32 in 0..1 -> same shape, quantised to bytes, input untouched.

        ``generator`` feeds what is drawn afresh per picture; the result for a picture depends on
        the generator and its place in the batch alone.
        """
