"""Choosing a learning rate from a few tried ones."""

from __future__ import annotations

import pytest
from tiny import task, trained

from clipguard.cleaning import options
from clipguard.cleaning.par import push
from clipguard.cleaning.probe import Rung, climb, expected_drift, pull_rate, push_rate, table
from clipguard.core.errors import InputError

# Angles 0.1 and 0.2: growing with time. Squared distance 2 - 2 cos(angle).
STEADY = Rung(rate=1e-4, steps=10, half=0.0099917, drift=0.0398668, watched=1.0)


def test_drift_goes_on_along_the_arc() -> None:
    assert expected_drift(STEADY, 10) == pytest.approx(STEADY.drift, abs=1e-6)
    assert expected_drift(STEADY, 50) == pytest.approx(2 - 2 * 0.540302, abs=1e-3)  # angle 1
    assert expected_drift(STEADY, 1000) == pytest.approx(4.0)  # no further than opposite


def test_a_slowing_drift_is_continued_slowly() -> None:
    # Angle 0.1 to 0.1414: growing with the root of time, so four times as long doubles it.
    slowing = Rung(rate=1e-4, steps=10, half=0.0099917, drift=0.0199668, watched=1.0)
    assert expected_drift(slowing, 40) == pytest.approx(2 - 2 * 0.960267, abs=1e-3)


def test_the_lowest_rate_that_reaches_tau_is_taken() -> None:
    rungs = [
        Rung(1e-5, 10, 1e-6, 4e-6, 1.0),
        STEADY,
        Rung(1e-3, 10, 0.3, 0.8, 1.0),
    ]
    # 100 steps at full rate: the second goes to 2 rad, past tau = 2.15 (1.65 rad).
    rate, reason = push_rate(rungs, 2.15, [1.0] * 100)
    assert rate == 1e-4
    assert "tau = 2.15" in reason
    assert push_rate(rungs, 2.15, [0.5] * 100)[0] == 1e-3


def test_when_none_reaches_tau_the_highest_is_taken_and_said() -> None:
    rate, reason = push_rate([STEADY], 2.15, [1.0] * 20)
    assert rate == 1e-4
    assert "only" in reason


def test_the_pull_takes_the_calm_rate_that_falls_most() -> None:
    rungs = [
        Rung(1e-4, 9, 0.0, 0.01, 0.5),
        Rung(3e-4, 9, 0.3, 0.02, 0.2),  # jumps at first, and comes back
        Rung(1e-3, 9, 0.0, 0.06, 0.1),
        Rung(3e-3, 9, 0.0, 0.0, 0.0, "the loss is not finite"),
    ]
    assert pull_rate(rungs, 0.05)[0] == 3e-4
    assert pull_rate(rungs, 0.1)[0] == 1e-3
    assert "not finite" in table(rungs, "pull")


def test_a_lowest_rate_that_drifts_too_far_is_taken_and_said() -> None:
    rate, reason = pull_rate([Rung(1e-4, 9, 0.0, 0.2, 0.5), Rung(3e-4, 9, 0.0, 0.3, 0.1)], 0.05)
    assert rate == 1e-4
    assert "drift by 0.200, past 0.05" in reason


def test_no_usable_rate_is_an_error_with_a_remedy() -> None:
    with pytest.raises(InputError, match=r"clean\.diverged.*not finite.*--learning-rate"):
        pull_rate([Rung(1e-4, 9, 0.0, 0.0, 0.0, "the loss is not finite")], 0.05)


def test_climbing_leaves_the_model_alone_and_stops_where_it_falls() -> None:
    job = task(trained(poisoned=True))
    before = job.model.state()
    par = options.load("par", options.ParSettings)
    ladder = options.ProbeSettings(rates=(1e-6, 1e-3, 1e30, 1e31), steps=6)
    rungs = climb(job, push(par, job), ladder, par.optimiser)
    assert [rung.rate for rung in rungs] == [1e-6, 1e-3, 1e30]
    assert rungs[0].drift < rungs[1].drift
    assert rungs[2].failure
    assert all(bool((job.model.state()[name] == value).all()) for name, value in before.items())
