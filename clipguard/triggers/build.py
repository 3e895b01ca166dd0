"""From a rule to something that can be stamped on pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipguard.core.seeds import Seeds
from clipguard.triggers.sizes import resolve
from clipguard.triggers.types import Trigger, TriggerRule, Variant

if TYPE_CHECKING:
    from clipguard.triggers.stamp import Recipe


def build(rule: TriggerRule, variant: Variant, image_size: int, instance: Seeds) -> Trigger:
    """A trigger for pictures of ``image_size`` pixels a side.

    Args:
        rule: the family.
        variant: one of its variants.
        image_size: the model's input size.
        instance: the stream that a fixed pattern, field or block is drawn from; what is drawn
            afresh per picture comes from the generator given when stamping.
    """
    from clipguard.triggers import stamp

    recipe: Recipe = stamp.Recipe(
        params=resolve(rule, variant, image_size),
        fixed=rule.draw == "fixed",
        size=image_size,
        instance=instance.child("trigger", rule.id, variant.curve),
    )
    return stamp.KINDS[rule.kind](recipe)
