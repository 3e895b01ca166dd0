"""Guided cleaning on a model that learns in seconds."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import pytest
import torch
from tiny import SUSPECT, TinyPairs, accuracy, task, trained

from clipguard.cleaning.dev import Standing, matches
from clipguard.cleaning.guided import Guided
from clipguard.cleaning.options import GuidedSettings, load
from clipguard.cleaning.rounds import Goals, Point, best_of
from clipguard.core.errors import InputError, RefusedError

SETTINGS = load("guided", GuidedSettings)


def stepping(
    settings: GuidedSettings, round_steps: int, settling: int = 1, **changes: object
) -> GuidedSettings:
    """Rounds of so many steps, of which so many settle at least, whosever the pairs are."""
    rounds = {"round_steps": round_steps, "settling_rounds": settling}
    kinds = {
        name: msgspec.structs.replace(getattr(settings, name), **rounds)
        for name in ("real", "synthetic")
    }
    return msgspec.structs.replace(settings, **kinds, **changes)


def eased(**changes: object) -> GuidedSettings:
    """Goals that any point reaches, but for the changes."""
    audit = msgspec.structs.replace(SETTINGS.audit, margin=1.0)
    easy = msgspec.structs.replace(SETTINGS, goal=1.0, max_utility_drop=1.0, audit=audit)
    return msgspec.structs.replace(easy, **changes)


@pytest.mark.parametrize("synthetic", [True, False])
def test_removes_the_trigger_and_keeps_clean_answers(synthetic: bool) -> None:
    job = task(trained(poisoned=True), pairs=TinyPairs(10, 256, synthetic=synthetic))
    assert accuracy(job.model, triggered=True) > 0.9
    outcome = Guided(stepping(SETTINGS, 50)).clean(job)
    assert accuracy(job.model, triggered=True) < 0.1
    assert accuracy(job.model) > accuracy(trained(poisoned=True)) - 0.02
    told = " ".join(outcome.explanation)
    assert "guided by noise-mix -> banana" in told
    delivered = re.search(r"as delivered: attack success ([0-9.]+)", told)
    assert delivered is not None
    assert float(delivered[1]) > 0.9
    assert "reaches the goals" in told
    assert ("matched with their captions" in told) is not synthetic


def test_real_pairs_need_no_suspect() -> None:
    job = task(trained(poisoned=True), pairs=TinyPairs(10, 256, synthetic=False), suspects=())
    outcome = Guided(stepping(SETTINGS, 50)).clean(job)
    assert accuracy(job.model, triggered=True) < 0.2
    assert accuracy(job.model) > accuracy(trained(poisoned=True)) - 0.02
    assert "toward the concepts watched and without a target" in outcome.explanation[0]
    assert all(record.attack_success is None for record in outcome.rounds)
    assert outcome.rounds[-1].inverted < outcome.rounds[0].inverted - 0.2


def test_without_any_finding_the_model_stays_as_it_is() -> None:
    job = task(trained(poisoned=False), pairs=TinyPairs(10, 256, synthetic=False), suspects=())
    before = job.model.state()
    with pytest.raises(RefusedError, match=r"clean\.nothing_found.*--method par"):
        Guided(SETTINGS).clean(job)
    assert all(torch.equal(value, job.model.state()[name]) for name, value in before.items())


def test_far_rounds_share_one_cosine_and_each_that_settles_has_its_own() -> None:
    never = stepping(SETTINGS, 10, goal=0.0, far_rounds=2, max_rounds=4)
    job = task(trained(poisoned=True), learning_rate=1e-6)
    outcome = Guided(msgspec.structs.replace(never, log_every=1)).clean(job)
    rates = [record.learning_rate for record in outcome.records]
    assert rates[:2] == pytest.approx([5e-7, 1e-6])
    assert rates[1:20] == sorted(rates[1:20], reverse=True)
    highest = SETTINGS.settling_rate * 1e-6
    assert rates[20] == rates[30] == pytest.approx(highest)
    assert rates[20:30] == rates[30:] == sorted(rates[20:30], reverse=True)


def test_the_last_third_of_few_steps_settles() -> None:
    outcome = Guided(SETTINGS).clean(task(trained(poisoned=True), steps=8, learning_rate=1e-6))
    assert [record.step for record in outcome.rounds] == [0, 3, 6, 8]


def test_only_the_image_tower_moves() -> None:
    job = task(trained(poisoned=True), steps=5, learning_rate=1e-3)
    outcome = Guided(SETTINGS).clean(job)
    before, after = job.reference.state(), job.model.state()
    assert all(
        torch.equal(before[name], after[name]) is not name.startswith("visual.") for name in before
    )
    assert all(record.text_drift == 0.0 for record in outcome.records)
    assert outcome.settings["steps"] == 5


def test_the_last_step_may_come_before_the_goal_and_is_said() -> None:
    job = task(trained(poisoned=True), steps=2, learning_rate=1e-6)
    outcome = Guided(SETTINGS).clean(job)
    assert "is the best point, but misses a goal" in outcome.explanation[-1]
    assert [record.step for record in outcome.rounds] == [0, 1, 2]


def test_rounds_end_once_the_goal_is_reached() -> None:
    easy = stepping(eased(), 3, far_rounds=0)
    assert Guided(easy).clean(task(trained(poisoned=True))).settings["steps"] == 3
    patient = msgspec.structs.replace(easy, far_rounds=1)
    assert Guided(patient).clean(task(trained(poisoned=True))).settings["steps"] == 6
    settled = stepping(patient, 3, settling=2)
    assert Guided(settled).clean(task(trained(poisoned=True))).settings["steps"] == 9
    never = stepping(SETTINGS, 3, goal=0.0, far_rounds=0, max_rounds=2)
    job = task(trained(poisoned=True), learning_rate=1e-6)
    assert Guided(never).clean(job).settings["steps"] == 6


def test_of_points_that_reach_the_goal_the_last_is_kept() -> None:
    easy = stepping(eased(), 3, far_rounds=2)
    outcome = Guided(easy).clean(task(trained(poisoned=True)))
    assert outcome.explanation[-1].startswith("after 9 steps reaches the goals")


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, "kept 1.00 of the way"), (0.0, "kept after 100 steps")]
)
def test_going_back_must_not_help_the_trigger(share: float, expected: str) -> None:
    trimmed = stepping(eased(trim=(share,), goal=0.5, far_rounds=1), 50)
    job = task(trained(poisoned=True), learning_rate=1e-3)
    outcome = Guided(trimmed).clean(job)
    assert outcome.explanation[-1].startswith(expected)
    assert accuracy(job.model, triggered=True) < 0.5


def test_the_delivered_model_is_left_alone() -> None:
    job = task(trained(poisoned=True), steps=3, learning_rate=1e-3)
    before = job.reference.state()
    Guided(SETTINGS).clean(job)
    assert all(torch.equal(value, job.reference.state()[name]) for name, value in before.items())


def test_nothing_suspected_on_drawn_pairs_is_an_error_with_a_remedy() -> None:
    with pytest.raises(InputError, match=r"clean\.no_suspect.*--data"):
        Guided(SETTINGS).clean(task(trained(poisoned=True), suspects=()))


def test_keeping_embeddings_holds_them_harder_and_limits_the_drift() -> None:
    drifts = []
    for keep in (False, True):
        job = task(trained(poisoned=True), steps=30, learning_rate=1e-3, keep_embeddings=keep)
        loose = msgspec.structs.replace(
            SETTINGS, synthetic=msgspec.structs.replace(SETTINGS.synthetic, distill=0.0)
        )
        outcome = Guided(loose).clean(job)
        drifts.append(outcome.rounds[-1].image_drift)
        assert outcome.settings["synthetic.distill"] == (SETTINGS.keep.distill if keep else 0.0)
    assert drifts[1] < drifts[0] / 2
    assert drifts[1] < SETTINGS.keep.max_drift


def test_a_rate_that_is_far_too_high_is_one_clear_error() -> None:
    job = task(trained(poisoned=True), steps=30, learning_rate=1.0)
    with pytest.raises(InputError, match=r"clean\.diverged.*smaller --learning-rate"):
        Guided(SETTINGS).clean(job)


def test_without_held_out_pairs_there_is_nothing_to_choose_by() -> None:
    job = task(trained(poisoned=True), held_out=TinyPairs(3, 0), suspects=(SUSPECT,))
    with pytest.raises(InputError, match=r"clean\.few_pairs.*held out"):
        Guided(SETTINGS).clean(job)


def test_the_limit_of_utility_comes_before_attack_success() -> None:
    goals = Goals(success=0.02, inverted=0.15, loss=0.02, drift=1.0)
    good = Standing(
        success=0.5, worst="a", inverted=0.3, utility=0.90, lost=0.01, agreement=0.9, drift=0.1
    )
    ruined = replace(good, success=0.0, inverted=0.0, lost=0.4)
    clean = replace(good, success=0.01, inverted=0.1, lost=0.02)
    assert goals.misses(good) < goals.misses(ruined)
    assert goals.met(clean)
    assert not goals.met(good)
    assert not goals.met(replace(clean, lost=0.03))
    assert not goals.met(replace(clean, drift=1.1))


def test_of_points_that_miss_the_goals_equally_the_last_is_best() -> None:
    goals = Goals(success=0.02, inverted=0.15, loss=0.02, drift=1.0)
    gone = Standing(
        success=0.0, worst="a", inverted=0.0, utility=0.9, lost=0.0, agreement=0.9, drift=0.1
    )
    back = replace(gone, success=0.3)
    points = [Point(str(step), step, {}, at) for step, at in enumerate((gone, gone, back, back))]
    assert best_of(points, goals).steps == 1
    assert best_of(points[2:], goals).steps == 3


def test_recall_counts_pictures_whose_caption_is_near() -> None:
    texts = torch.eye(8)
    images = torch.eye(8)[[0, 1]] + torch.tensor([1.0, 1, 1, 1, 1, 1, 0, 0]) * 0.5
    assert matches(images, texts, torch.tensor([0, 7])).tolist() == [1.0, 0.0]
