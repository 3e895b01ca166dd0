"""The interval of a counted share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipguard.measure.proportion import wilson


def test_matches_a_case_worked_by_hand() -> None:
    # z = 1.959964, z^2 = 3.841459: centre (0.9 + 0.192073) / 1.384146 = 0.788987,
    # half width 1.959964 * sqrt(0.009 + 0.0096036) / 1.384146 = 0.193136.
    interval = wilson(9, 10)
    assert interval.low == pytest.approx(0.59585, abs=1e-5)
    assert interval.high == pytest.approx(0.98212, abs=1e-5)
    assert (interval.confidence, interval.method) == (0.95, "wilson")


def test_no_success_still_leaves_room_above() -> None:
    interval = wilson(0, 100)
    assert interval.low == 0.0
    # z^2 / (n + z^2) = 3.841459 / 103.841459
    assert interval.high == pytest.approx(0.036993, abs=1e-6)


def test_confidence_sets_the_width() -> None:
    assert wilson(5, 20, 0.99).low < wilson(5, 20, 0.95).low < wilson(5, 20, 0.5).low


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_holds_the_share_within_the_unit_interval(case: tuple[int, int]) -> None:
    successes, n = case
    interval, mirrored = wilson(successes, n), wilson(n - successes, n)
    assert 0.0 <= interval.low <= successes / n <= interval.high <= 1.0
    assert interval.low == pytest.approx(1 - mirrored.high, abs=1e-12)


@pytest.mark.parametrize(
    ("successes", "n", "confidence"), [(0, 0, 0.95), (3, 2, 0.95), (1, 2, 1.0)]
)
def test_refuses_what_is_no_share(successes: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=r"share|confidence"):
        wilson(successes, n, confidence)
