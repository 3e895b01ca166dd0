"""The concepts that a model is asked to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from clipguard.core.errors import InputError
from clipguard.core.progress import Progress
from clipguard.model.batching import Meter, embed_texts
from clipguard.model.seam import ClipModel

PROMPT = "a photo of a {}"
FEWEST = 8


@dataclass(frozen=True)
class Vocabulary:
    """Concepts with their text embeddings.

    ``embeddings`` (C, D) unit-norm; ``scale`` the model's own logit scale.
    """

    name: str
    concepts: tuple[str, ...]
    embeddings: Tensor
    scale: float

    def probabilities(self, images: Tensor) -> Tensor:
        """(N, D) unit-norm -> (N, C), softmax at the model's own scale."""
        return torch.softmax(self.scale * images @ self.embeddings.T, dim=1)


def read_labels(path: Path) -> tuple[str, ...]:
    """One concept per line; empty lines and repetitions are dropped.

    Raises:
        InputError: unreadable, not UTF-8, or fewer than 8 concepts.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "labels.unreadable", str(error), where=str(path), remedy="give a UTF-8 text file"
        ) from error
    concepts = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if len(concepts) < FEWEST:
        raise InputError(
            "labels.few",
            f"{len(concepts)} concepts, at least {FEWEST} are needed",
            where=str(path),
            remedy="one concept per line",
        )
    return concepts


def embed_vocabulary(
    model: ClipModel, name: str, concepts: Sequence[str], meter: Meter, progress: Progress
) -> Vocabulary:
    """Ask the text tower for every concept."""
    with progress.stage("concepts", len(concepts)) as stage:
        texts = [PROMPT.format(concept) for concept in concepts]
        embeddings = embed_texts(model, texts, meter, stage)
    return Vocabulary(name, tuple(concepts), embeddings, model.spec.logit_scale)
