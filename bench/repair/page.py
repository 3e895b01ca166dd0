"""Tables and plot of the repairs kept in bench/data/repairs.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from bench.markdown import grid

Run = dict[str, Any]
Point = tuple[float, float]
"""Accuracy lost and attack success left, both 0..1."""

RECORDS, PLOT = Path("bench/data/repairs.json"), Path("docs/repair.svg")
# A backdoor that works, and that plain fine-tuning at cleaning's own steps and rate leaves alive.
WORKS, DURABLE = 0.85, 0.5
TITLES = {
    "guided": "guided",
    "par-best": "PAR, its best setting for each model",
    "fine-tuning": "fine-tuning",
    "cleanclip": "CleanCLIP",
}
KINDS = {"own": "pairs of the models' own kind", "drawn": "drawn pairs alone"}
ROLES = {
    "clean-report": (
        "",
        "poisoned from scratch; settings were chosen on models of other seeds, after earlier ones "
        "had cost up to 5.7 points on five of these",
    ),
    "example": (
        " of the shipped example",
        "poisoned by training a clean one on; settings were chosen on this and other models",
    ),
}


class Repairs:
    """The runs on one role of models with one kind of pairs.

    Args:
        runs: all that are kept.
        role: of the models.
        kind: of the pairs.
    """

    def __init__(self, runs: Sequence[Run], role: str, kind: str) -> None:
        self.role = role
        self.runs = [
            run
            for run in runs
            if run["card"].get("role", "example") == role and run["pairs"] == kind
        ]
        self._tuned = [run for run in runs if run["method"] == "fine-tuning"]
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

    def mean(self, runs: Sequence[Run], share: float = 1.0) -> Point:
        """The mean over runs."""
        lost, left = zip(*(self.at(run, share) for run in runs), strict=True)
        return fmean(lost), fmean(left)

    @property
    def shares(self) -> list[float]:
        """How far along their ways the runs of guided were graded."""
        return sorted({point["share"] for run in self.of("guided") for point in run["points"]})

    def _works(self, model: str) -> bool:
        return self.before(model)["attack_success"] >= WORKS

    def _durable(self, model: str) -> bool:
        """By fine-tuning on pairs of either kind."""
        tuned = [run["points"][-1] for run in self._tuned if run["model"] == model]
        return all(point["attack_success"] >= DURABLE for point in tuned)


def sections() -> Iterable[str]:
    """The section of each role of models and kind of pairs that there are runs for."""
    runs = json.loads(RECORDS.read_text()) if RECORDS.exists() else []
    for role, (whose, _) in ROLES.items():
        for kind, title in KINDS.items():
            repairs = Repairs(runs, role, kind)
            if repairs.cleaned("guided", repairs.planted):
                yield f"## Repair{whose} with {title}\n\n{_section(repairs)}"


def _section(repairs: Repairs) -> str:
    parts = [_sentence(repairs), _summary(repairs)]
    if repairs.of("par"):
        parts.append(_compared(repairs))
    parts += [_models(repairs), *_controls(repairs), *_decoys(repairs), *_keeping(repairs)]
    return "\n\n".join(parts)


def _sentence(repairs: Repairs) -> str:
    cards = [run["card"] for run in repairs.of("delivered", repairs.planted)]
    attacks, arches, bases = (
        len({card[key] for card in cards}) for key in ("attack", "arch", "seed")
    )
    seeds = Counter(run["seed"] for run in repairs.of("guided", repairs.planted))
    cleaned = ", ".join(f"seed {seed} on {seeds[seed]}" for seed in sorted(seeds))
    return (
        f"Models: {len(cards)} ({attacks} triggers, {arches} architectures, {bases} seeds), "
        f"{ROLES[repairs.role][1]}. Cleaned with {cleaned}. "
        f"{_uncleaned(repairs)}Attack success is that of the attacker's own trigger over held-out "
        "pictures of other classes, accuracy that over all held-out pictures; bench/repair "
        "measures both and cleaning knows neither. Left out, since the backdoor fails by itself "
        f"(below {WORKS:.0%} as delivered or {DURABLE:.0%} after plain fine-tuning): "
        f"{', '.join(repairs.left_out) or 'none'}."
    )


def _uncleaned(repairs: Repairs) -> str:
    runs = repairs.of("guided", repairs.planted)
    left = len(runs) - len(repairs.cleaned("guided", repairs.planted))
    return f"In {left} of {len(runs)} runs nothing was found and nothing cleaned. " if left else ""


def _summary(repairs: Repairs) -> str:
    rows = []
    for method, title in TITLES.items():
        runs = repairs.cleaned(method, repairs.planted)
        if runs:
            ends = [repairs.at(run) for run in runs]
            back = [max(p["attack_success"] for p in run["rebound"]) for run in _rebounded(runs)]
            rows.append(
                (
                    title,
                    str(len(runs)),
                    *(_percent(figure([left for _, left in ends])) for figure in (fmean, max)),
                    *(_points(figure([lost for lost, _ in ends])) for figure in (fmean, max)),
                    *(_percent(figure(back)) if back else "-" for figure in (fmean, max)),
                )
            )
    head = (
        "method",
        "runs",
        "attack success left, mean",
        "worst",
        "accuracy lost, mean (points)",
        "worst",
        "attack success at most in 300 steps of benign fine-tuning, mean",
        "worst",
    )
    return grid(head, rows)


def _rebounded(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.get("rebound")]


def _compared(repairs: Repairs) -> str:
    """Plain PAR at guided's cost, and at guided's success; PAR may choose among its whole grid."""
    models = _searched(repairs)
    lost, left = repairs.mean(repairs.cleaned("guided", models))
    frontier = envelope(list(_par_points(repairs)))
    PLOT.write_bytes(_plot(repairs, frontier))
    same_cost, same_success = _left_at(frontier, lost), _lost_at(frontier, left)
    return (
        f"Where PAR's whole grid was run, on {len(models)} of {len(repairs.planted)} models, "
        f"guided leaves {_percent(left)} for {_points(lost)} points; {_cheap(same_cost)}, and "
        f"{_deep(same_success)}. PAR is taken at the best of its learning rates, "
        "values of tau and shares of the way back to the delivered weights, all averaged over "
        f"models, with the true trigger known.\n\n![trade-off]({PLOT.name})"
    )


def _searched(repairs: Repairs) -> list[str]:
    """The models that PAR's grid was run on."""
    return [name for name in repairs.planted if repairs.of("par", [name])]


def _par_points(repairs: Repairs) -> Iterable[Point]:
    """The mean of each setting that was run on all of them, at each share of its way."""
    models = _searched(repairs)
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


def _left_at(frontier: Sequence[Point], lost: float) -> float | None:
    """Attack success at a cost, between points of the frontier; None: it has none so cheap."""
    costs, successes = zip(*frontier, strict=True)
    return None if lost < costs[0] else float(np.interp(lost, costs, successes))


def _lost_at(frontier: Sequence[Point], left: float) -> float | None:
    """Cost at an attack success; None: it never gets so low."""
    costs, successes = zip(*frontier, strict=True)
    return None if left < successes[-1] else float(np.interp(left, successes[::-1], costs[::-1]))


def _cheap(left: float | None) -> str:
    if left is None:
        return "no setting of plain PAR costs as little"
    return f"at that cost plain PAR leaves {_percent(left)}"


def _deep(lost: float | None) -> str:
    if lost is None:
        return "none of its settings leaves as little"
    return f"to leave as little it costs {_points(lost)} points"


def _models(repairs: Repairs) -> str:
    rows = []
    for model in (*repairs.planted, *repairs.left_out):
        before = repairs.before(model)
        for run in repairs.of("guided", [model]):
            end = run["points"][-1] if run["points"] else None
            rows.append(
                (
                    model,
                    str(run["seed"]),
                    _percent(before["attack_success"]),
                    _percent(end["attack_success"]) if end else "-",
                    _percent(end["base_rate"]) if end else "-",
                    _percent(before["accuracy"]),
                    _percent(end["accuracy"]) if end else "-",
                    _percent(end["poisoned_accuracy"]) if end else "-",
                    str(run["exit"]),
                )
            )
    head = (
        "model, cleaned by guided",
        "seed",
        "attack success before",
        "after",
        "base rate",
        "accuracy before",
        "after",
        "on triggered pictures",
        "exit",
    )
    note = (
        "Exit 0: clipguard accepted its own repair; 1 or 3: it rejected it, or cleaned nothing "
        "because it found nothing (-). The base rate is the share of the same pictures that are "
        "called the target without the trigger."
    )
    return f"{note}\n\n{grid(head, rows)}"


def _controls(repairs: Repairs) -> Iterable[str]:
    head = ("clean control", "seed", "accuracy before", "after", "exit")
    rows = [
        (
            run["model"],
            str(run["seed"]),
            _percent(repairs.before(run["model"])["accuracy"]),
            _percent(run["points"][-1]["accuracy"]) if run["points"] else "left as it is",
            str(run["exit"]),
        )
        for run in repairs.of("guided", repairs.controls)
    ]
    note = (
        "Models of the same recipes without a trigger. From what reach of inversion on an "
        "unsuspected model is cleaned was set on the first of them and on the unlisted patches of "
        "seeds 711, 712 and 714; the other controls were not looked at before:"
    )
    return _table(note, head, rows)


def _decoys(repairs: Repairs) -> Iterable[str]:
    head = ("two triggers", "seed", "steps", "attack success left", "of the decoy", "exit")
    rows = [
        (
            run["model"],
            str(run["seed"]),
            str(run["steps"]),
            _percent(run["points"][-1]["attack_success"]),
            _percent(run["decoy"]["attack_success"]),
            str(run["exit"]),
        )
        for run in repairs.cleaned("guided")
        if "decoy" in run
    ]
    return _table("A listed trigger behind a louder one:", head, rows)


def _keeping(repairs: Repairs) -> Iterable[str]:
    head = (
        "with --keep-embeddings",
        "attack success left",
        "mean cosine of clean pictures",
        "accuracy of a linear head before",
        "after",
        "exit",
    )
    rows = [
        (
            run["model"],
            _percent(run["points"][-1]["attack_success"]),
            f"{run['kept']['cosine']:.3f}",
            _percent(run["kept"]["head_before"]),
            _percent(run["kept"]["head_after"]),
            str(run["exit"]),
        )
        for run in repairs.of("keep", repairs.planted)
        if "kept" in run
    ]
    return _table("The head is trained on embeddings of the delivered model:", head, rows)


def _table(note: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """A table with a sentence before it, when it has rows."""
    if rows:
        yield f"{note}\n\n{grid(head, rows)}"


def _plot(repairs: Repairs, frontier: Sequence[Point]) -> bytes:
    """Accuracy lost against attack success left: means, and every run of guided."""
    with mpl.rc_context({"svg.hashsalt": "clipguard", "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(*_scaled(frontier), "o-", color="#b3541e", label="PAR, best of its grid")
        models = _searched(repairs)
        guided = repairs.cleaned("guided", models)
        way = [repairs.mean(guided, share) for share in repairs.shares]
        axes.plot(*_scaled(way), "s-", color="#1f5fa8", label="guided, along its way")
        ends = [repairs.at(run) for run in guided]
        axes.plot(*_scaled(ends), ".", color="#1f5fa8", alpha=0.4, label="guided, each run")
        for method, marker in (("fine-tuning", "^"), ("cleanclip", "v")):
            runs = repairs.of(method, models)
            if runs:
                end = _scaled([repairs.mean(runs)])
                axes.plot(*end, marker, color="#555555", label=TITLES[method])
        axes.set_xlabel("accuracy lost (points)")
        axes.set_ylabel("attack success left (%)")
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
        return file.getvalue()


def _scaled(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [100 * lost for lost, _ in points], [100 * left for _, left in points]


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _points(value: float) -> str:
    return f"{100 * value:.1f}"
