"""How far did embeddings move, and how much of that is one common rotation?"""

from __future__ import annotations

import torch
from torch import Tensor

# Share of identity mixed in: directions that no sample shows are left where they are.
RIDGE = 1e-6


def rotation(a: Tensor, b: Tensor) -> Tensor:
    """The orthogonal (D, D) float64 matrix Q that brings ``a @ Q`` nearest to ``b``.

    Args:
        a: (N, D).
        b: (N, D).

    Source: P. H. Schönemann, Psychometrika 31 (1966), 1-10.
    """
    a, b = a.double(), b.double()
    if len(a) + len(b) >= a.shape[1]:
        return _nearest(a.T @ b)
    # Few rows span few directions, and all others stay: the same matrix for a fraction of the work.
    basis, _ = torch.linalg.qr(torch.cat([a, b]).T)
    inside = _nearest((a @ basis).T @ (b @ basis))
    turned: Tensor = basis @ (inside - torch.eye(len(inside), dtype=a.dtype)) @ basis.T
    return torch.eye(len(basis), dtype=a.dtype) + turned


def _nearest(cross: Tensor) -> Tensor:
    """The orthogonal matrix nearest to (D, D) ``cross``, but for the ridge."""
    scale = RIDGE * float(cross.norm())
    identity = torch.eye(len(cross), dtype=cross.dtype)
    left, _, right = torch.linalg.svd(cross + scale * identity)
    nearest: Tensor = left @ right
    return nearest


def mean_distance(a: Tensor, b: Tensor) -> float:
    """Mean squared L2 distance of rows (N, D); 0..4 for unit vectors."""
    return float((a.double() - b.double()).square().sum(dim=1).mean())


def aligned_distance(a: Tensor, b: Tensor, fit_a: Tensor, fit_b: Tensor) -> float:
    """Mean squared L2 distance of ``a`` and ``b`` after a rotation fitted on *other* rows.

    Fitting and measuring on the same rows would rotate any difference away once there are fewer
    rows than dimensions. Fitted elsewhere, the figure errs towards too large; it never exceeds the
    distance without rotation.

    Args:
        a: (N, D) embeddings of one model.
        b: (N, D) of the other, for the same input.
        fit_a: (M, D) embeddings of the first model for other input.
        fit_b: (M, D) of the second.
    """
    rotated = mean_distance(a.double() @ rotation(fit_a, fit_b), b)
    return min(rotated, mean_distance(a, b))
