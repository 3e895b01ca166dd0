"""From relative lengths to pixels at one model's input size. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping

from clipguard.triggers.schema import Length, Value, specs_of
from clipguard.triggers.types import TriggerRule, Variant


def resolve(rule: TriggerRule, variant: Variant, image_size: int) -> Mapping[str, Value]:
    """The variant's parameters with every length as a number of pixels."""
    specs = specs_of(rule.kind, variant.params, rule.id)
    found = dict(variant.params)
    for name, spec in specs.items():
        value = found[name]
        if isinstance(spec, Length) and isinstance(value, (int, float)):
            found[name] = spec.pixels(value, image_size)
    return found


def distinct(rule: TriggerRule, image_size: int) -> tuple[Variant, ...]:
    """The variants that differ at this size.

    Small inputs round several sides or periods to the same pixels; the first of equals stays.
    """
    seen: dict[tuple[tuple[str, Value], ...], Variant] = {}
    for variant in rule.variants:
        seen.setdefault(tuple(resolve(rule, variant, image_size).items()), variant)
    return tuple(seen.values())
