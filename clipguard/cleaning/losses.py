"""The terms that cleaning minimises, as pure functions of unit-norm embeddings (B, D).

Computed in the precision of their inputs; distances near tau need float32 at least.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class ParTerms(NamedTuple):
    """PAR's loss and its parts, all scalars; only ``total`` is meant to be differentiated."""

    total: Tensor
    contrastive: Tensor
    image_drift: Tensor
    text_drift: Tensor


def clip_loss(image: Tensor, text: Tensor, scale: float) -> Tensor:
    """Symmetric InfoNCE: the mean of picture-to-text and text-to-picture cross-entropy, in nats.

    Args:
        image: (B, D) unit-norm.
        text: (B, D) unit-norm, row by row the captions of the pictures.
        scale: inverse temperature, a plain number: it is frozen.

    Source: arXiv 2103.00020.
    """
    logits = scale * image @ text.T
    labels = torch.arange(len(image), device=image.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def drift(a: Tensor, b: Tensor) -> Tensor:
    """Mean over the batch of the squared L2 distance; 0 equal, 2 orthogonal, 4 opposite."""
    return (a - b).square().sum(dim=-1).mean()


def answer_drift(image: Tensor, image_ref: Tensor, words: Tensor, scale: float) -> Tensor:
    """Mean over the batch of the divergence of the answers among ``words`` from the reference's.

    Kullback-Leibler, in nats: what counts of a move is what it changes about zero-shot answers.

    Args:
        image: (B, D) unit-norm embeddings of the student.
        image_ref: (B, D) embeddings of the delivered model for the same input.
        words: (C, D) unit-norm embeddings of concepts.
        scale: inverse temperature, frozen.

    Source: arXiv 1503.02531, at the model's own temperature.
    """
    ours, theirs = (
        F.log_softmax(scale * rows @ words.T.to(rows), dim=1) for rows in (image, image_ref)
    )
    return F.kl_div(ours, theirs, reduction="batchmean", log_target=True)


def par_loss(
    image: Tensor,
    text: Tensor,
    image_ref: Tensor,
    text_ref: Tensor,
    scale: float,
    *,
    tau: float,
    weight: float = 0.5,
) -> ParTerms:
    """Contrastive loss less the drift from the delivered model, while that drift is small.

    Each modality's drift counts while its batch mean is at most ``tau`` (0..4); above, its term is
    0 and so is its gradient.

    Args:
        image: (B, D) unit-norm embeddings of the student.
        text: (B, D) likewise, of the captions.
        image_ref: (B, D) embeddings of the delivered model for the same input, without gradient.
        text_ref: (B, D) likewise, of the captions.
        scale: inverse temperature, frozen.
        tau: drift at which pushing ends.
        weight: weight of each drift.

    Source: arXiv 2412.00727.
    """
    contrastive = clip_loss(image, text, scale)
    image_drift, text_drift = drift(image, image_ref), drift(text, text_ref)
    push = _gated(image_drift, tau) + _gated(text_drift, tau)
    return ParTerms(contrastive - weight * push, contrastive, image_drift, text_drift)


def _gated(distance: Tensor, tau: float) -> Tensor:
    return torch.where(distance <= tau, distance, torch.zeros_like(distance))
