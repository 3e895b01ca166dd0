"""PAR: perturb and recover (arXiv 2412.00727).

Both towers are trained to match pairs while being pushed away from where the delivered model puts
the same augmented pictures and captions, until the push has gone ``tau`` far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from clipguard.cleaning import probe
from clipguard.cleaning.augment import augment
from clipguard.cleaning.batches import Batches
from clipguard.cleaning.engine import Frozen
from clipguard.cleaning.loop import Plan, Terms, descend, optimiser, trainable
from clipguard.cleaning.losses import par_loss
from clipguard.cleaning.options import ParSettings, flat
from clipguard.cleaning.schedule import push_then_recover
from clipguard.cleaning.types import CleaningTask, Outcome
from clipguard.core.seeds import Seeds
from clipguard.model.seam import ClipModel

REMEDY = "give a smaller --learning-rate"


@dataclass(frozen=True)
class Par:
    """Cleaning without any suspicion. Cleaned embeddings no longer match the delivered ones."""

    settings: ParSettings

    def clean(self, task: CleaningTask) -> Outcome:
        """Push and recover; see :class:`clipguard.cleaning.types.CleaningMethod`."""
        settings = self.settings
        steps = task.steps or settings.steps
        objective = push(settings, task)
        rate, explanation = self._rate(task, objective, steps)
        explanation += (
            f"{steps} steps of {objective.batches.size} pairs; both towers move, the temperature "
            "does not",
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
        run = descend(task, weights, objective, plan).require(REMEDY)
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
        rungs = probe.climb(task, objective, self.settings.probe, self.settings.optimiser)
        schedule = push_then_recover(steps, 1.0, self.settings.end_ratio, 0.0)
        rate, reason = probe.push_rate(rungs, self.settings.tau, schedule[: max(steps // 3, 1)])
        return rate, (probe.table(rungs, "contrastive loss"), reason)


@dataclass(frozen=True)
class Push:
    """The loss of one step. Both models see the same augmented pictures and plain captions."""

    settings: ParSettings
    reference: ClipModel
    batches: Batches

    def __call__(self, model: ClipModel, step: int) -> Terms:
        """The terms of a step, counted from 0."""
        pairs = self.batches.at(step)
        images = model.encode_image(pairs.pixels), self.reference.encode_image(pairs.pixels)
        texts = model.encode_text(pairs.texts), self.reference.encode_text(pairs.texts)
        terms = par_loss(
            images[0],
            texts[0],
            images[1],
            texts[1],
            self.reference.spec.logit_scale,
            tau=self.settings.tau,
            weight=self.settings.push_weight,
        )
        return Terms(
            terms.total,
            float(terms.image_drift.detach()),
            float(terms.text_drift.detach()),
            float(terms.contrastive.detach()),
            images,
            texts,
        )


def push(settings: ParSettings, task: CleaningTask) -> Push:
    """PAR's loss for a task.

    Raises:
        InputError: too few pairs.
    """
    spec = task.reference.spec

    def change(pixels: Tensor, keys: Sequence[str], seeds: Seeds) -> Tensor:
        return augment(pixels, keys, settings.augment, spec.mean, seeds)

    seeds = task.seeds.child("train")
    batches = Batches(task.pairs, spec.image_size, settings.batch, seeds, change)
    return Push(settings, Frozen(task.reference, task.engine), batches)
