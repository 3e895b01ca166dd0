"""The loss of guided cleaning: triggered copies go back to where the clean pictures were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from clipguard.cleaning.augment import mixtures, views
from clipguard.cleaning.batches import Batches
from clipguard.cleaning.engine import Frozen
from clipguard.cleaning.guides import Guides
from clipguard.cleaning.loop import Terms
from clipguard.cleaning.losses import answer_drift, clip_loss, drift
from clipguard.cleaning.options import GuidedSettings, TermWeights
from clipguard.cleaning.pool import Pool
from clipguard.cleaning.types import CleaningTask
from clipguard.core.seeds import Seeds
from clipguard.model.seam import ClipModel
from clipguard.pairs.types import PairBatch


@dataclass(frozen=True)
class Pull:
    """The loss of one step, a pure function of weights, step and pool.

    Args:
        pull_weight: weight of the pull.
        weights: weights of the other terms.
        reference: the delivered model.
        batches: the pairs.
        guides: replayed families; None when none fired.
        pool: inverted triggers.
        words: (C, D) embeddings of the vocabulary, among which answers are held.
        inverted: share of pictures that get an inverted trigger when there are guides as well.
        seeds: stream of what is mixed.
    """

    pull_weight: float
    weights: TermWeights
    reference: ClipModel
    batches: Batches
    guides: Guides | None
    pool: Pool
    words: Tensor
    inverted: float
    seeds: Seeds

    def __call__(self, model: ClipModel, step: int) -> Terms:
        """The terms of a step, counted from 0."""
        pairs = self.batches.at(step)
        home, clean = (tower.encode_image(pairs.pixels) for tower in (self.reference, model))
        pull = drift(model.encode_image(self._stamp(pairs.pixels, step)), home)
        total = self.pull_weight * pull + self._hold(clean, home, self.weights.distill)
        if self.weights.mixed:
            mixed = self._mix(pairs, step)
            between, where = (tower.encode_image(mixed) for tower in (model, self.reference))
            total = total + self._hold(between, where, self.weights.mixed)
        if self.weights.contrastive:
            text = self.reference.encode_text(pairs.texts)
            matched = clip_loss(clean, text, self.reference.spec.logit_scale)
            total = total + self.weights.contrastive * matched
        held = float(drift(clean, home).detach())
        return Terms(total, held, 0.0, float(pull.detach()), (clean, home))

    @property
    def searches(self) -> bool:
        """Whether inverted triggers are used at all."""
        return self.guides is None or self.inverted > 0

    def settling(self) -> Pull:
        """The same loss with the weight that the pull has once clean answers are won back."""
        return replace(self, pull_weight=self.weights.settling_pull_weight)

    def on_trial(self, seeds: Seeds) -> Pull:
        """The same loss with other draws and an empty pool."""
        guides = self.guides and replace(self.guides, seeds=seeds)
        pool = replace(self.pool, seeds=seeds.child("pool"), made=())
        return replace(self, guides=guides, pool=pool, seeds=seeds)

    def _hold(self, moved: Tensor, home: Tensor, weight: float) -> Tensor:
        """Embeddings (B, D) where the delivered model has them, and its answers as they are."""
        held = weight * drift(moved, home)
        if not self.weights.answers:
            return held
        answers = answer_drift(moved, home, self.words, self.reference.spec.logit_scale)
        return held + self.weights.answers * answers

    def _mix(self, pairs: PairBatch, step: int) -> Tensor:
        """Pictures between those of the batch: more to hold on to than there are pairs.

        Source: arXiv 2106.05237, where a student follows its teacher on mixtures.
        """
        seeds = self.seeds.child("mixed", step)
        smallest = self.weights.smallest_mixed_view
        return views(mixtures(pairs.pixels, seeds), pairs.keys, smallest, seeds.child("views"))

    def _stamp(self, pixels: Tensor, step: int) -> Tensor:
        if self.guides is None:
            return self.pool.stamp(pixels, step)
        cut = round(len(pixels) * self.inverted)
        if cut == 0:
            return self.guides.stamp(pixels, step)
        replayed = self.guides.stamp(pixels[cut:], step)
        return torch.cat([self.pool.stamp(pixels[:cut], step), replayed])


def pull_of(
    settings: GuidedSettings, task: CleaningTask, words: Tensor, targets: Sequence[int]
) -> Pull:
    """The loss for a task.

    With real pairs inversion also roams, so that it finds what the scan did not. On drawn pictures
    it would find shifts that are no backdoor.

    Args:
        settings: weights, and how inversion goes.
        task: the cleaning.
        words: (C, D) embeddings of its vocabulary.
        targets: the concepts, by their place in the vocabulary, that inversion is sent to.
    """
    seeds = task.seeds.child("train")
    size = task.model.spec.image_size
    weights = settings.synthetic if task.pairs.synthetic else settings.real

    def change(pixels: Tensor, keys: Sequence[str], epoch: Seeds) -> Tensor:
        return views(pixels, keys, weights.smallest_view, epoch)

    batches = Batches(task.pairs, size, settings.batch, seeds, change)
    reference = Frozen(task.reference, task.engine)
    guides = None
    if task.suspects:
        guides = Guides(task.suspects, settings.members_per_step, settings.fresh_instances, seeds)
    return Pull(
        pull_weight=settings.pull_weight,
        weights=weights,
        reference=reference,
        batches=batches,
        guides=guides,
        pool=Pool(
            settings=settings.inversion,
            batches=batches,
            reference=reference,
            targets=words[sorted(targets)],
            free=not task.pairs.synthetic,
            seeds=seeds.child("pool"),
        ),
        words=words,
        inverted=weights.inverted,
        seeds=seeds,
    )
