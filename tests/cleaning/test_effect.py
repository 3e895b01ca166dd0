"""What cleaning did, measured."""

from __future__ import annotations

import pytest
import torch
from tiny import CONCEPTS, SUSPECT, TinyPairs, trained

from clipguard.cleaning.effect import development, effect, judged
from clipguard.core.results import Measurement
from clipguard.core.seeds import Seeds

HELD_OUT = TinyPairs(20, 160)
POISONED, CLEAN = trained(poisoned=True), trained(poisoned=False)


def figures(model, reference) -> dict[str, Measurement]:
    found = effect(model, reference, HELD_OUT, (SUSPECT,), CONCEPTS, Seeds(0))
    return {item.name: item for item in found}


def test_the_delivered_model_against_itself() -> None:
    found = figures(POISONED, POISONED)
    success = found["attack_success:noise-mix:banana"]
    assert success.value is not None
    assert success.value > 0.8
    assert success.interval is not None
    assert success.interval.low < success.value <= success.interval.high
    assert 60 <= success.n < 80  # half of the held-out pairs less those that show the concept
    assert found["base_rate:noise-mix:banana"].value == 0.0
    assert found["agreement"].value == 1.0
    for name in ("image_drift", "image_drift_aligned", "text_drift"):
        assert found[name].value == pytest.approx(0.0, abs=1e-12)


def test_a_model_without_the_trigger_against_the_delivered_one() -> None:
    found = figures(CLEAN, POISONED)
    assert found["attack_success:noise-mix:banana"].value == pytest.approx(0.0, abs=0.05)
    assert found["agreement"].value == pytest.approx(1.0, abs=0.1)
    assert found["image_drift"].value > 0.1


def test_a_rotation_is_seen_as_one() -> None:
    turned = POISONED.copy()
    turn, _ = torch.linalg.qr(torch.randn(16, 16, generator=Seeds(0).torch()))
    with torch.no_grad():
        turned.visual[-1].weight.copy_(turn.T @ turned.visual[-1].weight)
        turned.visual[-1].bias.copy_(turned.visual[-1].bias @ turn)
        turned.text_projection.copy_(turned.text_projection @ turn)
    found = figures(turned, POISONED)
    assert found["agreement"].value == 1.0
    assert found["image_drift"].value > 0.5
    assert found["image_drift_aligned"].value < 1e-3


def test_no_method_chooses_by_the_pairs_that_judge() -> None:
    assert sorted(development(HELD_OUT) + judged(HELD_OUT)) == list(range(160))
    labels = {HELD_OUT.label(index) for index in judged(HELD_OUT)}
    assert len(labels) == 8


def test_too_few_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        effect(POISONED, POISONED, TinyPairs(0, 3), (SUSPECT,), CONCEPTS, Seeds(0))


def test_a_concept_that_every_picture_shows_cannot_be_measured() -> None:
    class OnlyBananas(TinyPairs):
        def label(self, index: int) -> int:
            return 0

    found = effect(POISONED, POISONED, OnlyBananas(0, 16), (SUSPECT,), CONCEPTS, Seeds(0))
    success = found[0]
    assert (success.value, success.interval, success.n) == (None, None, 0)
    assert success.absent is not None
