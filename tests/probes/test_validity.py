from dataclasses import replace

import pytest
import torch
from toy import NAMES, ToyClip, flat_pictures

from clipguard.core.progress import SILENT
from clipguard.core.results import CheckState
from clipguard.core.seeds import Seeds
from clipguard.model.batching import Meter
from clipguard.probes.validity import (
    Exam,
    agreement,
    determinism,
    finite,
    readable_words,
    spread,
)

EXAM = Exam("colours", flat_pictures(40), torch.arange(40) % len(NAMES), NAMES)


class Jittery(ToyClip):
    def encode_image(self, pixels):
        return torch.nn.functional.normalize(torch.rand(len(pixels), 10), dim=1)


class RandomText(ToyClip):
    def encode_text(self, texts):
        generator = torch.Generator().manual_seed(5)
        return torch.nn.functional.normalize(
            torch.randn(len(texts), 10, generator=generator), dim=1
        )


def ask(model):
    return agreement(model, [EXAM], Seeds(0), Meter(), SILENT)


def test_a_model_that_sees_colours_agrees():
    check, gain = ask(ToyClip())
    assert check.state is CheckState.PASSED
    assert gain > 0.3


def test_pictures_may_be_held_as_bytes():
    stored = (EXAM.pixels * 255).round().byte()
    shown = replace(EXAM, pixels=stored.float() / 255)
    model, arguments = ToyClip(), (Seeds(0), Meter(), SILENT)
    assert agreement(model, [replace(EXAM, pixels=stored)], *arguments) == agreement(
        model, [shown], *arguments
    )


def test_random_words_do_not_agree():
    check, gain = ask(RandomText())
    assert check.state is CheckState.FAILED
    assert "random" in check.reason
    assert gain < ask(ToyClip())[1]


@pytest.mark.parametrize(("model", "state"), [(ToyClip(), "passed"), (Jittery(), "failed")])
def test_determinism(model, state):
    assert determinism(model, flat_pictures(8), Meter()).state.value == state


@pytest.mark.parametrize(
    ("value", "state"), [(1.0, "passed"), (float("nan"), "failed"), (float("inf"), "failed")]
)
def test_finite_weights(value, state):
    check = finite({"visual.proj": torch.tensor([0.0, value])})
    assert check.state.value == state
    assert ("visual.proj" in check.reason) == (state == "failed")


def test_constant_towers_are_told_apart():
    spread_out = torch.eye(6)
    constant = torch.eye(6)[:1].expand(6, 6)
    assert spread(spread_out, spread_out).state is CheckState.PASSED
    failed = spread(constant, spread_out)
    assert failed.state is CheckState.FAILED
    assert "image" in failed.reason
    assert "text" not in failed.reason


def test_a_model_that_cannot_read_is_weak_not_failed():
    check = readable_words(ToyClip(), torch.rand(8, 3, 32, 32), NAMES[:8], Meter())
    assert check.state is CheckState.WEAK
    reader = readable_words(ToyClip(), flat_pictures(8), NAMES[:8], Meter())
    assert reader.state is CheckState.PASSED
