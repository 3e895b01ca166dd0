import math
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.tables import trial as counted
from clipguard.core.errors import ConfigError
from clipguard.verdict.calibration import Calibration, load, posterior, trial

HAND = Calibration(
    id="hand",
    coefficients={"contrast": 4.0, "moved": 2.0},
    intercept=-3.0,
    clean=10,
    backdoored=5,
    fitted_on="a hand case",
)


def test_ratio_by_hand():
    # log odds 4 * 0.5 + 2 * 1 - 3 = 1; odds of the fitting set 5 / 10, so the ratio is e * 2.
    ratio = HAND.likelihood_ratio({"contrast": 0.5, "moved": 1.0})
    assert ratio == pytest.approx(math.e * 2)


def test_ratio_is_capped_by_the_number_of_models():
    assert HAND.likelihood_ratio({"contrast": 99.0, "moved": 0.0}) == pytest.approx(11)
    assert HAND.likelihood_ratio({"contrast": -99.0, "moved": 0.0}) == pytest.approx(1 / 6)


def test_a_missing_feature_is_named():
    with pytest.raises(ConfigError, match="moved"):
        HAND.likelihood_ratio({"contrast": 1.0})


@given(
    prior=st.floats(0.001, 0.999),
    ratio=st.floats(0.001, 1000),
)
def test_posterior_follows_bayes(prior, ratio):
    expected = prior * ratio / (prior * ratio + 1 - prior)
    assert posterior(prior, ratio) == pytest.approx(expected)


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1, 2.0])
def test_certainty_is_no_prior(prior):
    with pytest.raises(ConfigError, match="prior"):
        posterior(prior, 3.0)


def test_the_shipped_calibration_never_lowers_the_likelihood_for_more_evidence():
    shipped = load()
    assert shipped.coefficients
    assert all(weight >= 0 for weight in shipped.coefficients.values())
    assert shipped.clean >= 10
    assert shipped.backdoored >= 10


def test_the_shipped_trial_is_what_was_measured_with_the_shipped_calibration():
    assert asdict(trial()) == counted()
    assert trial().calibration == load().id
