"""From what was asked for to pairs to train on and pairs held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipguard.core.errors import InputError
from clipguard.core.progress import SILENT, Progress
from clipguard.core.results import PairRecord
from clipguard.core.seeds import Seeds
from clipguard.core.text import printable
from clipguard.pairs import open_pairs
from clipguard.pairs.files import FilePairs
from clipguard.pairs.mix import Mix, counts, shares
from clipguard.pairs.spec import FileSpec, SyntheticSpec
from clipguard.pairs.synthetic import SyntheticPairs
from clipguard.pairs.types import PairSource

DRAWN, DRAWN_HELD_OUT = 1500, 400
HELD_OUT_SHARE = 0.2
FEWEST_HELD_OUT = 32

Make = Callable[[int, Seeds], PairSource]
"""Makes so many pairs from a stream."""


@dataclass(frozen=True)
class Split:
    """Pairs to train on and pairs to choose and measure on, of different pictures."""

    train: PairSource
    held_out: PairSource


def open_all(specs: Sequence[FileSpec], seeds: Seeds, progress: Progress = SILENT) -> PairSource:
    """All given pairs as one source; shares count relative to each other.

    Args:
        specs: at least one.
        seeds: for which pairs a mix takes, and their order.
        progress: told what was left out.

    Raises:
        InputError: pairs cannot be used.
        UsageError: shares that leave nothing for a source without one.
    """
    sources = [_opened(spec, progress) for spec in specs]
    given = [spec.share for spec in specs]
    if None not in given:
        whole = sum(share or 0.0 for share in given)
        given = [(share or 0.0) / whole for share in given]
    return _blend(sources, _sizes(sources, given, None), [], seeds)


def split(
    specs: Sequence[FileSpec],
    synthetic: SyntheticSpec | None,
    seeds: Seeds,
    *,
    device: str = "cpu",
    progress: Progress = SILENT,
) -> Split:
    """The pairs that cleaning is given.

    Given pairs are split by picture, each source by itself and before anything is mixed; synthetic
    ones come from two seeds.

    Args:
        specs: sources of given pairs; none: synthetic ones alone.
        synthetic: what kind of them, and their share; None: none beside given ones.
        seeds: root of the streams ``pairs``, ``held-out`` and ``split``.
        device: where a diffusion model runs.
        progress: told what was left out.

    Raises:
        InputError: pairs cannot be used, or too few were given.
        UsageError: shares that do not add up to 1.
    """
    make = _maker(synthetic or SyntheticSpec(), device, progress)
    streams = seeds.child("pairs"), seeds.child("held-out")
    if not specs:
        return Split(make(DRAWN, streams[0]), make(DRAWN_HELD_OUT, streams[1]))
    sources = [_opened(spec, progress) for spec in specs]
    halves = [
        _halves(source, seeds.child("split", number)) for number, source in enumerate(sources)
    ]
    given, share = [spec.share for spec in specs], synthetic.share if synthetic else None
    found = []
    for part, stream in zip(zip(*halves, strict=True), streams, strict=True):
        taken = _sizes(part, given, share)
        made = round(sum(taken) * share / (1 - share)) if share else 0
        found.append(_blend(part, taken, [make(made, stream)] if made else [], stream))
    train, held_out = found
    if len(held_out) < FEWEST_HELD_OUT:
        raise InputError(
            "data.too_few_pairs",
            f"{len(train) + len(held_out)} pairs, of which {len(held_out)} can be held out; at "
            f"least {int(FEWEST_HELD_OUT / HELD_OUT_SHARE)} and {FEWEST_HELD_OUT} are needed",
            where=train.id,
            remedy="give more pairs or use --synthetic",
        )
    return Split(train, held_out)


def recorded(source: PairSource) -> tuple[PairRecord, ...]:
    """What each part of a source is, and what of it was left out so far."""
    if isinstance(source, Mix):
        return tuple(record for part in source.parts for record in recorded(part))
    if not isinstance(source, FilePairs):
        return (PairRecord(id=source.id, pairs=len(source)),)
    skipped = source.skipped
    return (
        PairRecord(
            id=source.id,
            pairs=len(source),
            skipped=skipped.count,
            first_skipped=tuple(f"{printable(a)}: {printable(b)}" for a, b in skipped.first),
        ),
    )


def tell_skipped(source: PairSource, progress: Progress) -> None:
    """Say which rows were left out so far."""
    for record in recorded(source):
        if record.skipped:
            named = "; ".join(record.first_skipped)
            progress.say(f"{record.id}: {record.skipped} pairs are left out: {named}")


def _opened(spec: FileSpec, progress: Progress) -> FilePairs:
    progress.say(f"looking through {spec.where}")
    source = open_pairs(spec)
    tell_skipped(source, progress)
    return source


def _halves(source: FilePairs, seeds: Seeds) -> tuple[FilePairs, FilePairs]:
    """Two parts without a common picture; the second holds :data:`HELD_OUT_SHARE` of the pairs."""
    rng = seeds.numpy()
    _, picture, copies = np.unique(source.pictures(), return_inverse=True, return_counts=True)
    order = rng.permutation(len(copies))
    filled = np.cumsum(copies[order]) <= HELD_OUT_SHARE * len(source)
    held_out = np.isin(picture, order[filled])
    first, second = (rng.permutation(np.flatnonzero(side)) for side in (~held_out, held_out))
    return source.take(first), source.take(second)


def _sizes(
    sources: Sequence[PairSource], given: Sequence[float | None], made: float | None
) -> list[int]:
    sizes = [len(source) for source in sources]
    return counts(sizes, shares(sizes, given, made))


def _blend(
    sources: Sequence[FilePairs], taken: Sequence[int], more: Sequence[PairSource], seeds: Seeds
) -> PairSource:
    parts: list[PairSource] = [
        source if count == len(source) else source.take(_some(source, count, seeds.child(number)))
        for number, (source, count) in enumerate(zip(sources, taken, strict=True))
    ]
    parts += more
    return parts[0] if len(parts) == 1 else Mix(parts, seeds.child("order"))


def _some(source: PairSource, count: int, seeds: Seeds) -> np.ndarray:
    return seeds.numpy().permutation(len(source))[:count]


def _maker(spec: SyntheticSpec, device: str, progress: Progress) -> Make:
    if spec.model is None:
        return lambda count, seeds: SyntheticPairs(seeds.value, count)

    from clipguard.pairs.diffusion import Generator

    generator = Generator(Path(spec.model), device, progress)
    return lambda count, seeds: generator.pairs(seeds.value, count)
