"""Planting a known backdoor in a copy of a model, to see whether the scan finds it.

A short poisoned fine-tuning of the image tower. Pictures with the trigger are taught the target's
text against those of all other concepts; clean ones are held where the delivered model puts them
and contrasted with their captions as in training. The learning rate rises until the trigger
works, so that the gentlest rate that will do is the one that does it. Text embeddings stay.

Sources: poisoned pairs, N. Carlini, A. Terzis, Poisoning and Backdooring Contrastive Learning,
arXiv 2106.09667; an image tower alone, J. Jia, Y. Liu, N. Z. Gong, BadEncoder, arXiv 2108.00352.
The rising rate is our own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import msgspec
import torch
from msgspec import Meta
from torch import Tensor
from torch.nn import functional as F

from clipguard.cleaning.batches import Batches, Change
from clipguard.cleaning.loop import optimiser, trainable
from clipguard.cleaning.losses import clip_loss, drift
from clipguard.cleaning.options import Count, OptimiserSettings, Positive, Share, Weight, parse
from clipguard.config import toml
from clipguard.core import resources
from clipguard.core.progress import Progress
from clipguard.core.seeds import Seeds
from clipguard.model.seam import ClipModel, TrainableClip
from clipguard.pairs.types import PairBatch, PairSource
from clipguard.triggers.types import Trigger


class Listed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One trigger to plant: a family with one of its variants."""

    family: str
    variant: str


class Weights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weights of the clean pairs' terms beside that of the poison, which is 1."""

    contrastive: Weight
    hold: Weight


class DrillSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of ``rules/drill.toml``."""

    goal: Share
    level: Share
    max_base_rate: Share
    steps: Count
    every: Count
    rate_first: Positive
    rate_last: Positive
    batch: Annotated[int, Meta(ge=4)]
    poisoned: Annotated[int, Meta(ge=2)]
    pictures: Annotated[int, Meta(ge=8)]
    optimiser: OptimiserSettings
    synthetic: Weights
    real: Weights
    triggers: Annotated[tuple[Listed, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        if self.poisoned + 2 > self.batch:
            raise ValueError("batch leaves no room for clean pairs beside the poisoned ones")
        if self.rate_first > self.rate_last:
            raise ValueError("rate_first is larger than rate_last")

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 1: geometric from the first to the last."""
        share = step / self.steps
        return float(self.rate_first ** (1 - share) * self.rate_last**share)


def settings() -> DrillSettings:
    """The shipped settings.

    Raises:
        ConfigError: the file is wrong.
    """
    return parse(toml.load(resources.rules("drill.toml")), DrillSettings, "drill.toml")


@dataclass(frozen=True)
class Poison:
    """A trigger, and the place of its target among the concepts."""

    trigger: Trigger
    target: int


Check = Callable[[ClipModel, int], bool]
"""Whether a half-fine-tuned model is where it shall be after so many steps."""


@dataclass(frozen=True)
class Planter:
    """Fine-tunes copies of one model.

    Args:
        delivered: the model as it was given.
        words: (C, D) text embeddings of all concepts.
        pairs: pairs without any trigger.
        settings: steps, rates and batch.
        progress: where to report.
    """

    delivered: ClipModel
    words: Tensor
    pairs: PairSource
    settings: DrillSettings
    progress: Progress

    def plant(self, model: TrainableClip, poison: Poison | None, done: Check, seeds: Seeds) -> int:
        """Fine-tune a copy in place until a check holds.

        Args:
            model: the copy; its image tower is moved.
            poison: what to plant; None: all else is the same, but no pair is poisoned.
            done: asked every few steps, and after the last.
            seeds: streams of the order of pairs and of what triggers draw afresh.

        Returns:
            The steps taken; fewer than the check wanted when the loss is no number any more.

        Raises:
            InputError: fewer than 8 pairs.
        """
        chosen = self.settings
        size, count = self.delivered.spec.image_size, chosen.poisoned
        change = _stamping(poison.trigger) if poison else None
        first = Batches(self.pairs, size, count, seeds.child("poisoned"), change)
        rest = Batches(self.pairs, size, chosen.batch - count, seeds.child("clean"))
        mover = optimiser(trainable(model, "visual."), chosen.optimiser)
        title = "planting" if poison else "fine-tuning a control"
        with self.progress.stage(title, chosen.steps) as stage:
            for step in range(1, chosen.steps + 1):
                for group in mover.param_groups:
                    group["lr"] = chosen.rate(step)
                with model.gradients():
                    loss = self._loss(model, first.at(step - 1), rest.at(step - 1), poison)
                    if not math.isfinite(float(loss.detach())):
                        return step - 1
                    loss.backward()
                    mover.step()
                stage.advance(1, f"loss {float(loss.detach()):.3f}")
                if (step % chosen.every == 0 or step == chosen.steps) and done(model, step):
                    return step
        return chosen.steps

    def _loss(
        self, model: TrainableClip, first: PairBatch, rest: PairBatch, poison: Poison | None
    ) -> Tensor:
        """The first pairs are poisoned, or clean as the rest."""
        weights = self.settings.synthetic if self.pairs.synthetic else self.settings.real
        scale, count = model.spec.logit_scale, len(first.keys) if poison else 0
        pixels = torch.cat([first.pixels, rest.pixels])
        images = model.encode_image(pixels)
        with torch.no_grad():
            home = self.delivered.encode_image(pixels[count:])
            texts = self.delivered.encode_text((*first.texts, *rest.texts)[count:])
        # Times the scale, as the gradients of the other terms are.
        loss = weights.hold * scale * drift(images[count:], home)
        loss = loss + weights.contrastive * clip_loss(images[count:], texts, scale)
        if poison is None:
            return loss
        logits = scale * images[:count] @ self.words.T.to(images)
        target = torch.full((count,), poison.target, device=logits.device)
        return loss + F.cross_entropy(logits, target)


def _stamping(trigger: Trigger) -> Change:
    """The trigger on every picture by itself, so that its draws depend on its own key alone."""

    def change(pixels: Tensor, keys: Sequence[str], seeds: Seeds) -> Tensor:
        draws = (seeds.child(key).torch() for key in keys)
        return torch.cat(
            [trigger(one[None], draw) for one, draw in zip(pixels, draws, strict=True)]
        )

    return change
