"""Triggered copies to learn from."""

from __future__ import annotations

from dataclasses import replace

import torch
from tiny import RULE, SUSPECT, TinyPairs

from clipguard.cleaning.guides import Guides, trials, with_neighbours
from clipguard.cleaning.types import Suspect
from clipguard.core.seeds import Seeds
from clipguard.triggers import build, parse_rule

PIXELS = TinyPairs(0, 48).read(range(48), 24).pixels
FIXED = parse_rule(
    {
        "id": "still-patch", "title": "patch", "cluster": "N", "kind": "patch", "scope": "local",
        "draw": "fixed", "description": "the same noise each time", "source": "test",
        "params": {"texture": "noise", "dist": "uniform", "place": "centre"},
        "sweep": [{"curve": "side", "dose": "side", "side": [8]}],
    },
    "test",
)  # fmt: skip
STILL = replace(SUSPECT, rule=FIXED, variants=FIXED.variants)


def test_neighbours_on_the_curve_join_in() -> None:
    weak, low, high, strong = RULE.variants
    assert with_neighbours(RULE, [strong]) == (high, strong)
    assert with_neighbours(RULE, [low]) == (weak, low, high)
    assert with_neighbours(RULE, [weak, strong]) == (weak, low, high, strong)


def test_every_picture_gets_a_trigger_and_each_step_another() -> None:
    guides = Guides((SUSPECT,), 4, 0.5, Seeds(0))
    first, again, second = guides.stamp(PIXELS, 0), guides.stamp(PIXELS, 0), guides.stamp(PIXELS, 1)
    assert bool((first != PIXELS).flatten(1).any(1).all())
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def patched(*suspects: Suspect) -> int:
    """How many of 48 pictures got the patch, which leaves their borders alone."""
    stamped = Guides(suspects, 3, 0.0, Seeds(0)).stamp(PIXELS, 0)
    return int(((stamped - PIXELS)[:, :, 0].abs() < 1.5 / 255).flatten(1).all(1).sum())


def test_families_of_a_concept_share_its_pictures_and_concepts_share_all() -> None:
    assert patched(SUSPECT, STILL) == 24
    assert patched(SUSPECT, SUSPECT, STILL) == 16
    elsewhere = replace(STILL, concept="apple")
    assert patched(SUSPECT, SUSPECT, elsewhere) == patched(elsewhere, SUSPECT, SUSPECT) == 24


def test_a_fixed_pattern_is_used_as_scanned_and_in_other_instances() -> None:
    scanned = build(FIXED, FIXED.variants[0], 24, STILL.instance)(PIXELS[:1], Seeds(0).torch())
    centre = (slice(None), slice(8, 16), slice(8, 16))

    def own(fresh: float) -> list[bool]:
        stamped = Guides((STILL,), 8, fresh, Seeds(0)).stamp(PIXELS, 0)
        return [torch.equal(picture[centre], scanned[0][centre]) for picture in stamped]

    assert all(own(0.0))
    assert not any(own(1.0))
    assert 0 < sum(own(0.5)) < 48


def test_judging_draws_differ_from_training_draws_and_hold_another_instance() -> None:
    sets = list(trials(STILL, PIXELS, 3, Seeds(0).child("dev")))
    assert len(sets) == 2
    assert not torch.equal(sets[0], sets[1])
    assert len(list(trials(SUSPECT, PIXELS, 3, Seeds(0)))) == 1
