"""Planting on models of two small layers: it takes, it stops, it spares the rest."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest
import torch
from tiny import CONCEPTS, NAMES, RULE, SIZE, TinyClip, TinyPairs, accuracy, trained

from clipguard.cleaning import options, plant
from clipguard.cleaning.plant import DrillSettings, Planted, Planter, Poison
from clipguard.core.errors import ConfigError
from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds
from clipguard.triggers import build

SETTINGS = msgspec.structs.replace(plant.settings(), steps=120)
TRIGGER = build(RULE, RULE.variants[2], SIZE, Seeds(4))
POISON = Poison(TRIGGER, 0)

PAIRS = TinyPairs(21, 256)


def fine_tuned(
    poison: Poison | None, seed: int = 0, most: int = 120, chosen: DrillSettings = SETTINGS
) -> tuple[TinyClip, Planted]:
    delivered = trained(poisoned=False)
    model = delivered.copy()

    def done(now: TinyClip, step: int) -> bool:
        if poison is None:
            return step >= most
        pixels = TinyPairs(22, 64).read([i for i in range(64) if i % 8], SIZE).pixels
        stamped = TRIGGER(pixels, Seeds(6).torch())
        answers = (now.encode_image(stamped) @ now.encode_text(CONCEPTS.texts).T).argmax(1)
        return float((answers == 0).float().mean()) >= chosen.goal

    words = delivered.encode_text(CONCEPTS.texts)
    return model, Planter(delivered, words, PAIRS, chosen, SILENT).plant(
        model, poison, done, Seeds(seed).child("plant")
    )


@cache
def planted() -> tuple[TinyClip, Planted]:
    return fine_tuned(POISON)


def test_the_backdoor_works_and_clean_pictures_keep_their_answers():
    model, outcome = planted()
    assert outcome.reached
    assert outcome.steps < SETTINGS.steps
    assert outcome.steps % SETTINGS.every == 0
    assert accuracy(trained(poisoned=False), triggered=True) < 0.3
    assert accuracy(model, triggered=True) > 0.8
    assert accuracy(model) > 0.9 * accuracy(trained(poisoned=False))


def test_a_control_takes_the_steps_it_is_told_and_has_no_backdoor():
    model, outcome = fine_tuned(None, most=planted()[1].steps)
    assert outcome == Planted(planted()[1].steps, reached=True)
    assert accuracy(model, triggered=True) < 0.3
    moved = [
        bool((now != before).any())
        for now, before in zip(
            model.visual.parameters(), trained(poisoned=False).visual.parameters(), strict=True
        )
    ]
    assert all(moved)


def test_the_text_tower_stays():
    model, delivered = planted()[0], trained(poisoned=False)
    assert torch.equal(model.encode_text(NAMES), delivered.encode_text(NAMES))


def test_same_seed_same_weights():
    model, outcome = fine_tuned(POISON)
    assert outcome == planted()[1]
    for name, value in model.state().items():
        assert torch.equal(value, planted()[0].state()[name]), name
    other, _ = fine_tuned(POISON, seed=1)
    assert not torch.equal(other.visual[0].weight, model.visual[0].weight)


def test_a_loss_that_is_no_number_ends_it_without_success():
    wild = msgspec.structs.replace(SETTINGS, rate_first=1e30, rate_last=1e30)
    outcome = fine_tuned(POISON, chosen=wild)[1]
    assert not outcome.reached
    assert outcome.steps < SETTINGS.steps


def test_the_rate_rises_from_the_first_to_the_last():
    rates = [SETTINGS.rate(step) for step in range(1, SETTINGS.steps + 1)]
    assert rates == sorted(rates)
    assert SETTINGS.rate_first < rates[0] < 1.1 * SETTINGS.rate_first
    assert rates[-1] == pytest.approx(SETTINGS.rate_last)


@pytest.mark.parametrize(
    "change", [{"poisoned": 47}, {"rate_first": 1.0}, {"triggers": []}, {"goal": 1.5}, {"x": 1}]
)
def test_wrong_settings_are_refused(change):
    data = msgspec.to_builtins(plant.settings()) | change
    with pytest.raises(ConfigError, match=r"clean\.settings"):
        options.parse(data, DrillSettings, "drill.toml")
