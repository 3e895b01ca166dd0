"""The inputs of the parity check cover what can go wrong."""

from __future__ import annotations

import torch

from clipguard.export.limits import rules
from clipguard.export.parity import BATCHES, Parity, pictures, sentences
from clipguard.model.pair import FORMS


def test_inputs_are_many_different_and_always_the_same() -> None:
    first, second = pictures(40), pictures(40)
    assert first.shape == (64, 3, 40, 40)
    assert torch.equal(first, second)
    assert first.min() >= 0
    assert first.max() <= 1
    spread = first.flatten(1).std(1)
    assert spread.min() < 0.3 < 0.28 + spread.max()
    assert len(set(sentences())) == len(sentences()) == 64
    assert [len(sentences()[part]) for part in BATCHES] == [1, 7, 64]


def test_texts_reach_from_empty_to_overlong() -> None:
    lengths = sorted(len(text.split()) for text in sentences())
    assert lengths[0] == 0
    assert lengths[-1] > 77
    assert len(set(lengths)) > 10


def test_parity_holds_up_to_its_limits_only() -> None:
    assert Parity(0.9999, 1e-3, 64).holds("fp32")
    assert not Parity(0.99989, 0.0, 64).holds("fp32")
    assert not Parity(1.0, 1.01e-3, 64).holds("fp32")
    assert not Parity(float("nan"), float("nan"), 64).holds("int8")


def test_smaller_forms_may_lie_further_off() -> None:
    limits = [getattr(rules().parity, form) for form in FORMS]
    assert [item.min_cosine for item in limits] == [0.9999, 0.999, 0.99]
    assert Parity(0.99, 0.05, 64).holds("int8")
    assert not Parity(0.99, 0.05, 64).holds("fp16")
