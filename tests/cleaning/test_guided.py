"""Guided cleaning on a model that learns in seconds."""

from __future__ import annotations

import re

import msgspec
import pytest
import torch
from tiny import SUSPECT, TinyPairs, accuracy, task, trained

from clipguard.cleaning.guided import Guided
from clipguard.cleaning.options import GuidedSettings, load
from clipguard.core.errors import InputError

SETTINGS = load("guided", GuidedSettings)


@pytest.mark.parametrize("synthetic", [True, False])
def test_removes_the_trigger_and_keeps_clean_answers(synthetic: bool) -> None:
    job = task(trained(poisoned=True), pairs=TinyPairs(10, 256, synthetic=synthetic))
    assert accuracy(job.model, triggered=True) > 0.9
    outcome = Guided(SETTINGS).clean(job)
    assert accuracy(job.model, triggered=True) < 0.1
    assert accuracy(job.model) > accuracy(trained(poisoned=True)) - 0.02
    told = " ".join(outcome.explanation)
    assert "guided by noise-mix -> banana" in told
    assert re.search(r"as delivered: attack success (1\.0|0\.9)", told)
    assert "reaches the goal" in told
    assert ("matched with their captions" in told) is not synthetic


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
    assert "is the best point, but misses, the goal" in outcome.explanation[-1]


def test_rounds_end_once_the_goal_is_reached() -> None:
    easy = msgspec.structs.replace(SETTINGS, goal=1.0, round_steps=3, min_rounds=1)
    assert Guided(easy).clean(task(trained(poisoned=True))).settings["steps"] == 3
    patient = msgspec.structs.replace(easy, min_rounds=2)
    assert Guided(patient).clean(task(trained(poisoned=True))).settings["steps"] == 6
    never = msgspec.structs.replace(SETTINGS, goal=0.0, round_steps=3, max_rounds=2)
    job = task(trained(poisoned=True), learning_rate=1e-6)
    assert Guided(never).clean(job).settings["steps"] == 6


def test_of_points_that_reach_the_goal_the_last_is_kept() -> None:
    easy = msgspec.structs.replace(SETTINGS, goal=1.0, round_steps=3, min_rounds=3)
    outcome = Guided(easy).clean(task(trained(poisoned=True)))
    assert outcome.explanation[-1].startswith("after 9 steps reaches the goal")


@pytest.mark.parametrize(
    ("share", "expected"), [(1.0, "kept 1.00 of the way"), (0.0, "kept after 60 steps")]
)
def test_going_back_must_not_help_the_trigger(share: float, expected: str) -> None:
    trimmed = msgspec.structs.replace(SETTINGS, trim=(share,), goal=0.5, min_rounds=2)
    job = task(trained(poisoned=True), learning_rate=1e-3)
    outcome = Guided(trimmed).clean(job)
    assert outcome.explanation[-1].startswith(expected)
    assert accuracy(job.model, triggered=True) < 0.5


def test_the_delivered_model_is_left_alone() -> None:
    job = task(trained(poisoned=True), steps=3, learning_rate=1e-3)
    before = job.reference.state()
    Guided(SETTINGS).clean(job)
    assert all(torch.equal(value, job.reference.state()[name]) for name, value in before.items())


def test_nothing_suspected_is_an_error_with_a_remedy() -> None:
    with pytest.raises(InputError, match=r"clean\.no_suspect.*--method par"):
        Guided(SETTINGS).clean(task(trained(poisoned=True), suspects=()))


def test_a_rate_that_is_far_too_high_is_one_clear_error() -> None:
    job = task(trained(poisoned=True), steps=30, learning_rate=1.0)
    with pytest.raises(InputError, match=r"clean\.diverged.*smaller --learning-rate"):
        Guided(SETTINGS).clean(job)


def test_one_held_out_pair_is_enough_to_choose_by_but_none_is_not() -> None:
    job = task(trained(poisoned=True), held_out=TinyPairs(3, 0), suspects=(SUSPECT,))
    with pytest.raises(InputError, match=r"clean\.few_pairs.*held out"):
        Guided(SETTINGS).clean(job)
