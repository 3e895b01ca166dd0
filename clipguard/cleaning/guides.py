"""Triggered copies that cleaning learns from and is judged by while it runs.

Training draws from the branch ``train`` of the seeds, judging from ``dev``. What is random but
fixed in a family (a pattern, a noise field) is taken as scanned and drawn anew: the attacker's
pattern is a sister of the scanned one, not its twin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clipguard.cleaning.types import Suspect
from clipguard.core.seeds import Seeds
from clipguard.triggers import build
from clipguard.triggers.types import TriggerRule, Variant


@dataclass(frozen=True)
class Guides:
    """Stamps training pictures with what fired.

    Args:
        suspects: the families. Each concept that they lead to gets an equal share of the pictures,
            and its families equal shares of that: many families of a false suspicion do not crowd
            out the one that matters.
        per_step: variants of each family that a step draws.
        fresh_instances: share of draws of a fixed pattern that use another than the scanned one.
        seeds: branch of the draws.
    """

    suspects: tuple[Suspect, ...]
    per_step: int
    fresh_instances: float
    seeds: Seeds

    def stamp(self, pixels: Tensor, step: int) -> Tensor:
        """(B, 3, S, S) -> a triggered copy of every picture; a pure function of the step."""
        seeds = self.seeds.child("stamp", step)
        rng = seeds.numpy()
        stamped = pixels.clone()
        for place, (suspect, share) in enumerate(self._shares(rng.permutation(len(pixels)))):
            known = with_neighbours(suspect.rule, suspect.variants)
            variant = known[int(rng.integers(len(known)))]
            own = seeds.child(place)
            fresh = suspect.rule.draw == "fixed" and rng.random() < self.fresh_instances
            instance = own.child("instance") if fresh else suspect.instance
            if len(share):
                trigger = build(suspect.rule, variant, pixels.shape[-1], instance)
                index = torch.from_numpy(share)
                stamped[index] = trigger(pixels[index], own.child("draw").torch())
        return stamped

    def _shares(self, order: NDArray[np.int64]) -> Iterator[tuple[Suspect, NDArray[np.int64]]]:
        """Which pictures get a variant of which family."""
        leading: dict[str, list[Suspect]] = {}
        for suspect in self.suspects:
            leading.setdefault(suspect.concept, []).append(suspect)
        for families, own in zip(
            leading.values(), np.array_split(order, len(leading)), strict=True
        ):
            for place, share in enumerate(np.array_split(own, len(families) * self.per_step)):
                yield families[place % len(families)], share


def with_neighbours(rule: TriggerRule, fired: Sequence[Variant]) -> tuple[Variant, ...]:
    """The variants that fired and those next to them on the same curve, in the rule's order."""
    ids = {variant.id for variant in fired}
    for curve in {variant.curve for variant in fired}:
        row = sorted(
            (item for item in rule.variants if item.curve == curve), key=lambda item: item.dose
        )
        for index, variant in enumerate(row):
            if variant in fired:
                ids |= {item.id for item in row[max(index - 1, 0) : index + 2]}
    return tuple(variant for variant in rule.variants if variant.id in ids)


def trials(suspect: Suspect, pixels: Tensor, variants: int, seeds: Seeds) -> Iterator[Tensor]:
    """Triggered copies of all pictures, one set for each of the strongest variants.

    A fixed pattern is tried as scanned and in another instance.

    Yields:
        (N, 3, S, S) pictures.
    """
    seeds = seeds.child(suspect.rule.id)
    instances = [suspect.instance]
    if suspect.rule.draw == "fixed":
        instances.append(seeds.child("instance"))
    for variant in suspect.variants[:variants]:
        for number, instance in enumerate(instances):
            trigger = build(suspect.rule, variant, pixels.shape[-1], instance)
            yield trigger(pixels, seeds.child(variant.id, number).torch())
