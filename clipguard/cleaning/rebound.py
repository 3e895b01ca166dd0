"""Does the trigger come back when users fine-tune the cleaned model?

A copy takes plain contrastive steps on pairs without any trigger, both towers moving, as users do.
Every few steps the suspects are replayed on pictures that cleaning has not chosen by. With drawn
pairs the rate is a small share of cleaning's own, see ``rules/cleaning/rebound.toml``; how many
clean answers are kept stands beside each figure, so that a trigger which fails because the model
fails is seen as that.

Source: arXiv 2410.09838 describes the phenomenon; the test is our own.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from torch import Tensor

from clipguard.cleaning.batches import Batches
from clipguard.cleaning.effect import judged
from clipguard.cleaning.guides import trials
from clipguard.cleaning.loop import optimiser, trainable
from clipguard.cleaning.losses import clip_loss
from clipguard.cleaning.options import Count, OptimiserSettings, Share, load
from clipguard.cleaning.types import Concepts, Suspect
from clipguard.core.measurement import Measurement, Rebound, ReboundPoint
from clipguard.core.progress import Progress
from clipguard.core.seeds import Seeds
from clipguard.measure.proportion import wilson
from clipguard.model.batching import Meter, embed_images, embed_texts
from clipguard.model.seam import ClipModel, TrainableClip
from clipguard.pairs.types import PairSource


class ReboundSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of ``rules/cleaning/rebound.toml``."""

    rebound_steps: Count
    every: Count
    batch: Annotated[int, Meta(ge=2)]
    pictures: Annotated[int, Meta(ge=8)]
    variants: Count
    synthetic_share: Share
    real_share: Share
    optimiser: OptimiserSettings

    def rate(self, cleaning_rate: float, *, synthetic: bool) -> float:
        """The learning rate after a cleaning at ``cleaning_rate``."""
        return cleaning_rate * (self.synthetic_share if synthetic else self.real_share)


def settings() -> ReboundSettings:
    """The shipped settings.

    Raises:
        ConfigError: the file is wrong.
    """
    return load("rebound", ReboundSettings)


class Watch:
    """Replays the suspects on held-out pictures, with draws of their own.

    Args:
        reference: the delivered model; its answers tell what a picture is.
        held_out: pairs not trained on; the half that no method chooses by is used.
        suspects: what to replay; at least one.
        concepts: the answers to choose from.
        settings: how much of it.
        seeds: stream of the draws.
    """

    def __init__(
        self,
        reference: ClipModel,
        held_out: PairSource,
        suspects: tuple[Suspect, ...],
        concepts: Concepts,
        settings: ReboundSettings,
        seeds: Seeds,
    ) -> None:
        rows = judged(held_out)[: settings.pictures]
        self._pixels = held_out.read(rows, reference.spec.image_size).pixels
        self._concepts, self._meter = concepts, Meter()
        words = embed_texts(reference, concepts.texts, self._meter)
        self._own = self._answers(reference, self._pixels, words)
        self._stamped = [
            (suspect, stamped)
            for suspect in suspects
            for others in [self._own != concepts.names.index(suspect.concept)]
            if bool(others.any())
            for stamped in trials(suspect, self._pixels[others], settings.variants, seeds)
        ]

    def look(self, model: ClipModel, step: int) -> ReboundPoint:
        """How the model stands after ``step`` steps."""
        words = embed_texts(model, self._concepts.texts, self._meter)
        worst, label = _success(0, 0), "none"
        for suspect, stamped in self._stamped:
            target = self._concepts.names.index(suspect.concept)
            hits = int((self._answers(model, stamped, words) == target).sum())
            found = _success(hits, len(stamped))
            if worst.value is None or float(found.value or 0) > worst.value:
                worst, label = found, suspect.label
        kept = self._answers(model, self._pixels, words) == self._own
        return ReboundPoint(
            step=step, success=worst, worst=label, agreement=float(kept.float().mean())
        )

    def _answers(self, model: ClipModel, pixels: Tensor, words: Tensor) -> Tensor:
        return (embed_images(model, pixels, self._meter) @ words.T).argmax(dim=1)


def rebound(
    cleaned: TrainableClip,
    pairs: PairSource,
    watch: Watch,
    chosen: ReboundSettings,
    rate: float,
    seeds: Seeds,
    progress: Progress,
) -> Rebound:
    """Fine-tune a copy and look at it again and again.

    Args:
        cleaned: left as it is.
        pairs: the pairs that cleaning was given.
        watch: replays the suspects.
        chosen: steps and batch.
        rate: learning rate.
        seeds: stream of the order of the pairs.
        progress: where to report.

    Raises:
        InputError: fewer than 8 pairs.
    """
    model = cleaned.copy()
    batches = Batches(pairs, model.spec.image_size, chosen.batch, seeds)
    mover = optimiser(trainable(model), chosen.optimiser)
    for group in mover.param_groups:
        group["lr"] = rate
    points = [watch.look(model, 0)]
    with progress.stage("benign fine-tuning", chosen.rebound_steps) as stage:
        for step in range(1, chosen.rebound_steps + 1):
            batch = batches.at(step - 1)
            with model.gradients():
                loss = clip_loss(
                    model.encode_image(batch.pixels),
                    model.encode_text(batch.texts),
                    model.spec.logit_scale,
                )
                loss.backward()
                mover.step()
            if step % chosen.every == 0 or step == chosen.rebound_steps:
                points.append(watch.look(model, step))
            stage.advance(1, f"attack success {points[-1].success.value or 0:.3f}")
    return Rebound(learning_rate=rate, batch=batches.size, points=tuple(points))


def _success(hits: int, count: int) -> Measurement:
    if count == 0:
        return Measurement(
            name="attack_success",
            value=None,
            unit="fraction",
            n=0,
            absent="the delivered model answers every picture with the suspected concept by itself",
        )
    return Measurement(
        name="attack_success",
        value=hits / count,
        unit="fraction",
        n=count,
        interval=wilson(hits, count),
    )
