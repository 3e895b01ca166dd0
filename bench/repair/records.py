"""The repairs kept in bench/data/repairs.json, by role of the model and kind of the pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from clipguard.measure.bootstrap import bootstrap, sample

Run = dict[str, Any]
Point = tuple[float, float]
"""Accuracy lost and attack success left, both 0..1."""

# A backdoor that works, and that plain fine-tuning at cleaning's own steps and rate leaves alive.
WORKS, DURABLE = 0.85, 0.5
TITLES = {
    "guided": "guided",
    "par-best": "PAR, its best setting for each model",
    "fine-tuning": "fine-tuning",
    "cleanclip": "CleanCLIP",
}


class Repairs:
    """The runs on one role of models with one kind of pairs.

    Args:
        runs: all that are kept.
        role: of the models.
        kind: of the pairs.
    """

    def __init__(self, runs: Sequence[Run], role: str, kind: str) -> None:
        self.role, self.kind = role, kind
        self.runs = [
            run
            for run in runs
            if run["card"].get("role", "example") == role and run["pairs"] == kind
        ]
        self._tuned = [
            run for run in runs if run["method"] == "fine-tuning" and run["pairs"] in ("own", kind)
        ]
        self._before = {r["model"]: r["points"][0] for r in self.of("delivered")}
        single = [r for r in self.of("delivered") if "decoy" not in r["card"]]
        planted = [r["model"] for r in single if "attack" in r["card"]]
        self.planted = [name for name in planted if self._works(name) and self._durable(name)]
        self.left_out = [name for name in planted if name not in self.planted]
        self.controls = [r["model"] for r in single if "attack" not in r["card"]]

    def of(self, method: str, models: Iterable[str] | None = None) -> list[Run]:
        """The runs of a method, on all models or on these."""
        wanted = None if models is None else set(models)
        return [
            run
            for run in self.runs
            if run["method"] == method and (wanted is None or run["model"] in wanted)
        ]

    def cleaned(self, method: str, models: Iterable[str] | None = None) -> list[Run]:
        """Those of them that did not leave the model as it was."""
        return [run for run in self.of(method, models) if run["points"]]

    def before(self, model: str) -> dict[str, float]:
        """The grade of the delivered model."""
        found: dict[str, float] = self._before[model]
        return found

    def at(self, run: Run, share: float = 1.0) -> Point:
        """Where a run ends, or where a part of its way leads."""
        point = next(point for point in run["points"] if point["share"] == share)
        lost = self.before(run["model"])["accuracy"] - point["accuracy"]
        return float(lost), float(point["attack_success"])

    def by_model(self, runs: Sequence[Run], share: float = 1.0) -> list[Point]:
        """Where the runs lead: one point for each model, the mean over its seeds."""
        names = sorted({run["model"] for run in runs})
        each = ([self.at(run, share) for run in runs if run["model"] == name] for name in names)
        return [_mean(points) for points in each]

    def mean(self, runs: Sequence[Run], share: float = 1.0) -> Point:
        """The mean over models."""
        return _mean(self.by_model(runs, share))

    @property
    def searched(self) -> list[str]:
        """The models that PAR's grid was run on."""
        return [name for name in self.planted if self.of("par", [name])]

    @property
    def shares(self) -> list[float]:
        """How far along their ways the runs of guided were graded."""
        return sorted({point["share"] for run in self.of("guided") for point in run["points"]})

    def _works(self, model: str) -> bool:
        return self.before(model)["attack_success"] >= WORKS

    def _durable(self, model: str) -> bool:
        """Outlives fine-tuning, where that was tried.

        On drawn pairs it can ruin a whole model, its backdoor included, which shows nothing: then
        pairs of the model's own kind decide.
        """
        tuned = [run["points"][-1] for run in self._tuned if run["model"] == model]
        return not tuned or max(point["attack_success"] for point in tuned) >= DURABLE


def _mean(points: Sequence[Point]) -> Point:
    lost, left = zip(*points, strict=True)
    return fmean(lost), fmean(left)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The bootstrap 95 % interval of a mean over models."""
    found = bootstrap(sample(np.array(values)), np.random.default_rng(0), draws=10_000)
    return found.low, found.high


def par_points(repairs: Repairs) -> Iterable[Point]:
    """The mean of each setting that was run on all of them, at each share of its way."""
    models = repairs.searched
    runs = repairs.of("par", models)
    for rate, tau in sorted({(run["rate"], run["tau"]) for run in runs}):
        same = [run for run in runs if (run["rate"], run["tau"]) == (rate, tau)]
        if len(same) == len(models):
            for share in repairs.shares:
                yield repairs.mean(same, share)


def envelope(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in both, by rising cost."""
    kept: list[Point] = []
    for point in sorted(points):
        if not kept or point[1] < kept[-1][1]:
            kept.append(point)
    return kept


def left_at(frontier: Sequence[Point], lost: float) -> float | None:
    """Attack success at a cost, between points of the frontier; None: it has none so cheap."""
    costs, successes = zip(*frontier, strict=True)
    return None if lost < costs[0] else float(np.interp(lost, costs, successes))


def lost_at(frontier: Sequence[Point], left: float) -> float | None:
    """Cost at an attack success; None: it never gets so low."""
    costs, successes = zip(*frontier, strict=True)
    return None if left < successes[-1] else float(np.interp(left, successes[::-1], costs[::-1]))
