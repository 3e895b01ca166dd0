"""Figures with what stands behind them, and what is made of them: the inner part of a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clipguard.core.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One figure with what stands behind it.

    ``n`` counts the samples; ``interval`` is None when the figure has no sampling error.
    """

    name: str
    value: float | None
    unit: str
    n: int
    interval: Interval | None = None
    absent: str | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One figure of the delivered and of the repaired model over the same items of ``data``.

    ``difference`` is after less before; its interval pairs the two models item by item.
    """

    data: str
    name: str
    before: Measurement
    after: Measurement
    difference: Measurement


@dataclass(frozen=True, kw_only=True)
class ReboundPoint:
    """The repaired model after some steps of benign fine-tuning.

    ``success`` is the largest attack success of the suspects, ``worst`` the suspect that has it,
    ``agreement`` the share of clean pictures with the delivered model's answer.
    """

    step: int
    success: Measurement
    worst: str
    agreement: float


@dataclass(frozen=True, kw_only=True)
class Rebound:
    """Does the trigger come back when users fine-tune? The points begin at step 0."""

    learning_rate: float
    batch: int
    points: tuple[ReboundPoint, ...]

    @property
    def worst(self) -> ReboundPoint:
        """Where the attack succeeds most."""
        return max(self.points, key=lambda point: point.success.value or 0.0)


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What the repair costs, and whether it holds.

    ``loss`` is the fall of the figure that ``judged_by`` names, which ``limit`` bounds; the gate
    takes its value, the interval says how sure that is. ``digests`` are SHA-256 of the pictures and
    captions of each data set. ``rebound`` is None when nothing was suspected.
    """

    changes: tuple[Change, ...]
    judged_by: str
    loss: Measurement
    limit: float
    digests: Mapping[str, str]
    rebound: Rebound | None


@dataclass(frozen=True, kw_only=True)
class StatedAttack:
    """A trigger that the user named, stamped on every picture.

    The measurements are over pictures that are not of the target: ``attack_success``,
    ``base_rate`` (the target's share without the trigger) and ``poisoned_accuracy`` (true answers
    with it).
    """

    trigger: str
    title: str
    variant: str
    target: str
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, kw_only=True)
class RetakenFamily:
    """A trigger family once more: the same pictures and draws, through the ONNX pair.

    ``in_torch`` and ``in_onnx`` are the shares of pictures that it moves to the concept,
    ``difference`` that of the concept's gains.
    """

    family: str
    variant: str
    concept: str
    in_torch: Measurement
    in_onnx: Measurement
    difference: float


@dataclass(frozen=True, kw_only=True)
class Retake:
    """The verdict once more, with the figures of the ONNX pair in place of torch's.

    ``families`` are all that fired and the strongest; the others cannot carry a verdict.
    """

    outcome: Outcome
    families: tuple[RetakenFamily, ...]
