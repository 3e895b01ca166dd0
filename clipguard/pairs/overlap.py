"""Whether two sources share pictures: what a model was trained on must not grade it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

from clipguard.core.errors import InputError
from clipguard.core.progress import SILENT, Progress, Stage
from clipguard.pairs.types import PairSource

_AT_ONCE = 64


def require_apart(
    train: PairSource, evaluation: PairSource, image_size: int, progress: Progress = SILENT
) -> None:
    """Refuse to grade on pictures that were trained on, whatever their files are called.

    Pictures are compared by the digest of what the model sees of them, so that a copy in another
    lossless format is found as well. Both sources are decoded once; 16 bytes are kept for each
    picture of ``evaluation``.

    Args:
        train: pairs that cleaning uses.
        evaluation: pairs that the result is measured on.
        image_size: S of the model, in pixels.
        progress: where to report.

    Raises:
        InputError: they share a picture; it names the first.
    """
    with progress.stage("comparing pictures", len(train) + len(evaluation)) as stage:
        graded = dict(_digests(evaluation, image_size, stage))
        shared = [
            (key, graded[seen])
            for seen, key in _digests(train, image_size, stage)
            if seen in graded
        ]
    if shared:
        first, second = shared[0]
        raise InputError(
            "data.overlap",
            f"{len(shared)} of {len(train)} pictures to clean with are also among those to "
            f"evaluate on: {first} is {second}",
            where=evaluation.id,
            remedy="take them out of one of the two",
        )


def _digests(source: PairSource, image_size: int, stage: Stage) -> Iterator[tuple[bytes, str]]:
    for start in range(0, len(source), _AT_ONCE):
        batch = source.read(range(start, min(start + _AT_ONCE, len(source))), image_size)
        for picture, key in zip(batch.pixels, batch.keys, strict=True):
            data = (picture * 255).round().byte().numpy().tobytes()
            yield blake2b(data, digest_size=16).digest(), key
        stage.advance(len(batch.keys))
