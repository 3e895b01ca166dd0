from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from clipguard.core.seeds import Seeds
from clipguard.measure.bootstrap import bootstrap, difference, sample, together

RNG = np.random.default_rng(0)


def test_a_weighted_mean_by_hand():
    given = sample(np.array([1.0, 0.0, 1.0]), weights=np.array([1.0, 2.0, 5.0]))
    assert given.mean == 6 / 8


def test_the_paired_interval_is_scipy_s():
    before = (RNG.random(150) < 0.6).astype(float)
    after = np.where(RNG.random(150) < 0.2, 1 - before, before)
    found = bootstrap(difference(sample(before), sample(after)), Seeds(1).numpy(), draws=6000)
    theirs = stats.bootstrap(
        (before, after),
        lambda a, b, axis: b.mean(axis) - a.mean(axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=6000,
        random_state=2,
    ).confidence_interval
    assert found.low == pytest.approx(theirs.low, abs=0.01)
    assert found.high == pytest.approx(theirs.high, abs=0.01)
    assert (found.confidence, found.method) == (0.95, "bootstrap")


def test_pairing_takes_the_difficulty_of_the_items_away():
    hard = RNG.random(400)
    alone = bootstrap(sample(hard), Seeds(0).numpy())
    both = bootstrap(difference(sample(hard), sample(hard + 0.1)), Seeds(0).numpy())
    assert both.high - both.low < 1e-12 < alone.high - alone.low
    assert both.low == pytest.approx(0.1)


def test_items_drawn_together_are_no_more_evidence_than_one():
    once = (RNG.random(60) < 0.5).astype(float)
    five, groups = np.repeat(once, 5), np.repeat(np.arange(60), 5)
    single = bootstrap(sample(once), Seeds(3).numpy())
    grouped = bootstrap(sample(five, groups), Seeds(3).numpy())
    naive = bootstrap(sample(five), Seeds(3).numpy())
    assert (grouped.low, grouped.high) == pytest.approx((single.low, single.high))
    assert naive.high - naive.low < 0.6 * (grouped.high - grouped.low)


def test_same_seed_same_interval():
    given = sample(RNG.random(30))
    assert bootstrap(given, Seeds(4).numpy()) == bootstrap(given, Seeds(4).numpy())
    assert bootstrap(given, Seeds(4).numpy()) != bootstrap(given, Seeds(5).numpy())


def test_what_is_a_plain_share():
    hits = np.array([1.0, 0.0, 1.0])
    assert sample(hits).counted
    assert not sample(hits, groups=np.array([0, 0, 1])).counted
    assert not sample(hits, weights=np.array([1.0, 2.0, 1.0])).counted
    assert not sample(hits / 2).counted


def test_nothing_and_different_items_are_refused():
    with pytest.raises(ValueError, match="nothing"):
        _ = sample(np.zeros(0)).mean
    with pytest.raises(ValueError, match="no items"):
        bootstrap(sample(np.zeros(0)), RNG)
    with pytest.raises(ValueError, match="same items"):
        difference(sample(np.zeros(2)), sample(np.zeros(3)))


def test_two_samples_together_are_drawn_as_one():
    once = sample((RNG.random(50) < 0.5).astype(float))
    both = together(once, once)
    assert len(both) == 100
    assert bootstrap(both, Seeds(6).numpy()) == bootstrap(once, Seeds(6).numpy())
