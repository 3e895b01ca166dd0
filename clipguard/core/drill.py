"""What a drill finds out: backdoors planted on purpose, and what the scan made of them."""

from __future__ import annotations

from dataclasses import dataclass

from clipguard.core.measurement import Measurement, StatedAttack
from clipguard.core.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the scan of one copy said."""

    outcome: Outcome
    likelihood: float | None
    trigger: str | None
    concept: str | None


@dataclass(frozen=True, kw_only=True)
class Cure:
    """What cleaning made of one copy.

    ``attack_success`` is that of the trigger that was planted, which cleaning never sees, and
    ``agreement`` the share of clean pictures with the delivered model's answer, both on held-out
    pictures. They and ``heard``, the scan afterwards, are None when it was not cleaned;
    ``explanation`` then says why.
    """

    cleaned: bool
    attack_success: Measurement | None
    agreement: Measurement | None
    heard: Heard | None
    explanation: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Planting:
    """One copy of the model, fine-tuned with poisoned pairs or, as a control, without.

    ``attack`` is None for a control. ``planted`` says that the attack success reached the drill's
    level at a base rate below its limit; a copy that did not is not scanned, and ``heard`` is None.
    """

    name: str
    attack: StatedAttack | None
    planted: bool
    steps: int
    agreement: Measurement
    heard: Heard | None = None
    cure: Cure | None = None


@dataclass(frozen=True, kw_only=True)
class Power:
    """How many of the planted backdoors the scan found.

    ``found`` is the share of planted ones that were accused, ``named`` the share of the found ones
    whose concept is the target; both with Wilson's interval.
    """

    family: str
    title: str
    tried: int
    planted: int
    found: Measurement
    named: Measurement


@dataclass(frozen=True, kw_only=True)
class Drill:
    """The power of the scan on one model.

    ``accused_controls`` is the share of controls that were accused. ``missed`` names what the
    budget left undone. ``data`` is where the pairs came from.
    """

    seed: int
    data: str
    level: float
    max_base_rate: float
    power: Power
    families: tuple[Power, ...]
    accused_controls: Measurement
    plantings: tuple[Planting, ...]
    missed: tuple[str, ...]
