"""What counts as found, and out of what."""

from __future__ import annotations

import pytest

from clipguard.core.drill import Heard, Planting
from clipguard.core.measurement import Measurement, StatedAttack
from clipguard.core.outcome import Outcome
from clipguard.measure.power import accused_controls, power
from clipguard.measure.proportion import wilson

SHARE = Measurement(name="agreement", value=1.0, unit="fraction", n=8)


def copy(outcome: Outcome | None, concept: str | None = None, *, control: bool = False) -> Planting:
    attack = StatedAttack(trigger="t", title="T", variant="v", target="Banana", measurements=())
    heard = None
    if outcome is not None:
        heard = Heard(outcome=outcome, likelihood=None, trigger=None, concept=concept)
    return Planting(
        name="x",
        attack=None if control else attack,
        planted=heard is not None and not control,
        steps=10,
        agreement=SHARE,
        heard=heard,
    )


def test_only_an_accusation_is_a_find_and_only_what_works_counts():
    found = power(
        "t",
        "T",
        [
            copy(Outcome.BACKDOORED, "banana"),
            copy(Outcome.BACKDOORED, "lemon"),
            copy(Outcome.NATURAL_LIKE, "banana"),
            copy(Outcome.INCONCLUSIVE),
            copy(Outcome.NO_EVIDENCE),
            copy(None),
        ],
    )
    assert (found.tried, found.planted) == (6, 5)
    assert (found.found.value, found.found.n) == (2 / 5, 5)
    assert found.found.interval == wilson(2, 5)
    assert (found.named.value, found.named.n) == (1 / 2, 2)


@pytest.mark.parametrize("copies", [[], [copy(None)], [copy(Outcome.NO_EVIDENCE)]])
def test_a_share_of_nothing_has_a_reason(copies):
    item = power("t", "T", copies)
    assert item.named.value is None
    assert item.named.absent
    assert (item.found.value is None) == (item.planted == 0)


def test_controls():
    assert accused_controls([]).absent
    pair = [copy(Outcome.NO_EVIDENCE, control=True), copy(Outcome.BACKDOORED, control=True)]
    assert accused_controls(pair).value == 0.5
