"""Which pairs each step sees."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
import torch
from tiny import SIZE, TinyPairs

from clipguard.cleaning import batches as module
from clipguard.cleaning.batches import Batches
from clipguard.core.errors import InputError
from clipguard.core.seeds import Seeds
from clipguard.pairs.types import PairBatch


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
    assert 20 + 4 * 15 <= crowded.reads <= 20 + 4 * 15 + 10  # the next batch may be under way


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


class Slow(TinyPairs):
    """Says which pairs were asked for, and breaks at one of them."""

    def __init__(self, broken: int = -1) -> None:
        super().__init__(0, 24)
        self.asked: list[int] = []
        self.broken, self.done = broken, threading.Event()

    def read(self, indices: Sequence[int], image_size: int) -> PairBatch:
        if self.broken in indices:
            raise InputError("data.broken", "no picture")
        found = super().read(indices, image_size)
        self.asked += indices
        if len(self.asked) >= 16:
            self.done.set()
        return found


def test_the_next_batch_is_read_while_a_step_is_computed() -> None:
    source = Slow()
    batches = Batches(source, SIZE, 8, Seeds(1))
    first = batches.at(0)
    assert source.done.wait(60)
    assert [str(index) for index in source.asked[:8]] == list(first.keys)
    assert [str(index) for index in source.asked[8:16]] == list(batches.at(1).keys)


def test_an_error_comes_at_the_step_whose_pairs_are_broken() -> None:
    order = Batches(TinyPairs(0, 24), SIZE, 8, Seeds(1))
    batches = Batches(Slow(broken=int(order.at(1).keys[3])), SIZE, 8, Seeds(1))
    assert batches.at(0).keys == order.at(0).keys
    with pytest.raises(InputError, match="no picture"):
        batches.at(1)
    assert batches.at(2).keys == order.at(2).keys


def test_pictures_are_changed_anew_each_time_through() -> None:
    def change(pixels: torch.Tensor, keys: Sequence[str], seeds: Seeds) -> torch.Tensor:
        drawn = [torch.rand((), generator=seeds.child(key).torch()) for key in keys]
        return torch.stack(drawn).view(-1, 1, 1, 1).expand_as(pixels)

    small, large = (Batches(TinyPairs(0, 24), SIZE, n, Seeds(1), change) for n in (8, 12))

    def seen(batches: Batches, steps: range) -> dict[str, float]:
        made = [batches.at(step) for step in steps]
        return {
            key: float(picture.mean())
            for pairs in made
            for key, picture in zip(pairs.keys, pairs.pixels, strict=True)
        }

    first, second = seen(small, range(3)), seen(small, range(3, 6))
    assert first == seen(large, range(2))  # whatever the batch
    assert all(first[key] != second[key] for key in first)
