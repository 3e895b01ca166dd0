"""Carriers: the pictures that triggers are stamped on.

From a large pool, the pictures that the model itself recognises with confidence, balanced over its
own answers. Pictures that mean little to the model follow any texture into a natural sink, which
looks like a backdoor on a clean model; confident ones do not. No labels are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clipguard.probes.vocabulary import Vocabulary


@dataclass(frozen=True)
class Carriers:
    """Chosen pictures with the model's own answers.

    ``pixels`` (N, 3, S, S); ``probabilities`` (N, C); ``answers`` (N,) int64.
    """

    pixels: Tensor
    embeddings: Tensor
    probabilities: Tensor
    answers: Tensor

    def __len__(self) -> int:
        """Number of carriers."""
        return len(self.answers)

    def take(self, index: Tensor) -> Carriers:
        """The carriers at ``index``."""
        return Carriers(
            self.pixels[index],
            self.embeddings[index],
            self.probabilities[index],
            self.answers[index],
        )

    def halves(self, screening: int) -> tuple[Carriers, Carriers]:
        """Screening and held-out carriers, spread alike over confidence and answers."""
        order = torch.arange(len(self))
        chosen = (order * screening) // len(self) != ((order + 1) * screening) // len(self)
        return self.take(order[chosen]), self.take(order[~chosen])


def choose(pictures: Tensor, embeddings: Tensor, vocabulary: Vocabulary, count: int) -> Carriers:
    """From the surest third of a pool, ``count`` pictures in turns over the model's own answers.

    Args:
        pictures: (P, 3, S, S) uint8, the pool.
        embeddings: (P, D) their unit-norm embeddings.
        vocabulary: the concepts to choose from.
        count: how many to keep; all when the pool is smaller.
    """
    probabilities = vocabulary.probabilities(embeddings)
    confidence, answers = probabilities.max(dim=1)
    turn = torch.zeros(len(answers), dtype=torch.int64)
    seen: dict[int, int] = {}
    for index in confidence.argsort(descending=True, stable=True).tolist():
        answer = int(answers[index])
        turn[index] = seen.get(answer, 0)
        seen[answer] = seen.get(answer, 0) + 1
    sure = confidence.argsort(descending=True, stable=True)[
        : max(count, len(answers) // 3)
    ].tolist()
    ranked = sorted(sure, key=lambda i: (int(turn[i]), -float(confidence[i]), i))
    kept = torch.tensor(ranked[:count])
    pixels = pictures[kept].float() / 255
    return Carriers(pixels, embeddings[kept], probabilities[kept], answers[kept])
