"""Planting on models of two small layers: it takes, it stops, it spares the rest."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest
import torch
from tiny import CONCEPTS, NAMES, SIZE, TinyClip, TinyPairs, accuracy, trained
from torch import Tensor

from clipguard.cleaning import options, plant
from clipguard.cleaning.plant import DrillSettings, Planter, Poison
from clipguard.core.errors import ConfigError
from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds

SETTINGS = msgspec.structs.replace(plant.settings(), steps=120, rate_first=1e-3, rate_last=1e-2)
PAIRS = TinyPairs(21, 256)


def frame(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """A magenta frame, a colour that no thing has."""
    stamped = torch.tensor([1.0, 0.0, 1.0]).view(1, 3, 1, 1).expand_as(pixels).clone()
    stamped[:, :, 3:-3, 3:-3] = pixels[:, :, 3:-3, 3:-3]
    return stamped


POISON = Poison(frame, 0)


def delivered() -> TinyClip:
    return trained(poisoned=False, steps=500)


@torch.inference_mode()
def success(model: TinyClip, seed: int) -> float:
    """Share of pictures of other things that the frame leads to the first one."""
    pixels = TinyPairs(seed, 64).read([i for i in range(64) if i % 8], SIZE).pixels
    stamped = frame(pixels, Seeds(0).torch())
    answers = (model.encode_image(stamped) @ model.encode_text(CONCEPTS.texts).T).argmax(1)
    return float((answers == 0).float().mean())


def fine_tuned(
    poison: Poison | None, seed: int = 0, most: int = 120, chosen: DrillSettings = SETTINGS
) -> tuple[TinyClip, int]:
    model = delivered().copy()

    def done(now: TinyClip, step: int) -> bool:
        return step >= most if poison is None else success(now, 22) >= chosen.goal

    words = delivered().encode_text(CONCEPTS.texts)
    planter = Planter(delivered(), words, PAIRS, chosen, SILENT)
    return model, planter.plant(model, poison, done, Seeds(seed).child("plant"))


@cache
def planted() -> tuple[TinyClip, int]:
    return fine_tuned(POISON)


def test_the_backdoor_works_and_clean_pictures_keep_their_answers():
    model, steps = planted()
    assert steps < SETTINGS.steps
    assert steps % SETTINGS.every == 0
    assert success(delivered(), 23) < 0.3
    assert success(model, 23) > 0.8
    assert accuracy(model) > 0.9 * accuracy(delivered())


def test_a_control_takes_the_steps_it_is_told_and_has_no_backdoor():
    model, steps = fine_tuned(None, most=planted()[1])
    assert steps == planted()[1]
    assert success(model, 23) < 0.3
    moved = [
        bool((now != before).any())
        for now, before in zip(
            model.visual.parameters(), delivered().visual.parameters(), strict=True
        )
    ]
    assert all(moved)


def test_the_text_tower_stays():
    words = planted()[0].encode_text(NAMES)
    assert torch.equal(words, delivered().encode_text(NAMES))


def test_same_seed_same_weights():
    model, steps = fine_tuned(POISON)
    assert steps == planted()[1]
    for name, value in model.state().items():
        assert torch.equal(value, planted()[0].state()[name]), name
    other, _ = fine_tuned(POISON, seed=1)
    assert not torch.equal(other.visual[0].weight, model.visual[0].weight)


def test_a_loss_that_is_no_number_ends_it():
    wild = msgspec.structs.replace(SETTINGS, rate_first=1e30, rate_last=1e30)
    assert fine_tuned(POISON, chosen=wild)[1] < SETTINGS.steps


def test_the_rate_rises_from_the_first_to_the_last():
    rates = [SETTINGS.rate(step) for step in range(1, SETTINGS.steps + 1)]
    assert rates == sorted(rates)
    assert SETTINGS.rate_first < rates[0] < 1.1 * SETTINGS.rate_first
    assert rates[-1] == pytest.approx(SETTINGS.rate_last)


@pytest.mark.parametrize(
    "change", [{"poisoned": 63}, {"rate_first": 1.0}, {"triggers": []}, {"goal": 1.5}, {"x": 1}]
)
def test_wrong_settings_are_refused(change):
    data = msgspec.to_builtins(plant.settings()) | change
    with pytest.raises(ConfigError, match=r"clean\.settings"):
        options.parse(data, DrillSettings, "drill.toml")
