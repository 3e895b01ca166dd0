"""Rounds of steps, a look after each, and the choice among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clipguard.cleaning.dev import Dev, Standing
from clipguard.cleaning.loop import Plan, descend, optimiser, trainable
from clipguard.cleaning.options import GuidedSettings
from clipguard.cleaning.pull import Pull
from clipguard.cleaning.schedule import warm_cosine
from clipguard.cleaning.types import CleaningTask
from clipguard.cleaning.way_back import WayBack
from clipguard.core.results import RoundRecord, StepRecord

TOWER = "visual."
REMEDY = "give a smaller --learning-rate"


@dataclass(frozen=True)
class Point:
    """Weights worth keeping, how they stand, and after how many steps they were reached."""

    name: str
    steps: int
    weights: dict[str, Tensor]
    standing: Standing


@dataclass(frozen=True)
class Goals:
    """What a point is to reach; each is the largest value allowed.

    ``success`` and ``inverted`` as in :class:`Standing`, ``loss`` of utility, ``drift``.
    """

    success: float
    inverted: float
    loss: float
    drift: float

    def met(self, standing: Standing) -> bool:
        """Whether all goals are."""
        return self.misses(standing) == (0.0, 0.0, 0.0, 0.0)

    def misses(self, standing: Standing) -> tuple[float, float, float, float]:
        """By how much each goal is missed, what must not be broken first; smaller is better."""
        beyond = (
            standing.lost - self.loss,
            standing.drift - self.drift,
            standing.success - self.success,
            standing.inverted - self.inverted,
        )
        # Shares of a few dozen pictures: what is smaller than this is rounding.
        loss, drift, success, inverted = (max(round(value, 9), 0.0) for value in beyond)
        return loss, drift, success, inverted


class Rounds:
    """Rounds of steps with a look after each.

    The far ones, which are always run, share one warm-up and one cosine and take their gradients on
    the way back to the delivered weights: their looks only tell. The backdoor gone deeper than it
    must, clean answers have suffered; each later round, of which there is at least one, settles at
    the weights themselves, with a smaller rate and pull, and has its own warm-up and cosine.
    """

    def __init__(self, settings: GuidedSettings, task: CleaningTask, pull: Pull, dev: Dev) -> None:
        self.settings, self.task, self.pull, self.dev = settings, task, pull, dev
        self.limit = task.steps or pull.weights.round_steps * settings.max_rounds
        shortest = math.ceil(self.limit / (settings.far_rounds + 1))
        self.round_steps = min(pull.weights.round_steps, shortest)
        self.goals = goals(settings, task, searches=pull.searches)
        self.records: list[StepRecord] = []
        self.said: list[str] = []
        self.points: list[Point] = []
        self.taken = 0
        self._say(f"the audit watches {', '.join(self.dev.concepts) or 'nothing'}")
        self.delivered = self._here("as delivered")

    @property
    def curve(self) -> tuple[RoundRecord, ...]:
        """The delivered model and every point looked at."""
        return tuple(_record(point) for point in (self.delivered, *self.points))

    def run(self, rate: float) -> None:
        """Go on until the goals or the last step; the model then holds the best point.

        The delivered weights are no candidate: with them nothing is cleaned.

        Args:
            rate: the highest learning rate.
        """
        mover = optimiser(trainable(self.task.model, TOWER), self.settings.optimiser)
        least = self.settings.far_rounds + self.pull.weights.settling_rounds
        while self.taken < self.limit and not (
            len(self.points) >= least and self._met(self.points[-1])
        ):
            steps = min(self.round_steps, self.limit - self.taken)
            far = len(self.points) < self.settings.far_rounds
            self._descend(mover, *(self._far if far else self._settling)(rate, steps))
            self.points.append(self._here(f"after {self.taken} steps"))
        best = best_of(self.points, self.goals)
        self._load(best.weights)
        verdict = "reaches the goals" if self._met(best) else "is the best point, but misses a goal"
        self._say(f"{best.name} {verdict}: {self._told()}")
        if self.settings.trim and self._met(best):
            self._trim(best)

    def _descend(self, mover: torch.optim.Optimizer, objective: Pull, plan: Plan) -> None:
        run = descend(self.task, mover, objective, plan)
        self.records += run.require(REMEDY).records
        self.taken += len(plan.rates)

    def _far(self, rate: float, steps: int) -> tuple[Pull, Plan]:
        """Their part of the common cosine, each gradient from its own point of the way back."""
        settings = self.settings
        shared = min(settings.far_rounds * self.round_steps, self.limit)
        rates = warm_cosine(shared, rate, settings.warm_up)[self.taken : self.taken + steps]
        draws = self.task.seeds.child("train", "path", self.taken).numpy().random(steps)
        ends = [
            (weight, self.delivered.weights[name])
            for name, weight in trainable(self.task.model, TOWER)
        ]
        return self.pull, self._plan(rates, WayBack(ends, tuple(self.pull.weights.reach * draws)))

    def _settling(self, rate: float, steps: int) -> tuple[Pull, Plan]:
        rates = warm_cosine(steps, self.settings.settling_rate * rate, self.settings.warm_up)
        return self.pull.settling(), self._plan(rates)

    def _plan(self, rates: Sequence[float], way_back: WayBack | None = None) -> Plan:
        return Plan(
            title="guided cleaning",
            rates=rates,
            first=self.taken,
            max_drift=self.settings.max_drift,
            log_every=self.settings.log_every,
            watched="pull",
            companion=self.pull.pool if self.pull.searches else None,
            way_back=way_back,
        )

    def _trim(self, best: Point) -> None:
        """Go back a little towards the delivered weights where no goal is lost by it."""
        for share in sorted(self.settings.trim):
            between = {
                name: torch.lerp(self.delivered.weights[name], weight, share)
                for name, weight in best.weights.items()
            }
            self._load(between)
            point = self._here(f"{share:.2f} of the way")
            self.points.append(point)
            if point.standing.success <= best.standing.success and self._met(point):
                self._say(f"kept {point.name}: the trigger works no better and less has changed")
                return
        self._load(best.weights)
        self._say(f"kept {best.name}: going back towards the delivered weights helps the trigger")

    def _met(self, point: Point) -> bool:
        return self.goals.met(point.standing)

    def _told(self) -> str:
        margin = f"inverted triggers {self.goals.inverted:g} beyond the control, "
        return (
            f"attack success {self.goals.success:g}, {margin if self.pull.searches else ''}"
            f"at most {self.goals.loss:g} of utility lost"
        )

    def _here(self, name: str) -> Point:
        weights = {
            key: weight.detach().clone() for key, weight in trainable(self.task.model, TOWER)
        }
        point = Point(name, self.taken, weights, self.dev.stand(self.task.model))
        self._say(f"{name}: {point.standing}")
        return point

    def _load(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, weight in trainable(self.task.model, TOWER):
                weight.copy_(weights[name])

    def _say(self, sentence: str) -> None:
        self.said.append(sentence)
        self.task.progress.say(sentence)


def best_of(points: Sequence[Point], goals: Goals) -> Point:
    """The point that misses the goals least; of several the last.

    Not the one of them that drifts least: on pictures unlike those looked at the trigger goes on
    losing long after it is gone here.
    """
    return min(reversed(points), key=lambda point: goals.misses(point.standing))


def goals(settings: GuidedSettings, task: CleaningTask, *, searches: bool) -> Goals:
    """The goals of a task; what inversion still finds counts where cleaning trains on it."""
    loss = task.max_utility_drop
    return Goals(
        success=settings.goal,
        inverted=settings.audit.margin if searches else math.inf,
        loss=settings.max_utility_drop if loss is None else loss,
        drift=settings.keep.max_drift if task.keep_embeddings else settings.max_drift,
    )


def _record(point: Point) -> RoundRecord:
    standing = point.standing
    return RoundRecord(
        name=point.name,
        step=point.steps,
        attack_success=standing.success if standing.worst else None,
        inverted=standing.inverted,
        utility=standing.utility,
        agreement=standing.agreement,
        image_drift=standing.drift,
    )
