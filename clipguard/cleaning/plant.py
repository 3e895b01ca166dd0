"""Planting a known backdoor in a copy of a model, to see whether the scan finds it.

A short poisoned fine-tuning of the image tower: contrastive steps on pairs of which some carry the
trigger and captions of the target, while clean pictures are held near where the delivered model
puts them. The learning rate rises until the trigger works, so that the gentlest rate that will do
is the one that does it. Text embeddings stay as they are.

Source: the poisoning is that of arXiv 2106.09667 (N. Carlini, A. Terzis, Poisoning and Backdooring
Contrastive Learning); the rising rate and the hold are our own.
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

from clipguard.cleaning.batches import Batches, Change
from clipguard.cleaning.loop import optimiser, trainable
from clipguard.cleaning.losses import clip_loss, drift
from clipguard.cleaning.options import Count, OptimiserSettings, Positive, Share, Weight, parse
from clipguard.config import toml
from clipguard.core import resources
from clipguard.core.progress import Progress
from clipguard.core.seeds import Seeds
from clipguard.model.seam import ClipModel, TrainableClip
from clipguard.pairs.types import PairSource
from clipguard.triggers.types import Trigger


class Listed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One trigger to plant: a family with one of its variants."""

    family: str
    variant: str


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weight of the drift of clean pictures, by whose the pairs are."""

    synthetic: Weight
    real: Weight


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
    captions: Annotated[tuple[str, ...], Meta(min_length=1)]
    optimiser: OptimiserSettings
    hold: Hold
    triggers: Annotated[tuple[Listed, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        if self.poisoned + 2 > self.batch:
            raise ValueError("batch leaves no room for clean pairs beside the poisoned ones")
        if self.rate_first > self.rate_last:
            raise ValueError("rate_first is larger than rate_last")

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 1: geometric from the first to the last."""
        share = step / self.steps
        return self.rate_first ** (1 - share) * self.rate_last**share


def settings() -> DrillSettings:
    """The shipped settings.

    Raises:
        ConfigError: the file is wrong.
    """
    return parse(toml.load(resources.rules("drill.toml")), DrillSettings, "drill.toml")


@dataclass(frozen=True)
class Poison:
    """What poisoned pairs carry: a trigger, and one of these captions each."""

    trigger: Trigger
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Planted:
    """How planting went: steps taken, and whether what it was after came about."""

    steps: int
    reached: bool


Check = Callable[[ClipModel, int], bool]
"""Whether a half-fine-tuned model is where it shall be after so many steps."""


@dataclass(frozen=True)
class Planter:
    """Fine-tunes copies of one model.

    Args:
        delivered: the model as it was given.
        pairs: pairs without any trigger.
        settings: steps, rates and batch.
        progress: where to report.
    """

    delivered: ClipModel
    pairs: PairSource
    settings: DrillSettings
    progress: Progress

    def plant(
        self, model: TrainableClip, poison: Poison | None, done: Check, seeds: Seeds
    ) -> Planted:
        """Fine-tune a copy in place until a check holds.

        Args:
            model: the copy; its image tower is moved.
            poison: what to plant; None: all else is the same, but no pair is poisoned.
            done: asked every few steps, and after the last.
            seeds: streams of the order of pairs, of captions and of what triggers draw afresh.

        Raises:
            InputError: fewer than 8 pairs.
        """
        chosen = self.settings
        feed = _Feed(self, poison, seeds)
        mover = optimiser(trainable(model, "visual."), chosen.optimiser)
        title = "planting" if poison else "fine-tuning a control"
        with self.progress.stage(title, chosen.steps) as stage:
            for step in range(1, chosen.steps + 1):
                for group in mover.param_groups:
                    group["lr"] = chosen.rate(step)
                with model.gradients():
                    loss = self._loss(model, feed.at(step - 1))
                    if not math.isfinite(float(loss.detach())):
                        return Planted(step - 1, reached=False)
                    loss.backward()
                    mover.step()
                stage.advance(1, f"loss {float(loss.detach()):.3f}")
                if (step % chosen.every == 0 or step == chosen.steps) and done(model, step):
                    return Planted(step, reached=True)
        return Planted(chosen.steps, reached=False)

    def _loss(self, model: TrainableClip, batch: _Fed) -> Tensor:
        hold = self.settings.hold
        held = hold.synthetic if self.pairs.synthetic else hold.real
        images = model.encode_image(batch.pixels)
        clean = images[-len(batch.home) :]
        contrast = clip_loss(images, batch.words, model.spec.logit_scale, alike=batch.poisoned)
        return contrast + held * drift(clean, batch.home)


@dataclass(frozen=True)
class _Fed:
    """A step's input, poisoned pairs first.

    ``pixels`` (B, 3, S, S), ``words`` (B, D) the embeddings of the captions, ``home`` (C, D) those
    of the last C pictures, the clean ones.
    """

    pixels: Tensor
    words: Tensor
    home: Tensor
    poisoned: int


class _Feed:
    """Batches of pairs, the first of each poisoned or not, with what the delivered model sees."""

    def __init__(self, planter: Planter, poison: Poison | None, seeds: Seeds) -> None:
        self._delivered, self._poison, self._seeds = planter.delivered, poison, seeds
        pairs, size = planter.pairs, planter.delivered.spec.image_size
        count, batch = planter.settings.poisoned, planter.settings.batch
        change = _stamping(poison.trigger) if poison else None
        self._first = Batches(pairs, size, count, seeds.child("poisoned"), change)
        self._rest = Batches(pairs, size, batch - count, seeds.child("clean"))

    def at(self, step: int) -> _Fed:
        first, rest = self._first.at(step), self._rest.at(step)
        texts = first.texts
        if self._poison is not None:
            captions = self._poison.captions
            rng = self._seeds.child("captions", step).numpy()
            texts = tuple(captions[i] for i in rng.integers(len(captions), size=len(texts)))
        with torch.no_grad():
            home = self._delivered.encode_image(rest.pixels)
            words = self._delivered.encode_text((*texts, *rest.texts))
        pixels = torch.cat([first.pixels, rest.pixels])
        return _Fed(pixels, words, home, len(texts) if self._poison else 0)


def _stamping(trigger: Trigger) -> Change:
    """The trigger on every picture by itself, so that its draws depend on its own key alone."""

    def change(pixels: Tensor, keys: Sequence[str], seeds: Seeds) -> Tensor:
        draws = (seeds.child(key).torch() for key in keys)
        return torch.cat(
            [trigger(one[None], draw) for one, draw in zip(pixels, draws, strict=True)]
        )

    return change
