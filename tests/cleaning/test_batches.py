"""Which pairs each step sees."""

from __future__ import annotations

import pytest
import torch
from tiny import SIZE, TinyPairs

from clipguard.cleaning import batches as module
from clipguard.cleaning.batches import Batches
from clipguard.core.errors import InputError
from clipguard.core.seeds import Seeds


def test_each_pair_comes_once_before_any_comes_again() -> None:
    batches = Batches(TinyPairs(0, 40), SIZE, 10, Seeds(1))
    first = [batches.at(step).keys for step in range(4)]
    second = [batches.at(step).keys for step in range(4, 8)]
    assert sorted(sum(first, ())) == sorted(str(index) for index in range(40))
    assert sorted(sum(second, ())) == sorted(sum(first, ()))
    assert first != second


def test_a_step_does_not_depend_on_those_before() -> None:
    one, other = (Batches(TinyPairs(0, 40), SIZE, 10, Seeds(1)) for _ in range(2))
    for step in range(6):
        one.at(step)
    late, direct = one.at(6), other.at(6)
    assert late.keys == direct.keys
    assert late.texts == direct.texts
    assert torch.equal(late.pixels, direct.pixels)


def test_pictures_are_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = TinyPairs(0, 20)
    batches = Batches(source, SIZE, 10, Seeds(1))
    for step in range(10):
        batches.at(step)
    assert source.reads == 20
    monkeypatch.setattr(module, "CACHE_BYTES", 5 * 3 * SIZE * SIZE)
    crowded = TinyPairs(0, 20)
    small = Batches(crowded, SIZE, 10, Seeds(1))
    for step in range(10):
        assert torch.equal(small.at(step).pixels, batches.at(step).pixels)
    assert crowded.reads == 20 + 4 * 15


def test_pictures_are_kept_to_the_byte() -> None:
    source = TinyPairs(0, 20)
    batch = Batches(source, SIZE, 10, Seeds(1)).at(0)
    drawn = source.read([int(key) for key in batch.keys], SIZE).pixels
    assert batch.pixels.dtype == torch.float32
    assert float((batch.pixels - drawn).abs().max()) <= 0.5 / 255 + 1e-6


def test_small_sources_give_smaller_batches_and_tiny_ones_an_error() -> None:
    assert Batches(TinyPairs(0, 9), SIZE, 64, Seeds(1)).size == 9
    with pytest.raises(InputError, match=r"clean\.few_pairs.*7 image-text pairs"):
        Batches(TinyPairs(0, 7), SIZE, 64, Seeds(1))
