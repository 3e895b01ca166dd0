"""Walking downhill: the part that all cleaning methods share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import Parameter

from clipguard.cleaning.gradcache import Tape
from clipguard.cleaning.options import OptimiserSettings
from clipguard.cleaning.position import Companion, Position
from clipguard.cleaning.types import CleaningTask
from clipguard.cleaning.way_back import WayBack
from clipguard.core.errors import InputError
from clipguard.core.results import StepRecord
from clipguard.measure.alignment import aligned_distance
from clipguard.model.seam import ClipModel, TrainableClip

NO_DECAY = ("bias", "ln", "bn")
SCALE = ("logit_scale", "logit_bias")
# Pictures that keep less than this share of the spread that they had have collapsed to one point.
LEAST_SPREAD = 0.02

Moved = tuple[Tensor, Tensor]
"""(B, D) embeddings of the student and of the delivered model, for the same input."""


class Terms(NamedTuple):
    """What a method says about one step.

    ``total`` is minimised. ``image_drift`` and ``text_drift`` are squared L2 from the delivered
    model. ``watched`` is the figure that the method is after. ``images`` and ``texts`` are what the
    drifts were taken from, where a distance without the common rotation is wanted.
    """

    total: Tensor
    image_drift: float
    text_drift: float
    watched: float
    images: Moved | None = None
    texts: Moved | None = None


Objective = Callable[[ClipModel, int], Terms]
"""The loss of a step, a pure function of weights and step. It embeds with the model that it is
given, the whole batch in one call for each set of inputs; how that is cut into parts or shared by
processes, it need not know."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The steps of one run.

    Args:
        title: what the progress shows.
        rates: learning rate of each step.
        first: number of the first step.
        explosion: a loss this many times its first value means divergence.
        floor: smallest value that a loss is compared with.
        max_drift: an image drift above this means divergence.
        log_every: steps between records; the last one is always recorded.
        watched: name of the figure that the method is after.
        tau: drift to show beside the measured one; None: none.
        companion: what the method keeps beside the weights; None: nothing.
        way_back: where gradients are taken; None: at the weights themselves.
    """

    title: str
    rates: Sequence[float]
    first: int = 0
    explosion: float = 10.0
    floor: float = 1.0
    max_drift: float = 4.0
    log_every: int = 1
    watched: str = "loss"
    tau: float | None = None
    companion: Companion | None = None
    way_back: WayBack | None = None


@dataclass(frozen=True)
class Run:
    """What happened: records, the watched figure step by step, and why it ended early, if so."""

    records: tuple[StepRecord, ...]
    watched: tuple[float, ...]
    failure: str

    def require(self, remedy: str) -> Run:
        """This run, when it went to its end.

        Raises:
            InputError: it diverged.
        """
        if self.failure:
            raise InputError(
                "clean.diverged",
                f"cleaning diverged at step {len(self.watched)}: {self.failure}",
                remedy=remedy,
            )
        return self


def trainable(model: TrainableClip, prefix: str = "") -> list[tuple[str, Parameter]]:
    """The weights that cleaning moves: all below ``prefix`` but the temperature."""
    return [
        (name, weight)
        for name, weight in model.named_parameters()
        if name.startswith(prefix) and name not in SCALE
    ]


def optimiser(
    weights: Sequence[tuple[str, Parameter]], settings: OptimiserSettings
) -> torch.optim.AdamW:
    """AdamW that leaves biases, normalisations and other vectors without decay, as PAR does."""
    decayed = [weight for name, weight in weights if _decays(name, weight)]
    plain = [weight for name, weight in weights if not _decays(name, weight)]
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=0.0,
        betas=settings.betas,
        eps=settings.eps,
    )


def descend(
    task: CleaningTask, optimiser: torch.optim.Optimizer, objective: Objective, plan: Plan
) -> Run:
    """Take the steps of a plan, or as many as go well.

    Steps that the task's journal holds are not taken again: weights and optimiser are put where
    they led.

    Args:
        task: its model is changed in place.
        optimiser: over those of the model's weights that shall move.
        objective: the loss of a step.
        plan: rates and limits.
    """
    walk = task.journal.walk()
    here = Position(optimiser, task.engine, plan.companion)
    kept = walk.position()
    if kept is not None:
        here.restore(kept)
    elif (end := walk.end()) is not None:
        here.restore(end)
        return Run(tuple(here.records), tuple(here.watched), "")
    failure = ""
    with (
        task.model.gradients(checkpointing=task.engine.checkpointing),
        task.progress.stage(plan.title, len(plan.rates)) as stage,
    ):
        stage.advance(here.taken)
        while here.taken < len(plan.rates):
            failure, note = _step(task, here, objective, plan)
            if failure:
                return Run(tuple(here.records), tuple(here.watched), failure)
            if here.taken % walk.every == 0 and here.finite():
                walk.keep(here.entry())
            stage.advance(1, note)
    if not here.finite():
        return Run(tuple(here.records), tuple(here.watched), "weights are not finite")
    walk.keep(here.entry())
    walk.finish(here.entry(moments=False))
    return Run(tuple(here.records), tuple(here.watched), "")


def _step(task: CleaningTask, here: Position, objective: Objective, plan: Plan) -> tuple[str, str]:
    """Take a step: why it was not taken, or what to show of it."""
    index = here.taken
    with nullcontext() if plan.way_back is None else plan.way_back.at(index):
        if plan.companion is not None:
            plan.companion.prepare(task.model, plan.first + index)
        tape = Tape(task.model, task.engine)
        terms = objective(tape, plan.first + index)
        loss = float(terms.total.detach())
        here.watched.append(terms.watched)
        here.ceiling = min(here.ceiling, plan.explosion * max(abs(loss), plan.floor))
        failure = _failure(loss, terms, here.ceiling, plan.max_drift)
        if failure:
            return failure, ""
        here.differentiate(tape, terms.total)
    here.move(plan.rates[index])
    logged = (plan.first + index) % plan.log_every == 0 or here.taken == len(plan.rates)
    record = StepRecord(
        step=plan.first + index,
        loss=loss,
        image_drift=terms.image_drift,
        text_drift=terms.text_drift,
        learning_rate=plan.rates[index],
        image_drift_aligned=_aligned(terms) if logged else None,
    )
    if logged:
        here.records.append(record)
    return "", _note(record, terms.watched, here.records[-1:], plan)


def _failure(loss: float, terms: Terms, ceiling: float, max_drift: float) -> str:
    if not math.isfinite(loss):
        return "the loss is not finite"
    if loss > ceiling:
        return f"the loss rose to {loss:.3g}"
    if terms.image_drift > max_drift:
        return f"pictures drifted by {terms.image_drift:.2f}, past {max_drift:.2f}"
    if terms.images is not None:
        student, delivered = map(_spread, terms.images)
        if student < LEAST_SPREAD * delivered:
            return f"embeddings of pictures collapsed to {student / delivered:.3f} of their spread"
    return ""


def _spread(embeddings: Tensor) -> float:
    """Mean squared distance of unit vectors (B, D) from their centre, 0..1."""
    return max(1 - float(embeddings.detach().mean(dim=0).square().sum()), 0.0)


def _aligned(terms: Terms) -> float | None:
    """The image drift of every other row after the rotation that fits the rows between best.

    One rotation serves both towers, since only a common one leaves their agreement as it is.
    """
    if terms.images is None or len(terms.images[0]) < 4:
        return None
    images = [side.detach().cpu() for side in terms.images]
    texts = [side.detach().cpu() for side in terms.texts or ()] or [side[:0] for side in images]
    fitted = [
        torch.cat([image[0::2], text[0::2]]) for image, text in zip(images, texts, strict=True)
    ]
    return aligned_distance(images[0][1::2], images[1][1::2], fitted[0], fitted[1])


def _note(record: StepRecord, watched: float, logged: Sequence[StepRecord], plan: Plan) -> str:
    goal = "" if plan.tau is None else f" of {plan.tau:.2f}"
    aligned = [item.image_drift_aligned for item in logged if item.image_drift_aligned is not None]
    turned = f" ({aligned[0]:.3f} aligned)" if aligned else ""
    return (
        f"loss {record.loss:.3f}, {plan.watched} {watched:.3f}, "
        f"drift image {record.image_drift:.3f}{turned}{goal}, text {record.text_drift:.3f}{goal}"
    )


def _decays(name: str, weight: Parameter) -> bool:
    return weight.ndim >= 2 and not any(part in name for part in NO_DECAY)
