"""Tables of the repairs kept in bench/data/repairs.json."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean

from bench.markdown import grid
from bench.repair.plot import trade_off
from bench.repair.records import (
    DURABLE,
    TITLES,
    WORKS,
    Repairs,
    Run,
    envelope,
    interval,
    left_at,
    lost_at,
    par_points,
)

RECORDS, PLOT = Path("bench/data/repairs.json"), Path("docs/repair.svg")
SECTIONS = {  # role of the models and kind of the pairs -> title, what settings were chosen on
    ("clean-report", "own"): (
        "Repair with pairs of the models' own kind",
        "poisoned from scratch; settings were chosen on models of other seeds, after earlier ones "
        "had cost up to 5.7 points on five of those with seeds 731 to 734",
    ),
    ("clean-report", "drawn"): (
        "Repair with drawn pairs alone",
        "poisoned from scratch; settings were chosen on models of other seeds, after the trigger "
        "had come back to 59 % at most, and 6.4 points had been lost, on those with seeds 731 to "
        "735 under earlier ones; 737 was trained when all but the second settling round was chosen",
    ),
    ("example", "drawn"): (
        "Repair of the shipped example with drawn pairs alone",
        "poisoned by training a clean one on; settings were chosen on this and other models",
    ),
}


def sections() -> Iterable[str]:
    """The section of each role of models and kind of pairs that there are runs for."""
    runs = json.loads(RECORDS.read_text()) if RECORDS.exists() else []
    for (role, kind), (title, origin) in SECTIONS.items():
        repairs = Repairs(runs, role, kind)
        if repairs.cleaned("guided", repairs.planted):
            yield f"## {title}\n\n{_section(repairs, origin)}"


def _section(repairs: Repairs, origin: str) -> str:
    parts = [_sentence(repairs, origin), _summary(repairs), *_later(repairs)]
    if repairs.of("par"):
        parts.append(_compared(repairs))
    parts += [_models(repairs), *_controls(repairs), *_decoys(repairs), *_keeping(repairs)]
    return "\n\n".join(parts)


def _sentence(repairs: Repairs, origin: str) -> str:
    cards = [run["card"] for run in repairs.of("delivered", repairs.planted)]
    attacks, arches, bases = (
        len({card[key] for card in cards}) for key in ("attack", "arch", "seed")
    )
    seeds = Counter(run["seed"] for run in repairs.of("guided", repairs.planted))
    cleaned = ", ".join(f"seed {seed} on {seeds[seed]}" for seed in sorted(seeds))
    return (
        f"Models: {len(cards)} ({attacks} triggers, {arches} architectures, {bases} seeds), "
        f"{origin}. Cleaned with {cleaned}. "
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
    for title, runs in _groups(repairs):
        if runs:
            lost, left = zip(*repairs.by_model(runs), strict=True)
            most_lost, most_left = (max(ends) for ends in zip(*map(repairs.at, runs), strict=True))
            back = [_most(run) for run in _rebounded(runs)]
            rows.append(
                (
                    title,
                    str(len(runs)),
                    _with_interval(_percent, left),
                    _percent(most_left),
                    _with_interval(_points, lost),
                    _points(most_lost),
                    *(_percent(figure(back)) if back else "-" for figure in (fmean, max)),
                )
            )
    head = (
        "method",
        "runs",
        "attack success left, mean over models (95 % bootstrap interval)",
        "worst",
        "accuracy lost, mean (points)",
        "worst",
        "attack success at most in 300 steps of benign fine-tuning, mean",
        "worst",
    )
    return grid(head, rows)


def _groups(repairs: Repairs) -> Iterable[tuple[str, Sequence[Run]]]:
    """The rows of the summary. On drawn pairs guided knows no more than the scan does."""
    for method, title in TITLES.items():
        runs = repairs.cleaned(method, repairs.planted)
        if method == "guided" and repairs.kind == "drawn":
            named = [run for run in runs if run["suspected"] == run["card"]["target"]]
            yield f"{title}, where the scan named the target", named
            yield f"{title}, where it suspected something else", [r for r in runs if r not in named]
        else:
            yield title, runs
        if method == "guided":
            passed = [run for run in runs if run["exit"] == 0]
            yield f"{title}, what clipguard accepted", passed if passed != runs else []


def _with_interval(written: Callable[[float], str], values: Sequence[float]) -> str:
    if len(values) < 2:
        return written(fmean(values))
    low, high = interval(values)
    return f"{written(fmean(values))} ({written(low)} to {written(high)})"


def _later(repairs: Repairs) -> Iterable[str]:
    """What fine-tuning on pairs of the models' own kind brings back after drawn ones."""
    runs = repairs.of("later", repairs.planted)
    passed = {(run["model"], run["seed"]) for run in repairs.of("guided") if run["exit"] == 0}
    kept = [run for run in runs if (run["model"], run["seed"]) in passed]
    if kept:
        yield (
            "These steps of fine-tuning are on drawn pairs, which ruin a model by themselves. In as"
            f" many on pairs of the models' own kind attack success is at most {_back(runs)} over "
            f"{len(runs)} repairs; over the {len(kept)} that clipguard accepted at most "
            f"{_back(kept)}."
        )


def _back(runs: Sequence[Run]) -> str:
    back = [_most(run) for run in runs]
    return f"{_percent(max(back))} ({_percent(fmean(back))} on average)"


def _rebounded(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if run.get("rebound")]


def _tuned(repairs: Repairs, models: Sequence[str]) -> list[Run]:
    """Runs that were fine-tuned on pairs of the models' own kind after guided cleaning."""
    return _rebounded(repairs.of("later" if repairs.kind == "drawn" else "guided", models))


def _most(run: Run) -> float:
    """The highest attack success in benign fine-tuning, 0..1."""
    return float(max(point["attack_success"] for point in run["rebound"]))


def _compared(repairs: Repairs) -> str:
    """Plain PAR at guided's cost, and at guided's success; PAR may choose among its whole grid."""
    models = repairs.searched
    lost, left = repairs.mean(repairs.cleaned("guided", models))
    frontier = envelope(list(par_points(repairs)))
    PLOT.write_bytes(trade_off(repairs, frontier))
    same_cost, same_success = left_at(frontier, lost), lost_at(frontier, left)
    return (
        f"Where PAR's whole grid was run, on {len(models)} of {len(repairs.planted)} models, "
        f"guided leaves {_percent(left)} for {_points(lost)} points; {_cheap(same_cost)}, and "
        f"{_deep(same_success)}. PAR is taken at the best of its learning rates, "
        "values of tau and shares of the way back to the delivered weights, all averaged over "
        f"models, with the true trigger known.\n\n![trade-off]({PLOT.name})"
    )


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
            tuned = [other for other in _tuned(repairs, [model]) if other["seed"] == run["seed"]]
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
                    _percent(_most(tuned[0])) if tuned else "-",
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
        "attack success at most in benign fine-tuning",
        "exit",
    )
    note = (
        "Exit 0: clipguard accepted its own repair; 1 or 3: it rejected it, or cleaned nothing "
        "because it found nothing (-). The base rate is the share of the same pictures that are "
        "called the target without the trigger. Fine-tuning is on pairs of the models' own kind."
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


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _points(value: float) -> str:
    return f"{100 * value:.1f}"
