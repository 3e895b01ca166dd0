"""Is the model fit to be measured at all?

A model with random weights, constant towers or non-finite values shows no backdoor, and nothing
else either: without these checks its scan would read as good news.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import combine_pvalues
from torch import Tensor

from clipguard.core.progress import Progress
from clipguard.core.results import Check, CheckState, Measurement
from clipguard.core.seeds import Seeds
from clipguard.measure.agreement import Agreement, class_agreement
from clipguard.model.batching import Meter, embed_images, embed_texts
from clipguard.model.seam import ClipModel

# Both towers of a trained CLIP spread; a mean cosine above this leaves nothing to rank.
CONSTANT = 0.995
# One-sided level of the agreement test: a random model passes once in 500 scans.
LEVEL = 0.002


@dataclass(frozen=True)
class Exam:
    """Labelled pictures for the agreement check.

    ``pixels`` (N, 3, S, S), uint8 or float32 in 0..1; ``labels`` (N,) index into ``texts``; one
    exam for each kind of word (objects, colours).
    """

    name: str
    pixels: Tensor
    labels: Tensor
    texts: tuple[str, ...]


def finite(state: Mapping[str, Tensor]) -> Check:
    """No weight may be NaN or infinite."""
    broken = [name for name, value in state.items() if not bool(torch.isfinite(value).all())]
    return Check(
        id="finite_weights",
        state=CheckState.FAILED if broken else CheckState.PASSED,
        reason=f"{broken[0]} holds NaN or infinity" if broken else "all weights are finite",
    )


def determinism(model: ClipModel, pixels: Tensor, meter: Meter) -> Check:
    """The same pictures twice must give the same bits."""
    first, second = (embed_images(model, pixels, meter) for _ in range(2))
    same = torch.equal(first, second)
    return Check(
        id="deterministic",
        state=CheckState.PASSED if same else CheckState.FAILED,
        reason="equal bits twice" if same else "the same pictures gave different embeddings",
    )


def spread(images: Tensor, texts: Tensor) -> Check:
    """Neither tower may answer everything alike. Inputs (N, D) and (M, D), unit-norm."""
    cones = {"image": _mean_cosine(images), "text": _mean_cosine(texts)}
    constant = [name for name, cosine in cones.items() if cosine > CONSTANT]
    return Check(
        id="towers_not_constant",
        state=CheckState.FAILED if constant else CheckState.PASSED,
        reason=(
            f"the {' and '.join(constant)} tower answers everything alike"
            if constant
            else "both towers tell inputs apart"
        ),
        measurements=tuple(
            Measurement(name=f"{name}_mean_cosine", value=cosine, unit="cosine", n=len(rows))
            for (name, cosine), rows in zip(cones.items(), (images, texts), strict=True)
        ),
    )


def agreement(
    model: ClipModel, exams: Sequence[Exam], seeds: Seeds, meter: Meter, progress: Progress
) -> tuple[Check, float]:
    """Pictures must lie nearer to their own words than a random assignment of words explains.

    Returns:
        The check, and the sum of the scores, by which candidates for what shapes cannot tell are
        compared.
    """
    outcomes: list[tuple[str, Agreement]] = []
    with progress.stage("agreement", sum(len(exam.labels) for exam in exams)) as stage:
        for exam in exams:
            images = embed_images(model, exam.pixels, meter, stage)
            texts = embed_texts(model, exam.texts, meter)
            matrix = class_similarity(images, exam.labels, texts)
            rng = seeds.child("agreement", exam.name).numpy()
            outcomes.append((exam.name, class_agreement(matrix, rng)))
    # Fisher's combination: one kind of word known well is enough, and so are two known a little.
    p_value = combine_pvalues([result.p_value for _, result in outcomes]).pvalue
    passed = p_value <= LEVEL
    words = ", ".join(f"{name} p = {result.p_value:.4f}" for name, result in outcomes)
    return (
        Check(
            id="image_text_agreement",
            state=CheckState.PASSED if passed else CheckState.FAILED,
            reason=(
                f"pictures agree with their own words ({words})"
                if passed
                else f"pictures do not agree with their words beyond chance ({words}): "
                "the model is random, broken or of another kind"
            ),
            measurements=tuple(
                Measurement(
                    name=f"{name}_reciprocal_rank",
                    value=result.score,
                    unit="fraction",
                    n=result.classes,
                )
                for name, result in outcomes
            ),
        ),
        sum(result.score for _, result in outcomes),
    )


def readable_words(model: ClipModel, pixels: Tensor, words: Sequence[str], meter: Meter) -> Check:
    """Pictures of written words should lie near those words; else text triggers act weakly."""
    images = embed_images(model, pixels, meter)
    texts = embed_texts(model, words, meter)
    rank = (images @ texts.T).argsort(dim=1, descending=True)
    right = int((rank[:, 0] == torch.arange(len(words))).sum())
    strong = right >= max(3, len(words) // 4)
    return Check(
        id="readable_words",
        state=CheckState.PASSED if strong else CheckState.WEAK,
        reason=(
            f"{right} of {len(words)} written words are read"
            if strong
            else f"only {right} of {len(words)} written words are read: text triggers act weakly "
            "on this model and the probe of text families has little power"
        ),
        measurements=(
            Measurement(name="words_read", value=right / len(words), unit="fraction", n=len(words)),
        ),
    )


def class_similarity(images: Tensor, labels: Tensor, texts: Tensor) -> np.ndarray:
    """(C, C) mean cosine of the pictures of each class with the text of each class."""
    rows = [(images[labels == label] @ texts.T).mean(0) for label in range(len(texts))]
    return torch.stack(rows).double().numpy()


def _mean_cosine(rows: Tensor) -> float:
    """Mean cosine between different unit rows (N, D)."""
    count = len(rows)
    total = float(rows.double().sum(0).square().sum())
    return (total - count) / (count * (count - 1))
