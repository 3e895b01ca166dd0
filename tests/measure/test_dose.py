import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipguard.measure.dose import control_gain

CURVE = [(0.1, 0.2), (0.2, 0.6), (0.4, 0.5)]


@pytest.mark.parametrize(
    ("rms", "expected"),
    [(0.0, 0.0), (0.05, 0.1), (0.1, 0.2), (0.15, 0.4), (0.2, 0.6), (0.4, 0.6), (9.0, 0.6)],
)
def test_hand_cases(rms, expected):
    # Between points it is linear; a fall (0.6 to 0.5) is noise and is held at the maximum so far.
    assert control_gain(rms, CURVE) == pytest.approx(expected)


def test_order_of_points_does_not_matter():
    assert control_gain(0.15, CURVE[::-1]) == control_gain(0.15, CURVE)


def test_an_empty_curve_is_refused():
    with pytest.raises(ValueError, match="empty"):
        control_gain(0.1, [])


@given(
    points=st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1)), min_size=1, max_size=6),
    low=st.floats(0, 2),
    step=st.floats(0, 1),
)
def test_monotone_and_bounded(points, low, step):
    first, second = control_gain(low, points), control_gain(low + step, points)
    assert 0 <= first <= second <= 1
