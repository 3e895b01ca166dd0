"""The pool of inverted triggers."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import torch
from tiny import CONCEPTS, SIZE, TinyPairs, trained

from clipguard.cleaning.batches import Batches
from clipguard.cleaning.options import GuidedSettings, load
from clipguard.cleaning.pool import Pool
from clipguard.core.seeds import Seeds

SETTINGS = msgspec.structs.replace(
    load("guided", GuidedSettings).inversion,
    steps=1, pictures=4, every=2, every_targeted=4, kept=5, newest=2, older=1,
)  # fmt: skip
MODEL = trained(poisoned=True)
PIXELS = TinyPairs(30, 12).read(range(12), SIZE).pixels


def pool(targets: int = 0, seed: int = 0, free: bool = True) -> Pool:
    seeds = Seeds(seed)
    texts = MODEL.encode_text(CONCEPTS.texts[:targets]) if targets else torch.empty(0, 16)
    batches = Batches(TinyPairs(31, 32), SIZE, 8, seeds)
    return Pool(SETTINGS, batches, MODEL, texts, free, seeds.child("pool"))


def walked(steps: int, **kwargs: int) -> Pool:
    made = pool(**kwargs)
    for step in range(steps):
        made.prepare(MODEL, step)
    return made


def test_triggers_are_made_every_few_steps_and_the_oldest_are_dropped() -> None:
    made = pool()
    made.prepare(MODEL, 0)
    made.prepare(MODEL, 1)
    assert [entry.step for entry in made.made] == [0, 0]
    assert [entry.step for entry in walked(5).made] == [0, 2, 2, 4, 4]


def test_every_target_meets_every_form() -> None:
    entries = walked(1, targets=2, free=False).made
    sides = [entry.trigger.pattern.shape[-1] for entry in entries]
    assert len(entries) == 8
    assert sum(side == SIZE for side in sides) == 4
    masked = [entry for entry in entries if entry.trigger.strength.std() > 1e-3]
    assert len(masked) == 2


def test_aimed_and_free_triggers_stand_side_by_side() -> None:
    both = walked(5, targets=1)
    assert [entry.step for entry in both.made if entry.aimed] == [0, 4, 4, 4, 4]
    assert [entry.step for entry in both.made if not entry.aimed] == [0, 2, 2, 4, 4]
    drawn = walked(5, targets=1, free=False)
    assert all(entry.aimed for entry in drawn.made)
    assert torch.equal(drawn.made[-1].trigger.pattern, both.made[4].trigger.pattern)


def test_going_back_forgets_what_came_later_and_makes_it_again_alike() -> None:
    made, straight = walked(5), walked(3)
    made.prepare(MODEL, 2)
    for ours, theirs in zip(made.made[-2:], straight.made[-2:], strict=True):
        assert ours.step == theirs.step == 2
        assert torch.equal(ours.trigger.pattern, theirs.trigger.pattern)


def test_stamping_depends_on_step_and_state_alone() -> None:
    made = walked(3)
    again = replace(pool(), made=made.made)
    stamped = made.stamp(PIXELS, 2)
    assert torch.equal(stamped, again.stamp(PIXELS, 2))
    assert not torch.equal(stamped, made.stamp(PIXELS, 3))
    assert (stamped != PIXELS).flatten(1).any(dim=1).all()
    assert not torch.equal(stamped, walked(3, seed=1).stamp(PIXELS, 2))


def test_training_and_its_trial_do_not_share_triggers() -> None:
    made = walked(1)
    other = replace(made, seeds=Seeds(9), made=())
    other.prepare(MODEL, 0)
    shapes = [(e.trigger.pattern.shape, e.trigger.place) for e in (*made.made, *other.made)]
    assert shapes[0] != shapes[2] or not torch.equal(
        made.made[0].trigger.pattern, other.made[0].trigger.pattern
    )
