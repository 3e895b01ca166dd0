"""Walking downhill: the part that all cleaning methods share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import Parameter

from clipguard.cleaning.options import OptimiserSettings
from clipguard.core.errors import InputError
from clipguard.core.progress import Progress
from clipguard.core.results import StepRecord
from clipguard.model.seam import TrainableClip

NO_DECAY = ("bias", "ln", "bn")
SCALE = ("logit_scale", "logit_bias")


class Terms(NamedTuple):
    """What a method says about one step.

    ``total`` is minimised. ``image_drift`` and ``text_drift`` are squared L2 from the delivered
    model. ``watched`` is the figure that the method is after.
    """

    total: Tensor
    image_drift: float
    text_drift: float
    watched: float


Objective = Callable[[TrainableClip, int], Terms]
Preparation = Callable[[TrainableClip, int], None]


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
        prepare: what the method does with the model before each step; None: nothing.
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
    prepare: Preparation | None = None


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
    model: TrainableClip,
    optimiser: torch.optim.Optimizer,
    objective: Objective,
    plan: Plan,
    progress: Progress,
) -> Run:
    """Take the steps of a plan, or as many as go well.

    Args:
        model: changed in place.
        optimiser: over those of the model's weights that shall move.
        objective: the loss of a step; a pure function of weights and step.
        plan: rates and limits.
        progress: where to report.
    """
    records: list[StepRecord] = []
    watched: list[float] = []
    ceiling = math.inf
    with model.gradients(), progress.stage(plan.title, len(plan.rates)) as stage:
        for index, rate in enumerate(plan.rates):
            step = plan.first + index
            if plan.prepare is not None:
                plan.prepare(model, step)
            terms = _step(model, optimiser, objective, step, rate)
            loss = float(terms.total.detach())
            ceiling = min(ceiling, plan.explosion * max(abs(loss), plan.floor))
            watched.append(terms.watched)
            failure = _failure(loss, terms.image_drift, ceiling, plan.max_drift)
            if failure:
                return Run(tuple(records), tuple(watched), failure)
            record = StepRecord(
                step=step,
                loss=loss,
                image_drift=terms.image_drift,
                text_drift=terms.text_drift,
                learning_rate=rate,
            )
            if step % plan.log_every == 0 or index == len(plan.rates) - 1:
                records.append(record)
            stage.advance(1, _note(record, terms.watched, plan))
    failure = "" if _finite(optimiser) else "weights are not finite"
    return Run(tuple(records), tuple(watched), failure)


def _step(
    model: TrainableClip,
    optimiser: torch.optim.Optimizer,
    objective: Objective,
    step: int,
    rate: float,
) -> Terms:
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    terms = objective(model, step)
    terms.total.backward()
    optimiser.step()
    return terms


def _failure(loss: float, image_drift: float, ceiling: float, max_drift: float) -> str:
    if not math.isfinite(loss):
        return "the loss is not finite"
    if loss > ceiling:
        return f"the loss rose to {loss:.3g}"
    if image_drift > max_drift:
        return f"pictures drifted by {image_drift:.2f}, past {max_drift:.2f}"
    return ""


def _note(record: StepRecord, watched: float, plan: Plan) -> str:
    goal = "" if plan.tau is None else f" of {plan.tau:.2f}"
    return (
        f"loss {record.loss:.3f}, {plan.watched} {watched:.3f}, "
        f"drift image {record.image_drift:.3f}{goal}, text {record.text_drift:.3f}{goal}"
    )


def _decays(name: str, weight: Parameter) -> bool:
    return weight.ndim >= 2 and not any(part in name for part in NO_DECAY)


def _finite(optimiser: torch.optim.Optimizer) -> bool:
    return all(
        bool(weight.isfinite().all())
        for group in optimiser.param_groups
        for weight in group["params"]
    )
