"""The pictures that a scan asks the model about: drawn by clipguard, or the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clipguard.core.errors import InputError
from clipguard.core.progress import Progress
from clipguard.core.seeds import Seeds
from clipguard.model.batching import IMAGE_BATCH
from clipguard.pairs import supply
from clipguard.pairs.folder import read_pictures
from clipguard.pairs.spec import FileSpec
from clipguard.pairs.synthetic import (
    SyntheticPairs,
    colours,
    nouns,
    probe_scenes,
    render,
    word_scene,
)
from clipguard.pairs.types import PairSource
from clipguard.probes.validity import Exam
from clipguard.probes.vocabulary import PROMPT

PER_WORD = {"objects": 4, "colours": 8}
WORDS = ("banana", "dog", "car", "house", "pizza", "guitar", "clock", "ship", "tree", "king")


def exams(image_size: int, seeds: Seeds) -> tuple[Exam, ...]:
    """Drawn objects under their nouns, and under their colours."""
    return (
        _exam("objects", [(noun, None) for noun in nouns()], PROMPT, image_size, seeds),
        _exam(
            "colours", [(None, colour) for colour in colours()], "a {} object", image_size, seeds
        ),
    )


def _exam(
    name: str, wanted: list[tuple[str | None, str | None]], prompt: str, size: int, seeds: Seeds
) -> Exam:
    pictures, labels = [], []
    for label, (noun, colour) in enumerate(wanted):
        seed = seeds.child("exam", name, label).value
        for scene in probe_scenes(noun, colour, PER_WORD[name], seed):
            pictures.append(render(scene, size))
            labels.append(label)
    texts = tuple(prompt.format(noun or colour) for noun, colour in wanted)
    return Exam(name, to_bytes(pictures), torch.tensor(labels), texts)


def words(image_size: int) -> tuple[Tensor, tuple[str, ...]]:
    """Pictures of written words, (N, 3, S, S) uint8, with the words."""
    return to_bytes([render(word_scene(word), image_size) for word in WORDS]), WORDS


def source(
    images: Path | None, data: Sequence[FileSpec], seeds: Seeds, count: int, progress: Progress
) -> PairSource:
    """The user's pictures or pairs, else drawn ones of this seed.

    Raises:
        InputError: they cannot be used, or are fewer than 64.
    """
    if images is not None:
        given: PairSource = read_pictures(images)
    elif data:
        given = supply.open_all(data, seeds.child("pool"), progress)
    else:
        return SyntheticPairs(seeds.child("pool").value, count)
    if len(given) < 64:
        raise InputError(
            "data.too_few_pairs",
            f"{len(given)} pictures, at least 64 are needed",
            where=given.id,
            remedy="give more pictures or leave the option out",
        )
    return given


def pool(pairs: PairSource, count: int, image_size: int) -> Iterator[Tensor]:
    """The first ``count`` pictures in batches, (B, 3, S, S) float32 in 0..1."""
    total = min(count, len(pairs))
    for start in range(0, total, IMAGE_BATCH):
        indices = range(start, min(start + IMAGE_BATCH, total))
        yield pairs.read(list(indices), image_size).pixels


def to_bytes(pictures: Sequence[np.ndarray]) -> Tensor:
    """N pictures (S, S, 3) uint8 -> (N, 3, S, S) uint8."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
