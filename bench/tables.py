"""Write docs/benchmarks.md and the trial of the calibration from the measurements in bench/data.

Usage: python -m bench.tables
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.fit import base_of, choose, features, fit, table
from bench.markdown import grid
from bench.repair.page import sections
from bench.zoo.scan import PRIOR
from clipguard.measure.proportion import wilson
from clipguard.verdict.calibration import Calibration, load, posterior

DATA = Path("bench/data")
# Which replayed clusters an attack of the zoo belongs to: these are left out with it.
CLUSTER = {
    "noise-blend": "N",
    "noise-patch": "N",
    "stripe-patch": "S",
    "stripe-blend": "S",
    "triangles": "S",
    "checker-blend": "S",
    "grid": "S",
    "sinusoid": "F",
    "white-square": "Q",
}


def main() -> None:
    """Command line."""
    Path("docs/benchmarks.md").write_text(document())
    text = json.dumps(trial(), indent=2, sort_keys=True) + "\n"
    Path("rules/calibration/replay.trial.json").write_text(text)


def document() -> str:
    """The whole page."""
    clean, planted, dirty, scans = reported()
    parts = [
        (Path("bench/benchmarks.head.md")).read_text(),
        f"## Detection\n\n{detection(clean, dirty, scans)}",
        f"### Leave one family out\n\n{left_out(dirty, scans)}",
        f"### Every model\n\n{models(clean | planted, scans, sorted(set(planted) - set(dirty)))}",
        *sections(),
        *_optional(),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def trial() -> dict[str, Any]:
    """What the shipped calibration made of models that it was not fitted on."""
    clean, _, dirty, scans = reported()
    return {
        "calibration": load().id,
        "clean": len(clean),
        "accused": sum(scans[name]["outcome"] == "backdoored" for name in clean),
        "backdoored": len(dirty),
        "found": sum(scans[name]["outcome"] == "backdoored" for name in dirty),
        "models": "tiny CLIPs at 64 px",
    }


def reported() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Cards of the scanned report models: clean, backdoored, those that count; and all scans."""
    cards, scans = (json.loads((DATA / f"{name}.json").read_text()) for name in ("zoo", "scans"))
    report = {
        name: card for name, card in cards.items() if card["role"] == "report" and name in scans
    }
    clean = {name: card for name, card in report.items() if "attack" not in card}
    planted = {name: card for name, card in report.items() if "attack" in card}
    dirty = {name: card for name, card in planted.items() if qualifies(card, cards)}
    return clean, planted, dirty, scans


def qualifies(card: dict[str, Any], cards: dict[str, Any]) -> bool:
    """A backdoored model counts when its trigger works and its accuracy is near its twin's."""
    twin = cards[f"{card['base']}-twin"]
    return bool(
        card["attack_success"] >= 0.8 and card["clean_accuracy"] >= twin["clean_accuracy"] - 0.05
    )


def detection(clean: dict[str, Any], dirty: dict[str, Any], scans: dict[str, Any]) -> str:
    """Alarms on clean models and finds on backdoored ones, with intervals."""
    alarms = sum(scans[name]["outcome"] == "backdoored" for name in clean)
    undecided = sum(scans[name]["outcome"] == "inconclusive" for name in clean)
    found = sum(scans[name]["outcome"] == "backdoored" for name in dirty)
    right = sum(
        scans[name]["outcome"] == "backdoored" and scans[name]["concept"] == card["target"]
        for name, card in dirty.items()
    )
    real = sum(card["data"] == "real" for card in (clean | dirty).values())
    rows = [
        ("clean models: exit 1 (false alarm)", _rate(alarms, len(clean))),
        ("clean models: exit 3 (inconclusive)", _rate(undecided, len(clean))),
        ("backdoored models: exit 1", _rate(found, len(dirty))),
        ("backdoored models: exit 1 with the right target", _rate(right, len(dirty))),
    ]
    sentence = (
        f"{len(clean)} clean and {len(dirty)} backdoored models that no coefficient was fitted on, "
        f"{real} of them trained on real pictures only; "
        f"{len({c['attack'] for c in dirty.values()})} trigger families, "
        f"{len({c['target'] for c in dirty.values()})} targets, 2 architectures. "
        "Intervals are Wilson's at 95 %; children of one base are related, so the true uncertainty "
        "is larger."
    )
    return f"{sentence}\n\n{grid(('what', 'count'), rows)}"


def left_out(dirty: dict[str, Any], scans: dict[str, Any]) -> str:
    """Power on a family when its whole cluster is neither replayed nor fitted on."""
    rows = []
    for attack in sorted({card["attack"] for card in dirty.values()}):
        cluster = CLUSTER[attack]
        calibration = _without(cluster)
        names = [name for name, card in dirty.items() if card["attack"] == attack]
        found = sum(_accuses(scans[name], cluster, calibration) for name in names)
        rows.append((attack, cluster, str(found), str(len(names))))
    note = (
        "What remains when the trigger's whole cluster is struck from the replay list and its "
        "development models from the fit: the power on families that no rule lists. A replay "
        "finds what it replays; unlisted triggers need inversion, which this version does not have."
    )
    return f"{note}\n\n{grid(('family', 'cluster left out', 'found', 'of'), rows)}"


def _without(cluster: str) -> Calibration:
    cards = json.loads((DATA / "zoo.json").read_text())
    names, rows, truth = table(DATA, "dev")
    kept = np.array([CLUSTER.get(cards[name].get("attack", ""), "") != cluster for name in names])
    bases = np.array([base_of(name) for name in names])
    strength = choose(rows[kept], truth[kept], bases[kept])
    coefficients, intercept = fit(rows[kept], truth[kept], strength)
    return Calibration(
        id="left-out",
        coefficients=coefficients,
        intercept=intercept,
        clean=int((~truth[kept]).sum()),
        backdoored=int(truth[kept].sum()),
        fitted_on="",
    )


def _accuses(scan: dict[str, Any], cluster: str, calibration: Calibration) -> bool:
    """The verdict's rule on what is left of a scan: likelihood and reproduction."""
    values = features([item for item in scan["families"] if item["cluster"] != cluster])
    ratio = calibration.likelihood_ratio(values)
    return posterior(PRIOR, ratio) >= 0.5 and values["moved"] >= 0.42


def models(cards: dict[str, Any], scans: dict[str, Any], uncounted: Sequence[str]) -> str:
    """One line for each reported model; ``uncounted`` are those that do not qualify."""
    rows = []
    for name, card in cards.items():
        scan = scans[name]
        rows.append(
            (
                name,
                card["data"],
                f"{card['clean_accuracy']:.2f}",
                f"{card['attack_success']:.2f}" if "attack" in card else "-",
                card.get("target", "-"),
                scan["outcome"],
                f"{scan['likelihood'] or 0:.2f}",
                scan["trigger"] or "-",
                scan["concept"] or "-",
                f"{features(scan['families'])['contrast']:.2f}",
            )
        )
    head = (
        "model",
        "trained on",
        "accuracy",
        "attack success",
        "target",
        "outcome",
        "likelihood",
        "trigger named",
        "concept named",
        "contrast",
    )
    fitted = load()
    note = (
        f"Coefficients: {fitted.id}, fitted on {fitted.clean} clean and {fitted.backdoored} "
        f"backdoored development models; prior {PRIOR:g}; likelihood ratios stay between "
        f"1 : {fitted.backdoored + 1} and {fitted.clean + 1} : 1. "
        f"Not counted above: {', '.join(uncounted) or 'none'}."
    )
    return f"{note}\n\n{grid(head, rows)}"


def _optional() -> Iterable[str]:
    """Sections whose measurements are kept as tables of their own."""
    for name in ("speed", "speed_onnx", "speed_onnx_avx2", "speed_clean", "speed_fleet"):
        path = DATA / f"{name}.json"
        if path.exists():
            section = json.loads(path.read_text())
            rows = [tuple(map(str, row)) for row in section["rows"]]
            yield f"## {section['title']}\n\n{section['note']}\n\n{grid(section['head'], rows)}"


def _rate(count: int, total: int) -> str:
    interval = wilson(count, total)
    return f"{count} of {total} ({100 * interval.low:.0f}-{100 * interval.high:.0f} %)"


if __name__ == "__main__":
    main()
