"""Retrieval: is a matching picture, or a matching caption, among the nearest?

Figures carry the names of CLIP_benchmark's task ``zeroshot_retrieval``: a query is a hit when at
least one match is among its ``k`` nearest. A picture may have several captions. Other than there, a
caption that several pictures share is one caption that matches all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from clipguard.measure.bootstrap import Sample, sample

DEPTHS = (1, 5, 10)
_CHUNK = 1024  # queries compared with everything at once


def recalls(
    images: Tensor, texts: Tensor, pictures: np.ndarray, captions: np.ndarray
) -> Mapping[str, Sample]:
    """``image_retrieval_recall@k`` over captions, ``text_retrieval_recall@k`` over pictures.

    Depths that reach all candidates are left out: they would be 1 whatever the model does.

    Args:
        images: (M, D) unit-norm embeddings of distinct pictures.
        texts: (T, D) likewise, of distinct captions.
        pictures: (P,) index of the picture of each pair.
        captions: (P,) index of the caption of each pair.
    """
    by_text = _ranks(texts, images, captions, pictures)
    by_image = _ranks(images, texts, pictures, captions)
    # Captions of one picture are hit or missed together; one that several share goes to its first.
    first = np.full(len(texts), len(images))
    np.minimum.at(first, captions, pictures)
    found = {}
    for k in DEPTHS:
        if k < len(images):
            found[f"image_retrieval_recall@{k}"] = sample(by_text < k, first)
        if k < len(texts):
            found[f"text_retrieval_recall@{k}"] = sample(by_image < k)
    return found


def _ranks(queries: Tensor, candidates: Tensor, query: np.ndarray, match: np.ndarray) -> np.ndarray:
    """For each query, how many other candidates are at least as near as its nearest match."""
    parts = []
    for start, scores in _scores(queries, candidates):
        here = (query >= start) & (query < start + len(scores))
        own = torch.zeros(scores.shape, dtype=torch.bool)
        own[query[here] - start, match[here]] = True
        best = scores.masked_fill(~own, -torch.inf).amax(dim=1, keepdim=True)
        parts.append(((scores >= best) & ~own).sum(dim=1))
    return torch.cat(parts).numpy()


def _scores(queries: Tensor, candidates: Tensor) -> Iterator[tuple[int, Tensor]]:
    for start in range(0, len(queries), _CHUNK):
        yield start, queries[start : start + _CHUNK] @ candidates.T
