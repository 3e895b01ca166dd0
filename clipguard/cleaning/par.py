"""PAR: perturb and recover (arXiv 2412.00727).

Both towers are trained to match pairs while being pushed away from where the delivered model puts
the same augmented pictures and captions, until the push has gone ``tau`` far.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from clipguard.cleaning import probe
from clipguard.cleaning.augment import augment
from clipguard.cleaning.batches import Batches
from clipguard.cleaning.loop import Plan, Terms, descend, optimiser, trainable
from clipguard.cleaning.losses import par_loss
from clipguard.cleaning.options import ParSettings, flat
from clipguard.cleaning.schedule import push_then_recover
from clipguard.cleaning.types import CleaningTask, Outcome
from clipguard.core.seeds import Seeds
from clipguard.model.seam import ClipModel, TrainableClip

REMEDY = "give a smaller --learning-rate"


@dataclass(frozen=True)
class Par:
    """Cleaning without any suspicion. Cleaned embeddings no longer match the delivered ones."""

    settings: ParSettings

    def clean(self, task: CleaningTask) -> Outcome:
        """Push and recover; see :class:`clipguard.cleaning.types.CleaningMethod`."""
        settings = self.settings
        steps = task.steps or settings.steps
        batches = Batches(
            task.pairs, task.model.spec.image_size, settings.batch, task.seeds.child("train")
        )
        objective = Push(settings, task.reference, batches, task.seeds.child("train"))
        rate, explanation = self._rate(task, objective, steps)
        explanation += (
            f"{steps} steps of {batches.size} pairs; both towers move, the temperature does not",
        )
        for sentence in explanation:
            task.progress.say(sentence)
        plan = Plan(
            title="perturb and recover",
            rates=push_then_recover(steps, rate, settings.end_ratio, settings.final_rate),
            explosion=settings.explosion,
            log_every=settings.log_every,
            watched="contrastive",
            tau=settings.tau,
        )
        weights = optimiser(trainable(task.model), settings.optimiser)
        run = descend(task.model, weights, objective, plan, task.progress).require(REMEDY)
        reached = max(record.image_drift for record in run.records)
        ended = f"pictures drifted by {reached:.2f} at most; the push ends at {settings.tau:g}"
        return Outcome(
            records=run.records,
            settings=flat(settings) | {"steps": steps, "learning_rate": rate},
            explanation=(*explanation, ended),
        )

    def _rate(
        self, task: CleaningTask, objective: Push, steps: int
    ) -> tuple[float, tuple[str, ...]]:
        if task.learning_rate is not None:
            return task.learning_rate, (f"learning rate {task.learning_rate:.1e}: as given",)
        rungs = probe.climb(
            task.model,
            replace(objective, seeds=task.seeds.child("probe")),
            self.settings.probe,
            self.settings.optimiser,
            task.progress,
        )
        schedule = push_then_recover(steps, 1.0, self.settings.end_ratio, 0.0)
        rate, reason = probe.push_rate(rungs, self.settings.tau, schedule[: max(steps // 3, 1)])
        return rate, (probe.table(rungs, "contrastive loss"), reason)


@dataclass(frozen=True)
class Push:
    """The loss of one step. Both models see the same augmented pictures and plain captions."""

    settings: ParSettings
    reference: ClipModel
    batches: Batches
    seeds: Seeds

    def __call__(self, model: TrainableClip, step: int) -> Terms:
        """The terms of a step, counted from 0."""
        pairs = self.batches.at(step)
        spec = self.reference.spec
        generator = self.seeds.child("augment", step).torch()
        pixels = augment(pairs.pixels, self.settings.augment, spec.mean, generator)
        with torch.no_grad():
            image_ref = self.reference.encode_image(pixels)
            text_ref = self.reference.encode_text(pairs.texts)
        terms = par_loss(
            model.encode_image(pixels),
            model.encode_text(pairs.texts),
            image_ref,
            text_ref,
            spec.logit_scale,
            tau=self.settings.tau,
            weight=self.settings.push_weight,
        )
        return Terms(
            terms.total,
            float(terms.image_drift.detach()),
            float(terms.text_drift.detach()),
            float(terms.contrastive.detach()),
        )
