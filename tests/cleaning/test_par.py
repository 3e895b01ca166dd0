"""Perturb and recover on a model that learns in seconds."""

from __future__ import annotations

import msgspec
import pytest
import torch
from tiny import accuracy, task, trained

from clipguard.cleaning.options import ParSettings, load
from clipguard.cleaning.par import Par
from clipguard.core.errors import InputError

SETTINGS = load("par", ParSettings)


def test_pushes_past_tau_removes_the_trigger_and_recovers() -> None:
    job = task(trained(poisoned=True), suspects=())
    assert accuracy(job.model, triggered=True) > 0.9
    outcome = Par(SETTINGS).clean(job)
    drifts = [record.image_drift for record in outcome.records]
    assert max(drifts) > 1.5
    assert outcome.records[0].image_drift == 0.0
    assert accuracy(job.model, triggered=True) < 0.1
    assert accuracy(job.model) > 0.95
    assert outcome.settings["steps"] == 244
    assert outcome.settings["learning_rate"] in SETTINGS.probe.rates
    assert any("tried on a copy" in sentence for sentence in outcome.explanation)


def test_both_towers_move_the_temperature_and_the_reference_do_not() -> None:
    job = task(trained(poisoned=True), steps=4, learning_rate=1e-3)
    delivered = job.reference.state()
    Par(SETTINGS).clean(job)
    after = job.model.state()
    assert not torch.equal(after["visual.0.weight"], delivered["visual.0.weight"])
    assert not torch.equal(after["token_embedding.weight"], delivered["token_embedding.weight"])
    assert torch.equal(after["logit_scale"], delivered["logit_scale"])
    assert all(torch.equal(value, job.reference.state()[n]) for n, value in delivered.items())


def test_given_steps_and_rate_are_taken_without_a_probe() -> None:
    outcome = Par(SETTINGS).clean(task(trained(poisoned=True), steps=4, learning_rate=1e-4))
    assert [record.step for record in outcome.records] == [0, 3]
    assert outcome.records[0].learning_rate == 1e-4
    assert outcome.explanation[0] == "learning rate 1.0e-04: as given"


def test_the_push_leaves_once_tau_is_passed() -> None:
    tight = msgspec.structs.replace(SETTINGS, tau=0.2, log_every=1)
    job = task(trained(poisoned=True), steps=200, learning_rate=1e-3)
    drifts = [record.image_drift for record in Par(tight).clean(job).records]
    wide = task(trained(poisoned=True), steps=200, learning_rate=1e-3)
    further = [record.image_drift for record in Par(SETTINGS).clean(wide).records]
    assert max(drifts) < 0.6 * max(further)


def test_a_rate_that_is_far_too_high_is_one_clear_error() -> None:
    job = task(trained(poisoned=True), steps=30, learning_rate=1e30)
    with pytest.raises(InputError, match=r"clean\.diverged.*smaller --learning-rate"):
        Par(SETTINGS).clean(job)
