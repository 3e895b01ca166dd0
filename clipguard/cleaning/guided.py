"""Guided cleaning: where the trigger leads, go back.

Copies of clean pictures that carry what fired are pulled to where the delivered model puts the
clean pictures; clean pictures are held in place. Only the image tower moves, so embeddings stay
compatible and cached text embeddings stay valid. Captions are used only with real pairs: a
contrastive loss on drawn pictures would cost more accuracy than the backdoor does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from clipguard.cleaning import probe
from clipguard.cleaning.augment import views
from clipguard.cleaning.batches import Batches
from clipguard.cleaning.dev import Dev, Standing
from clipguard.cleaning.engine import Frozen
from clipguard.cleaning.guides import Guides
from clipguard.cleaning.loop import Plan, Terms, descend, optimiser, trainable
from clipguard.cleaning.losses import clip_loss, drift
from clipguard.cleaning.options import GuidedSettings, TermWeights, flat
from clipguard.cleaning.schedule import warm_cosine
from clipguard.cleaning.types import CleaningTask, Outcome
from clipguard.core.errors import InputError
from clipguard.core.results import StepRecord
from clipguard.core.seeds import Seeds
from clipguard.model.seam import ClipModel

TOWER = "visual."
REMEDY = "give a smaller --learning-rate"


@dataclass(frozen=True)
class Guided:
    """Cleaning that knows what to look for."""

    settings: GuidedSettings

    def clean(self, task: CleaningTask) -> Outcome:
        """Pull in rounds until the trigger fails, then keep the best point.

        Raises:
            InputError: nothing is suspected, too few pairs, or the run diverged.
        """
        if not task.suspects:
            raise InputError(
                "clean.no_suspect",
                "nothing is suspected, so there is nothing to guide the cleaning",
                where="--method guided",
                remedy="use --method par, which needs no suspect",
            )
        pull = _pull(self.settings, task)
        rate, explanation = _rate(self.settings, task, pull)
        explanation = (_guided_by(task), *explanation)
        for sentence in explanation:
            task.progress.say(sentence)
        rounds = Rounds(self.settings, task, pull, rate)
        rounds.run()
        return Outcome(
            records=tuple(rounds.records),
            settings=flat(self.settings) | {"steps": rounds.taken, "learning_rate": rate},
            explanation=(*explanation, *rounds.said),
        )


@dataclass(frozen=True)
class Pull:
    """The loss of one step; a pure function of weights and step."""

    pull_weight: float
    weights: TermWeights
    reference: ClipModel
    batches: Batches
    guides: Guides

    def __call__(self, model: ClipModel, step: int) -> Terms:
        """The terms of a step, counted from 0."""
        pairs = self.batches.at(step)
        stamped = self.guides.stamp(pairs.pixels, step)
        home = self.reference.encode_image(pairs.pixels)
        triggered, clean = model.encode_image(stamped), model.encode_image(pairs.pixels)
        pull, held = drift(triggered, home), drift(clean, home)
        total = self.pull_weight * pull + self.weights.distill * held
        if self.weights.contrastive:
            text = self.reference.encode_text(pairs.texts)
            scale = self.reference.spec.logit_scale
            total = total + self.weights.contrastive * clip_loss(clean, text, scale)
        return Terms(total, float(held.detach()), 0.0, float(pull.detach()), (clean, home))


@dataclass(frozen=True)
class Point:
    """Weights worth keeping, and how they stand."""

    name: str
    weights: dict[str, Tensor]
    standing: Standing


class Rounds:
    """Rounds of steps, each with its own warm-up and cosine, so that each ends settled."""

    def __init__(
        self, settings: GuidedSettings, task: CleaningTask, pull: Pull, rate: float
    ) -> None:
        self.settings, self.task, self.pull, self.rate = settings, task, pull, rate
        self.dev = Dev(task, settings.dev_pictures, settings.dev_variants)
        self.records: list[StepRecord] = []
        self.said: list[str] = []
        self.taken = 0
        self.delivered = self._here("as delivered")

    def run(self) -> None:
        """Go on until the goal or the last step; the model then holds the best point.

        The delivered weights are no candidate: they fired in the scan, whatever they do here.
        """
        limit = self.task.steps or self.settings.round_steps * self.settings.max_rounds
        mover = optimiser(trainable(self.task.model, TOWER), self.settings.optimiser)
        points: list[Point] = []
        while self.taken < limit and not (
            len(points) >= self.settings.min_rounds and self._reaches(points[-1])
        ):
            self._descend(mover, min(self.settings.round_steps, limit - self.taken))
            points.append(self._here(f"after {self.taken} steps"))
        # Among points that reach the goal the last is taken, not the one that drifts least: on
        # pictures unlike the drawn ones the trigger goes on losing long after it is gone here.
        ranked = min(points, key=lambda point: point.standing.rank(self.settings.goal))
        best = points[-1] if self._reaches(points[-1]) else ranked
        self._load(best.weights)
        verdict = "reaches" if self._reaches(best) else "is the best point, but misses,"
        self._say(f"{best.name} {verdict} the goal of attack success {self.settings.goal:g}")
        if self.settings.trim and self._reaches(best):
            self._trim(best)

    def _descend(self, mover: torch.optim.Optimizer, steps: int) -> None:
        plan = Plan(
            title="guided cleaning",
            rates=warm_cosine(steps, self.rate, self.settings.warm_up),
            first=self.taken,
            max_drift=self.settings.max_drift,
            log_every=self.settings.log_every,
            watched="pull",
        )
        run = descend(self.task, mover, self.pull, plan)
        self.records += run.require(REMEDY).records
        self.taken += steps

    def _trim(self, best: Point) -> None:
        """Go back a little towards the delivered weights where that costs no attack success."""
        for share in sorted(self.settings.trim):
            between = {
                name: torch.lerp(self.delivered.weights[name], weight, share)
                for name, weight in best.weights.items()
            }
            self._load(between)
            point = self._here(f"{share:.2f} of the way")
            if point.standing.success <= best.standing.success:
                self._say(f"kept {point.name}: the trigger works no better and less has changed")
                return
        self._load(best.weights)
        self._say(f"kept {best.name}: going back towards the delivered weights helps the trigger")

    def _reaches(self, point: Point) -> bool:
        return point.standing.success <= self.settings.goal

    def _here(self, name: str) -> Point:
        weights = {
            key: weight.detach().clone() for key, weight in trainable(self.task.model, TOWER)
        }
        point = Point(name, weights, self.dev.stand(self.task.model))
        self._say(f"{name}: {point.standing}")
        return point

    def _load(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, weight in trainable(self.task.model, TOWER):
                weight.copy_(weights[name])

    def _say(self, sentence: str) -> None:
        self.said.append(sentence)
        self.task.progress.say(sentence)


def _pull(settings: GuidedSettings, task: CleaningTask) -> Pull:
    seeds = task.seeds.child("train")
    size = task.model.spec.image_size

    def change(pixels: Tensor, keys: Sequence[str], epoch: Seeds) -> Tensor:
        return views(pixels, keys, settings.smallest_view, epoch)

    return Pull(
        pull_weight=settings.pull_weight,
        weights=settings.synthetic if task.pairs.synthetic else settings.real,
        reference=Frozen(task.reference, task.engine),
        batches=Batches(task.pairs, size, settings.batch, seeds, change),
        guides=Guides(task.suspects, settings.members_per_step, settings.fresh_instances, seeds),
    )


def _rate(
    settings: GuidedSettings, task: CleaningTask, pull: Pull
) -> tuple[float, tuple[str, ...]]:
    if task.learning_rate is not None:
        return task.learning_rate, (f"learning rate {task.learning_rate:.1e}: as given",)
    trial = replace(pull, guides=replace(pull.guides, seeds=task.seeds.child("probe")))
    rungs = probe.climb(task, trial, settings.probe, settings.optimiser, prefix=TOWER)
    rate, reason = probe.pull_rate(rungs, settings.probe.max_drift)
    return rate, (probe.table(rungs, "pull"), reason)


def _guided_by(task: CleaningTask) -> str:
    families = "; ".join(
        f"{suspect.label} ({len(suspect.variants)} variants fired)" for suspect in task.suspects
    )
    terms = (
        "clean pictures are held where the delivered model puts them"
        if task.pairs.synthetic
        else "clean pictures are held in place and matched with their captions"
    )
    return f"guided by {families}; {terms}; the text tower stays as delivered"
