"""Do pictures of a class lie nearer to its own text than to the texts of other classes?

The null permutes classes, not pictures: pictures of one class move together even in a network with
random weights, so only the assignment of whole classes to texts is exchangeable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata


@dataclass(frozen=True)
class Agreement:
    """``score`` mean reciprocal rank of the own text, 0..1; ``p_value`` one-sided; ``classes``."""

    score: float
    p_value: float
    classes: int


def class_agreement(
    similarity: np.ndarray, rng: np.random.Generator, permutations: int = 4999
) -> Agreement:
    """Permutation test of the diagonal of a class-by-class similarity matrix.

    The statistic is the mean reciprocal rank of the own text among all texts, after row and column
    means are taken off. Ranks let a model that knows a few of the words well show it, which a mean
    of cosines drowns in the words that it does not know.

    Args:
        similarity: (C, C); row: mean over the pictures of a class, column: text of a class.
        rng: source of the permutations.
        permutations: number of random assignments.

    Raises:
        ValueError: not square or fewer than 4 classes.
    """
    rows, columns = similarity.shape
    if rows != columns or rows < 4:
        raise ValueError(f"need a square matrix of at least 4 classes, got {similarity.shape}")
    centred = similarity - similarity.mean(0) - similarity.mean(1)[:, None] + similarity.mean()
    reciprocal = 1 / rankdata(-centred, axis=1)
    index = np.arange(rows)
    observed = float(reciprocal[index, index].mean())
    null = np.array([reciprocal[index, rng.permutation(rows)].mean() for _ in range(permutations)])
    p_value = (1 + int((null >= observed - 1e-12).sum())) / (permutations + 1)
    return Agreement(observed, p_value, rows)
