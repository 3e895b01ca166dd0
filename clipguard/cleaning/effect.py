"""What cleaning did to a model, on pictures that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clipguard.cleaning.types import Concepts, Suspect
from clipguard.core.results import Measurement
from clipguard.core.seeds import Seeds
from clipguard.measure.alignment import aligned_distance, mean_distance
from clipguard.measure.proportion import wilson
from clipguard.model.batching import Meter, embed_images, embed_texts
from clipguard.model.seam import ClipModel
from clipguard.pairs.types import PairBatch, PairSource
from clipguard.triggers import build


def development(held_out: PairSource) -> list[int]:
    """The half of the held-out pairs that a method may choose by."""
    return _shuffled(len(held_out))[0::2]


def judged(held_out: PairSource) -> list[int]:
    """The other half, which only :func:`effect` sees."""
    return _shuffled(len(held_out))[1::2]


def effect(
    model: ClipModel,
    reference: ClipModel,
    held_out: PairSource,
    suspects: Sequence[Suspect],
    concepts: Concepts,
    seeds: Seeds,
) -> tuple[Measurement, ...]:
    """Attack success, agreement and drift of ``model`` against the delivered ``reference``.

    For every suspect, named ``family:concept``: ``attack_success`` is the share of pictures
    answered with the suspected concept once its strongest variant is stamped on them, ``base_rate``
    the same without the trigger. Both leave out the pictures that the delivered model answers so
    by itself. ``agreement`` is the share of clean pictures with the delivered model's answer.
    Drifts are mean squared L2 distances of unit embeddings, raw and after the one rotation that
    explains most of it.

    Give the delivered model twice to measure what was there before.

    Args:
        model: the model judged.
        reference: the delivered model.
        held_out: pairs that were not trained on; the half that no method chooses by is used.
        suspects: what to replay.
        concepts: the answers to choose from.
        seeds: stream of the draws.

    Raises:
        ValueError: fewer than four held-out pairs.
    """
    rows = judged(held_out)
    if len(rows) < 2:
        raise ValueError(f"{len(held_out)} held-out pairs; at least 4 are needed")
    pairs = held_out.read(rows, model.spec.image_size)
    meter = Meter()
    images = embed_images(model, pairs.pixels, meter), embed_images(reference, pairs.pixels, meter)
    texts = embed_texts(model, pairs.texts, meter), embed_texts(reference, pairs.texts, meter)
    words = embed_texts(model, concepts.texts, meter)
    own = (images[1] @ embed_texts(reference, concepts.texts, meter).T).argmax(dim=1)
    clean = (images[0] @ words.T).argmax(dim=1)
    found: list[Measurement] = []
    for suspect in suspects:
        target = concepts.names.index(suspect.concept)
        stamped = _stamped(suspect, pairs, seeds)
        answers = (embed_images(model, stamped, meter) @ words.T).argmax(dim=1)
        name = f"{suspect.rule.id}:{suspect.concept}"
        others = own != target
        found += [
            _share(f"attack_success:{name}", answers[others] == target),
            _share(f"base_rate:{name}", clean[others] == target),
        ]
    return (*found, _share("agreement", clean == own), *_drifts(images, texts))


def _shuffled(count: int) -> list[int]:
    """One order for each count: sources sorted by class must not decide what the halves hold."""
    order: list[int] = Seeds(0).child("halves", count).numpy().permutation(count).tolist()
    return order


def _stamped(suspect: Suspect, pairs: PairBatch, seeds: Seeds) -> Tensor:
    variant = suspect.variants[0]
    trigger = build(suspect.rule, variant, pairs.pixels.shape[-1], suspect.instance)
    draws = seeds.child("effect", suspect.rule.id, variant.id)
    return trigger(pairs.pixels, draws.torch())


def _share(name: str, hits: Tensor) -> Measurement:
    count, n = int(hits.sum()), len(hits)
    if n == 0:
        return Measurement(
            name=name,
            value=None,
            unit="fraction",
            n=0,
            absent="the delivered model answers every picture with this concept by itself",
        )
    return Measurement(name=name, value=count / n, unit="fraction", n=n, interval=wilson(count, n))


def _drifts(images: tuple[Tensor, Tensor], texts: tuple[Tensor, Tensor]) -> tuple[Measurement, ...]:
    """One rotation serves both towers, since only a common one leaves their agreement as it is."""
    both = tuple(
        torch.cat([image[0::2], text[0::2]]) for image, text in zip(images, texts, strict=True)
    )
    aligned = aligned_distance(images[0][1::2], images[1][1::2], both[0], both[1])
    raw = mean_distance(*images)
    return (
        _distance("image_drift", raw, len(images[0])),
        _distance("image_drift_aligned", aligned, len(images[0][1::2])),
        _distance("text_drift", mean_distance(*texts), len(texts[0])),
    )


def _distance(name: str, value: float, n: int) -> Measurement:
    return Measurement(name=name, value=value, unit="squared_distance", n=n)
