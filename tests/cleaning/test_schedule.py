"""Learning rates, checked by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipguard.cleaning.schedule import push_then_recover, warm_cosine


def test_push_then_recover_by_hand() -> None:
    rates = push_then_recover(8, 3e-5, 0.1, 1e-9)
    # Down by a quarter of 2.7e-5 each, then half a cosine in three strides from 3e-6.
    assert rates[:4] == pytest.approx([3e-5, 2.325e-5, 1.65e-5, 9.75e-6])
    assert rates[4:] == pytest.approx([3e-6, 1e-9 + 2.999e-6 * 0.75, 1e-9 + 2.999e-6 * 0.25, 1e-9])


def test_most_of_the_published_movement_is_in_the_first_half() -> None:
    rates = push_then_recover(244, 3e-5, 0.1, 1e-9)
    assert sum(rates[:122]) / sum(rates) == pytest.approx(0.92, abs=0.01)


def test_warm_cosine_by_hand() -> None:
    rates = warm_cosine(10, 1.0, 0.2)
    assert rates[:3] == pytest.approx([0.5, 1.0, 1.0])
    assert rates[6] == pytest.approx(0.5)
    assert rates[9] == pytest.approx((1 + math.cos(math.pi * 7 / 8)) / 2)


@given(st.integers(1, 300), st.floats(1e-9, 1.0), st.floats(0, 1))
def test_every_step_has_a_rate_within_the_peak(steps: int, peak: float, share: float) -> None:
    for rates in (warm_cosine(steps, peak, share), push_then_recover(steps, peak, share, 0.0)):
        assert len(rates) == steps
        assert all(0 <= rate <= peak * (1 + 1e-12) for rate in rates)
