"""Zero-shot classification: does a picture lie nearest to the text of its own class?

Figures carry the names of CLIP_benchmark's task ``zeroshot_classification``.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from clipguard.measure.bootstrap import Sample, sample

TOP = (1, 5)


def class_ranks(similarity: Tensor, labels: Tensor) -> Tensor:
    """How many other classes are at least as near as the own one; (N,) int64, 0 is best.

    Ties count against the model, so that a collapsed one, whose embeddings are all alike, knows
    nothing.

    Args:
        similarity: (N, C) of pictures and class texts.
        labels: (N,) int64, the own class of each picture.
    """
    own = similarity.gather(1, labels.view(-1, 1))
    return (similarity >= own).sum(dim=1) - 1


def accuracies(similarity: Tensor, labels: Tensor) -> Mapping[str, Sample]:
    """``acc1``, ``acc5`` where there are more than 5 classes, and ``mean_per_class_recall``.

    Args:
        similarity: (N, C) of pictures and class texts, at least one.
        labels: (N,) int64, the own class of each picture.
    """
    ranks = class_ranks(similarity, labels).numpy()
    found = {f"acc{top}": sample(ranks < top) for top in TOP if top < similarity.shape[1]}
    counts = torch.bincount(labels, minlength=similarity.shape[1]).numpy()
    # A class weighs the same however many pictures it has; the weights add up to N.
    weights = len(labels) / (int((counts > 0).sum()) * counts[labels.numpy()])
    return {**found, "mean_per_class_recall": sample(ranks < 1, weights=weights)}
