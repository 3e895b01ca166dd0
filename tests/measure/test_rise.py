import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clipguard.measure.rise import rise, rms

BEFORE = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.1, 0.9, 0.0], [0.2, 0.2, 0.6]])
AFTER = torch.tensor([[0.1, 0.9, 0.0], [0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.1, 0.8, 0.1]])


def test_hand_case():
    # Answers 0 0 1 2 become 1 0 1 1: concept 1 gains 2 of 4 answers; 2 of 3 movable ones moved.
    found = rise(BEFORE, AFTER)
    assert found.concept == 1
    assert float(found.shares[1]) == 0.5
    assert float(found.probabilities[1]) == pytest.approx((0.8 + 0.1 + 0.1 + 0.6) / 4)
    assert (found.moved, found.movable, found.lost) == (2, 3, 0.5)
    assert found.gain() == pytest.approx((0.5 + 0.4) / 2)


def test_a_given_concept_is_measured_even_when_another_gained_more():
    found = rise(BEFORE, AFTER, concept=2)
    assert (found.concept, found.moved) == (2, 0)
    assert found.gain() < 0


def test_no_change_is_no_gain():
    found = rise(BEFORE, BEFORE)
    assert (found.gain(), found.moved, found.lost) == (0.0, 0, 0.0)


@pytest.mark.parametrize("after", [torch.empty(0, 3), AFTER[:2]])
def test_shapes_must_fit(after):
    with pytest.raises(ValueError, match="shapes"):
        rise(BEFORE[:0] if not len(after) else BEFORE, after)


@given(seed=st.integers(0, 10_000), count=st.integers(1, 20), concepts=st.integers(2, 8))
def test_gains_sum_to_zero_and_stay_in_range(seed, count, concepts):
    generator = torch.Generator().manual_seed(seed)
    before, after = (
        torch.softmax(torch.randn(count, concepts, generator=generator), 1) for _ in range(2)
    )
    found = rise(before, after)
    assert float(found.shares.sum()) == pytest.approx(0, abs=1e-5)
    assert float(found.probabilities.sum()) == pytest.approx(0, abs=1e-5)
    assert 0 <= found.moved <= found.movable <= count
    assert -1 <= found.gain() <= 1
    assert found.gain() == pytest.approx(float(found.gains.max()))


def test_rms_hand_case():
    before = torch.zeros(1, 3, 2, 2)
    after = before.clone()
    after[0, :, 0, 0] = 0.5  # one pixel of four by a half: sqrt(0.25 / 4)
    assert rms(before, after) == pytest.approx(0.25)
