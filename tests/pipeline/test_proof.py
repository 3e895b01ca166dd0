"""What the gate on a repair's cost looks at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clipguard.core.measurement import Change, Proof
from clipguard.core.seeds import Seeds
from clipguard.measure.bootstrap import sample
from clipguard.pipeline.proof import HELD_OUT, OWN, decisive
from clipguard.probes.utility import changed
from clipguard.verdict.policy import too_costly


def change(data: str, name: str, before: int, after: int) -> Change:
    """A figure that was ``before`` of 100 and is ``after``."""
    hits = [np.arange(100) < count for count in (before, after)]
    return changed(data, name, sample(hits[0]), sample(hits[1]), Seeds(0))


def test_accuracy_decides_where_the_delivered_model_has_any():
    known, recall = change(HELD_OUT, "acc1", 80, 70), change(HELD_OUT, "retrieval_recall@5", 50, 49)
    assert decisive((known, recall)) is known
    unknown = change(HELD_OUT, "acc1", 1, 1)
    assert decisive((unknown, recall)) is recall


def test_the_user_s_own_data_decides_where_it_was_given():
    held, own = change(HELD_OUT, "acc1", 90, 60), change(OWN, "acc1", 70, 70)
    assert decisive((held, own)) is own


def test_what_cannot_be_measured_is_not_accepted():
    found = decisive(())
    assert found.difference.value is None
    loss = replace(found.difference, name="utility_drop")
    proof = Proof(changes=(), judged_by="", loss=loss, limit=0.02, digests={}, rebound=None)
    assert "could not be measured" in too_costly(proof)


def test_the_limit_bounds_the_measured_loss():
    def cost(value: float, low: float = 0.021) -> str:
        measured = change(HELD_OUT, "acc1", 80, 70).difference
        interval = replace(measured.interval, low=low, high=0.2)
        loss = replace(measured, value=value, interval=interval)
        return too_costly(
            Proof(
                changes=(), judged_by="acc1 on held-out pairs", loss=loss, limit=0.02, digests={},
                rebound=None,
            )
        )  # fmt: skip

    assert cost(0.02) == ""
    assert cost(-0.1) == ""
    assert cost(0.03).startswith("acc1 on held-out pairs fell by 0.030, more than")
    assert "may be chance" not in cost(0.03)
    assert "with 100 pictures this may be chance (-0.010 to +0.200): more" in cost(0.03, low=-0.01)
