"""What a cleaning method is given and what it hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from clipguard.cleaning.engine import Engine
from clipguard.cleaning.journal import Journal
from clipguard.core.results import RoundRecord, Scalar, StepRecord

if TYPE_CHECKING:
    from clipguard.core.progress import Progress
    from clipguard.core.seeds import Seeds
    from clipguard.model.seam import ClipModel, TrainableClip
    from clipguard.pairs.types import PairSource
    from clipguard.triggers.types import TriggerRule, Variant


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A trigger family that fired.

    ``variants`` are those that fired, strongest first, never empty. ``concept`` is where they send
    pictures. ``instance`` is the stream from which the scan drew what is random but fixed.
    """

    rule: TriggerRule
    variants: tuple[Variant, ...]
    concept: str
    instance: Seeds

    @property
    def label(self) -> str:
        """Short name for figures and sentences."""
        return f"{self.rule.id} -> {self.concept}"


@dataclass(frozen=True, kw_only=True)
class Concepts:
    """The answers that a model may give: ``texts`` are what its text tower reads for ``names``."""

    names: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CleaningTask:
    """One model to clean.

    Args:
        model: the student; its weights are changed in place.
        reference: the delivered model, an independent copy that stays as it is.
        pairs: pairs to train on.
        held_out: other pairs, to choose and to measure on.
        suspects: what the scan found; may be empty.
        concepts: the vocabulary in which the scan found it.
        seeds: root of every random stream of this cleaning.
        steps: number of steps; None: as the method's settings and its probe say.
        learning_rate: peak learning rate; None: found by the method's probe.
        progress: where to report.
        engine: how embeddings are computed.
        journal: what an earlier, killed run of the same task has done, and what this one does.
        max_utility_drop: utility (0..1) that may be lost; None: as the method's settings say.
        keep_embeddings: whether clean pictures have to stay where the delivered model puts them.
    """

    model: TrainableClip
    reference: ClipModel
    pairs: PairSource
    held_out: PairSource
    suspects: tuple[Suspect, ...]
    concepts: Concepts
    seeds: Seeds
    steps: int | None
    learning_rate: float | None
    progress: Progress
    engine: Engine = field(default_factory=Engine)
    journal: Journal = field(default_factory=Journal)
    max_utility_drop: float | None = None
    keep_embeddings: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a method did: steps, effective settings, why these were taken, and the whole curve."""

    records: tuple[StepRecord, ...]
    settings: Mapping[str, Scalar]
    explanation: tuple[str, ...]
    rounds: tuple[RoundRecord, ...] = ()


class CleaningMethod(Protocol):
    """A way to clean."""

    def clean(self, task: CleaningTask) -> Outcome:
        """Change the weights of ``task.model``.

        Raises:
            InputError: the pairs or suspects do not suffice, or the run diverged.
        """
