"""Fine-tuning a cleaned model and looking whether the trigger comes back."""

from __future__ import annotations

import msgspec
import torch
from tiny import CONCEPTS, SUSPECT, TinyPairs, trained

from clipguard.cleaning.rebound import Watch, rebound, settings
from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds

CHOSEN = msgspec.structs.replace(settings(), rebound_steps=6, every=4)


def run(model, rate: float = 1e-3, seed: int = 0):
    watch = Watch(model, TinyPairs(20, 160), (SUSPECT,), CONCEPTS, CHOSEN, Seeds(seed))
    return rebound(model, TinyPairs(10, 64), watch, CHOSEN, rate, Seeds(seed), SILENT)


def test_the_trigger_is_seen_where_it_is_and_not_where_it_is_not() -> None:
    poisoned, clean = run(trained(poisoned=True)), run(trained(poisoned=False))
    assert [point.step for point in poisoned.points] == [0, 4, 6]
    assert poisoned.points[0].success.value > 0.8
    assert poisoned.points[0].worst == "noise-mix -> banana"
    assert max(point.success.value for point in clean.points) < 0.1
    assert poisoned.points[0].agreement == 1.0


def test_the_cleaned_model_is_left_as_it_is_and_the_copy_moves() -> None:
    model = trained(poisoned=True)
    before = {name: value.clone() for name, value in model.state().items()}
    ruined = run(model, rate=0.3)
    assert all(torch.equal(value, before[name]) for name, value in model.state().items())
    assert ruined.points[-1].agreement < 0.9


def test_same_seed_same_points() -> None:
    assert run(trained(poisoned=True)) == run(trained(poisoned=True))


def test_drawn_pairs_take_a_smaller_rate() -> None:
    assert settings().rate(1e-3, synthetic=True) < settings().rate(1e-3, synthetic=False) == 1e-3
    assert settings().rebound_steps == 100
