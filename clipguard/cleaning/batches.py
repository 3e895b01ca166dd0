"""Which pairs each step sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import torch
from torch import Tensor

from clipguard.core.errors import InputError
from clipguard.core.seeds import Seeds
from clipguard.pairs.types import PairBatch, PairSource

FEWEST = 8
# Enough for 7000 pictures of 224 pixels; what does not fit is read again.
CACHE_BYTES = 1 << 30

Change = Callable[[Tensor, Sequence[str], Seeds], Tensor]
"""Pictures (B, 3, S, S), their keys, and the stream of this time through the source -> changed
pictures. What becomes of a picture may depend on its own key alone."""


class Batches:
    """Batches as a pure function of the step: a new random order each time through the source.

    While a step is computed, the next one's pairs are read and changed in a thread of their own.
    Pictures are kept as bytes once read, so that drawing or decoding is paid for once.

    Args:
        source: the pairs.
        image_size: the model's input size.
        batch: pairs per step; all of them when there are fewer.
        seeds: stream of the order and of the changes.
        change: how pictures are changed each time; None: not at all.

    Raises:
        InputError: fewer than 8 pairs.
    """

    def __init__(
        self,
        source: PairSource,
        image_size: int,
        batch: int,
        seeds: Seeds,
        change: Change | None = None,
    ) -> None:
        if len(source) < FEWEST:
            raise InputError(
                "clean.few_pairs",
                f"{len(source)} image-text pairs; at least {FEWEST} are needed",
                where=source.id,
                remedy="give more pairs with --data, or use --synthetic",
            )
        self.size = min(batch, len(source))
        self._source, self._image_size = source, image_size
        self._seeds, self._change = seeds, change
        self._kept: dict[int, tuple[Tensor, str, str]] = {}
        self._room = CACHE_BYTES // (3 * image_size * image_size)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="pairs")
        self._ahead: dict[int, Future[PairBatch]] = {}

    def at(self, step: int) -> PairBatch:
        """The pairs of a step, counted from 0."""
        asked = self._ahead.pop(step, None) or self._reader.submit(self._make, step)
        for other in self._ahead.values():
            other.cancel()
        self._ahead = {step + 1: self._reader.submit(self._make, step + 1)}
        return asked.result()

    def _make(self, step: int) -> PairBatch:
        epoch, place = divmod(step, len(self._source) // self.size)
        order = self._seeds.child("order", epoch).numpy().permutation(len(self._source))
        pairs = self._read(order[place * self.size : (place + 1) * self.size].tolist())
        if self._change is None:
            return pairs
        changed = self._change(pairs.pixels, pairs.keys, self._seeds.child("change", epoch))
        return replace(pairs, pixels=changed)

    def _read(self, indices: list[int]) -> PairBatch:
        missing = [index for index in indices if index not in self._kept]
        fresh = self._fetch(missing) if missing else {}
        for index in missing[: max(self._room - len(self._kept), 0)]:
            self._kept[index] = fresh[index]
        rows = [fresh[index] if index in fresh else self._kept[index] for index in indices]
        return PairBatch(
            pixels=torch.stack([picture for picture, _, _ in rows]).float().div_(255.0),
            texts=tuple(text for _, text, _ in rows),
            keys=tuple(key for _, _, key in rows),
        )

    def _fetch(self, indices: list[int]) -> dict[int, tuple[Tensor, str, str]]:
        found = self._source.read(indices, self._image_size)
        stored = (found.pixels * 255).round().to(torch.uint8)
        return dict(zip(indices, zip(stored, found.texts, found.keys, strict=True), strict=True))
