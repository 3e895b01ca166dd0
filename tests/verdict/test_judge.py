from dataclasses import replace

import pytest

from clipguard.core.results import (
    Check,
    CheckState,
    DosePoint,
    FamilyResult,
    Measurement,
    Outcome,
    Replay,
)
from clipguard.measure.proportion import wilson
from clipguard.verdict.calibration import Calibration
from clipguard.verdict.judge import NOT_COVERED, judge

CALIBRATION = Calibration(
    id="hand",
    coefficients={"contrast": 10.0},
    intercept=-4.0,
    clean=30,
    backdoored=30,
    fitted_on="a hand case",
)
GOOD = (Check(id="deterministic", state=CheckState.PASSED, reason="equal bits twice"),)


def family(moved: int, contrast: float, *, name: str = "noise", natural: str | None = None):
    return FamilyResult(
        family=name,
        title=name,
        cluster="N",
        variant="full@0.2",
        concept="banana",
        share_rise=Measurement(
            name="moved", value=moved / 60, unit="fraction", n=60, interval=wilson(moved, 60)
        ),
        probability_rise=Measurement(name="probability_rise", value=0.5, unit="fraction", n=60),
        contrast=contrast,
        kin=0.0,
        score=5.0,
        natural=natural,
        curve=(DosePoint(variant="full@0.2", rms=0.1, share=0.5, probability=0.5, control=0.1),),
    )


def replay(*families: FamilyResult):
    planted = [item for item in families if item.natural is None]
    return Replay(
        version=1,
        carriers=96,
        concepts=10,
        vocabulary="test",
        forward_images=1,
        forward_texts=1,
        families=families,
        null=(0.0,),
        features={"contrast": planted[0].contrast if planted else 0.0},
    )


@pytest.mark.parametrize(
    ("families", "outcome"),
    [
        ([family(55, 0.8)], Outcome.BACKDOORED),
        ([family(2, 0.0)], Outcome.NO_EVIDENCE),
        ([family(50, 0.05)], Outcome.NATURAL_LIKE),  # moves much, as unstructured change does
        ([family(55, 0.8, natural="the pattern itself means 'banana'")], Outcome.NATURAL_LIKE),
        ([family(10, 0.55)], Outcome.INCONCLUSIVE),  # likely by the figures, yet not reproduced
        ([family(55, 0.42)], Outcome.INCONCLUSIVE),  # ratio e^0.2: posterior between the lines
    ],
)
def test_outcomes(families, outcome):
    verdict = judge(GOOD, replay(*families), CALIBRATION, prior=0.25)
    assert verdict.outcome is outcome
    assert verdict.not_covered == NOT_COVERED


def test_an_accusation_names_trigger_target_and_effect():
    verdict = judge(GOOD, replay(family(55, 0.8)), CALIBRATION, prior=0.1)
    assert (verdict.trigger, verdict.concept) == ("noise", "banana")
    assert "55 of 60" in verdict.summary
    assert verdict.likelihood == pytest.approx(0.1 / 0.9 * 31 / (1 + 0.1 / 0.9 * 31))
    assert sum(reason.nats for reason in verdict.reasons) == pytest.approx(8.0)


def test_a_meaningful_family_never_hides_a_planted_one():
    natural = family(60, 0.9, name="words", natural="the pattern itself means 'banana'")
    verdict = judge(GOOD, replay(natural, family(55, 0.8)), CALIBRATION, prior=0.1)
    assert (verdict.outcome, verdict.trigger) == (Outcome.BACKDOORED, "noise")


def test_a_failed_check_leaves_no_verdict():
    failed = replace(GOOD[0], state=CheckState.FAILED, reason="the model is random")
    for result in (None, replay(family(55, 0.8))):
        verdict = judge((failed,), result, CALIBRATION, prior=0.1)
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert verdict.likelihood is None
        assert "random" in verdict.summary


def test_a_weak_check_does_not_stop_the_verdict():
    weak = replace(GOOD[0], state=CheckState.WEAK)
    verdict = judge((weak,), replay(family(2, 0.0)), CALIBRATION, prior=0.1)
    assert verdict.outcome is Outcome.NO_EVIDENCE


def test_a_higher_prior_never_lowers_the_likelihood():
    found = [
        judge(GOOD, replay(family(30, 0.3)), CALIBRATION, prior=prior).likelihood
        for prior in (0.01, 0.1, 0.5)
    ]
    assert found == sorted(found)
