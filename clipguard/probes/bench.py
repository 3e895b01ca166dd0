"""Stamp a trigger on carriers and see where the model's answers go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from clipguard.core.progress import Stage
from clipguard.core.seeds import Seeds
from clipguard.measure.dose import control_gain
from clipguard.measure.rise import Rise, rise, rms
from clipguard.model.batching import Meter, embed_images
from clipguard.model.seam import ClipModel
from clipguard.probes.carriers import Carriers
from clipguard.probes.vocabulary import Vocabulary
from clipguard.triggers import build
from clipguard.triggers.types import TriggerRule, Variant

# Textures creep towards natural sinks faster than smooth change of equal energy does: on the clean
# development models by about one unit of gain for each unit of RMS.
CREEP = 1.0


@dataclass(frozen=True)
class Effect:
    """One variant on one set of carriers: the rise, the energy spent, what that energy does."""

    variant: Variant
    rise: Rise
    rms: float
    control: float = 0.0

    @property
    def contrasts(self) -> Tensor:
        """(C,) gain of every concept beyond what unstructured change of equal energy explains."""
        return self.rise.gains - self.control - CREEP * self.rms

    @property
    def contrast(self) -> float:
        """The contrast of the concept looked at; -1..1."""
        return float(self.contrasts[self.rise.concept])

    def against(self, curve: Sequence[tuple[float, float]]) -> Effect:
        """The same effect beside a control's curve of (rms, gain)."""
        return replace(self, control=control_gain(self.rms, curve))


@dataclass(frozen=True)
class Bench:
    """Everything that stamping and measuring needs."""

    model: ClipModel
    vocabulary: Vocabulary
    seeds: Seeds
    meter: Meter

    def effect(
        self,
        rule: TriggerRule,
        variant: Variant,
        carriers: Carriers,
        branch: str,
        stage: Stage,
        concept: int | None = None,
    ) -> Effect:
        """Stamp one variant on carriers with the draws of a seed branch and measure."""
        stamped = self.stamp(rule, variant, carriers.pixels, branch)
        embeddings = embed_images(self.model, stamped, self.meter, stage)
        after = self.vocabulary.probabilities(embeddings)
        return Effect(
            variant, rise(carriers.probabilities, after, concept), rms(carriers.pixels, stamped)
        )

    def stamp(self, rule: TriggerRule, variant: Variant, pixels: Tensor, branch: str) -> Tensor:
        """Carriers with the trigger on them; what is fixed is the same in every branch."""
        trigger = build(rule, variant, pixels.shape[-1], instance(self.seeds, rule))
        return trigger(pixels, self.seeds.child(branch, rule.id, variant.id).torch())


def instance(seeds: Seeds, rule: TriggerRule) -> Seeds:
    """The stream that decides a fixed pattern: one instance for each scan seed."""
    return seeds.child("instance", rule.id)
