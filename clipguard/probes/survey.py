"""One pass over image-text pairs: what several models make of every picture, clean and triggered.

Only embeddings are kept, so that memory does not grow with the size of the pictures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from clipguard.core.progress import Stage
from clipguard.core.seeds import Seeds
from clipguard.model.batching import IMAGE_BATCH, Meter, embed_images
from clipguard.model.seam import ClipModel
from clipguard.pairs.types import PairSource
from clipguard.triggers.types import Trigger


@dataclass(frozen=True)
class Survey:
    """N pairs as seen by each model.

    ``pictures`` (N,) int64 numbers the distinct pictures in the order of their first pair: rows of
    one picture with several captions share a number. ``clean`` holds (N, D) unit-norm embeddings
    for each model, ``triggered`` the same for each trigger by name. ``sha256`` is that of all
    pictures and captions in order.
    """

    texts: tuple[str, ...]
    keys: tuple[str, ...]
    pictures: np.ndarray
    clean: tuple[Tensor, ...]
    triggered: Mapping[str, tuple[Tensor, ...]]
    sha256: str

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.texts)

    @property
    def first(self) -> np.ndarray:
        """(M,) int64: the first pair of each distinct picture."""
        return np.unique(self.pictures, return_index=True)[1]


@dataclass
class _Notes:
    texts: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    seen: dict[bytes, int] = field(default_factory=dict)
    total: hashlib._Hash = field(default_factory=hashlib.sha256)

    def add(self, pixels: Tensor, texts: Sequence[str], keys: Sequence[str]) -> None:
        for picture, text in zip(pixels, texts, strict=True):
            digest = hashlib.sha256((picture * 255).round().byte().numpy().tobytes()).digest()
            self.pictures.append(self.seen.setdefault(digest, len(self.seen)))
            self.total.update(digest + hashlib.sha256(text.encode("utf-8", "replace")).digest())
        self.texts += texts
        self.keys += keys


def survey(
    models: Sequence[ClipModel],
    source: PairSource,
    rows: Sequence[int],
    triggers: Mapping[str, Trigger],
    seeds: Seeds,
    stage: Stage,
) -> Survey:
    """Embed pairs with every model.

    Args:
        models: at least one; all of the same input size.
        source: the pairs.
        rows: which of them, at least one.
        triggers: what to stamp on copies of every picture, by name.
        seeds: stream of what triggers draw afresh.
        stage: advanced by pairs.

    Raises:
        InputError: too many pictures cannot be used.
    """
    size, meter, notes = models[0].spec.image_size, Meter(), _Notes()
    parts: dict[str, list[list[Tensor]]] = {name: [[] for _ in models] for name in ("", *triggers)}
    for start in range(0, len(rows), IMAGE_BATCH):
        batch = source.read(rows[start : start + IMAGE_BATCH], size)
        notes.add(batch.pixels, batch.texts, batch.keys)
        for name, found in parts.items():
            draws = seeds.child(name, start).torch()
            pixels = triggers[name](batch.pixels, draws) if name else batch.pixels
            for part, model in zip(found, models, strict=True):
                part.append(embed_images(model, pixels, meter))
        stage.advance(len(batch.texts))
    whole = {name: tuple(map(torch.cat, found)) for name, found in parts.items()}
    return Survey(
        texts=tuple(notes.texts),
        keys=tuple(notes.keys),
        pictures=np.array(notes.pictures, dtype=np.int64),
        clean=whole.pop(""),
        triggered=whole,
        sha256=notes.total.hexdigest(),
    )
