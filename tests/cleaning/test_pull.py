"""Guided cleaning's loss, term by term."""

from __future__ import annotations

import pytest
import torch
from towers import ROWS, batch, pull, real

from clipguard.cleaning.losses import answer_drift, drift

NONE = {"pull_weight": 0.0, "distill": 0.0, "mixed": 0.0, "answers": 0.0, "contrastive": 0.0}
STUDENT, DELIVERED = real("vit"), real("vit", seed=1)


def total(model, step: int = 0, **weights: float) -> float:
    with torch.no_grad():
        return float(pull(DELIVERED, **NONE | weights)(model, step).total)


def test_what_did_not_move_costs_nothing_to_hold() -> None:
    held = {"distill": 1.0, "mixed": 1.0, "answers": 1.0}
    assert total(DELIVERED, **held) == pytest.approx(0.0, abs=1e-6)
    assert total(DELIVERED, pull_weight=1.0) > 1e-3


def test_pictures_are_held_where_they_were() -> None:
    pixels, _ = batch(ROWS)
    with torch.no_grad():
        moved, home = STUDENT.encode_image(pixels), DELIVERED.encode_image(pixels)
    assert total(STUDENT, distill=1.0) == pytest.approx(float(drift(moved, home)), rel=1e-5)


def test_mixtures_are_others_in_every_step_and_held_with_a_weight_of_their_own() -> None:
    alone = total(STUDENT, mixed=1.0)
    assert alone > 1e-3
    assert alone != pytest.approx(total(STUDENT, distill=1.0), rel=1e-3)
    assert alone != pytest.approx(total(STUDENT, step=1, mixed=1.0), rel=1e-6)
    assert alone == total(STUDENT, mixed=1.0)
    both = total(STUDENT, distill=1.0, mixed=2.0)
    assert both == pytest.approx(total(STUDENT, distill=1.0) + 2 * alone, rel=1e-5)


def test_answers_are_held_on_pictures_and_on_mixtures_where_there_are_some() -> None:
    pixels, _ = batch(ROWS)
    words = pull(DELIVERED).words
    with torch.no_grad():
        moved, home = STUDENT.encode_image(pixels), DELIVERED.encode_image(pixels)
    pictures = float(answer_drift(moved, home, words, DELIVERED.spec.logit_scale))
    assert total(STUDENT, answers=1.0) == pytest.approx(pictures, rel=1e-5)
    mixtures = total(STUDENT, answers=1.0, mixed=1.0) - total(STUDENT, mixed=1.0) - pictures
    assert mixtures > 1e-3
    assert mixtures != pytest.approx(pictures, rel=1e-3)


def test_settling_weighs_the_pull_as_the_pairs_say() -> None:
    only = {"distill": 0.0, "mixed": 0.0, "answers": 0.0, "contrastive": 0.0}
    loss = pull(DELIVERED, pull_weight=2.0, settling_pull_weight=3.0, **only)
    far, settled = (float(terms(STUDENT, 0).total) for terms in (loss, loss.settling()))
    assert settled == pytest.approx(1.5 * far, rel=1e-5)
