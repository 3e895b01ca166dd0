import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from clipguard.measure.outlier import robust_z


def test_hand_case():
    # Median 3, absolute deviations 2 1 0 1 2, MAD 1, scale 1.4826.
    assert robust_z(6, [1, 2, 3, 4, 5], floor=0.01) == pytest.approx(3 / 1.4826)


def test_agrees_with_scipy():
    values = np.random.default_rng(0).normal(size=101)
    scale = median_abs_deviation(values, scale="normal")
    expected = (2.5 - np.median(values)) / scale
    assert robust_z(2.5, list(values), floor=1e-9) == pytest.approx(expected, rel=1e-4)


def test_the_floor_keeps_a_tiny_spread_from_shouting():
    assert robust_z(0.1, [0.0, 0.0, 0.0], floor=0.05) == pytest.approx(2.0)


def test_one_planted_outlier_does_not_hide_itself():
    quiet = [0.01 * k for k in range(20)]
    assert robust_z(0.9, [*quiet, 0.95, 0.9], floor=0.03) > 6


def test_too_few_values():
    with pytest.raises(ValueError, match="at least 3"):
        robust_z(1.0, [0.0, 1.0], floor=0.1)
