"""Fit the likelihood ratio of the replay probe on the development models of the zoo.

Usage: python -m bench.fit [--data bench/data]

Writes rules/calibration/replay.json. Only models of role ``dev`` are read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from clipguard.probes.replay import natural
from clipguard.triggers import rule

FEATURES = ("contrast", "kin", "moved", "outlier")
REPRODUCES = 0.8  # attack success that makes a model a positive; weaker ones are left out
# Inverse ridge strengths to choose from, by the log loss on bases left out of the fit.
STRENGTHS = (1.0, 10.0, 100.0, 1000.0)


def table(data: Path, role: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, features (N, 4) and truth (N,) of the scanned models of a role."""
    cards = json.loads((data / "zoo.json").read_text())
    scans = json.loads((data / "scans.json").read_text())
    names = [
        name
        for name, card in cards.items()
        if card["role"] == role
        and name in scans
        and scans[name]["families"]
        and card.get("attack_success", 1.0) >= REPRODUCES
    ]
    measured = [features(scans[name]["families"]) for name in names]
    rows = np.array([[values[key] for key in FEATURES] for values in measured])
    truth = np.array(["attack" in cards[name] for name in names])
    return names, rows, truth


def features(families: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The verdict's features from the kept figures of a scan.

    What a family means by itself is looked up again, so that a sink added to its rule counts.
    """
    planted = [item for item in families if not natural(rule(item["family"]), item["concept"])]
    if not planted:
        return dict.fromkeys(FEATURES, 0.0)
    best = max(planted, key=lambda item: float(item["contrast"] + item["kin"]))
    return {
        "contrast": max(best["contrast"], 0.0),
        "kin": best["kin"],
        "moved": best["moved"] or 0.0,
        "outlier": min(max(best["score"], 0.0), 8.0) / 8.0,
    }


def base_of(name: str) -> str:
    """The base of a model of the zoo: the first three words of its name."""
    return "-".join(name.split("-")[:3])


def fit(rows: np.ndarray, truth: np.ndarray, strength: float) -> tuple[dict[str, float], float]:
    """Coefficients and intercept; a feature of negative weight is dropped, the rest refitted.

    More evidence must never lower the likelihood, and the two classes weigh as they come: the
    calibration divides by their odds.
    """
    kept = list(range(len(FEATURES)))
    while True:
        model = LogisticRegression(C=strength).fit(rows[:, kept], truth)
        weights = model.coef_[0]
        if (weights >= 0).all():
            names = [FEATURES[index] for index in kept]
            return dict(zip(names, map(float, weights), strict=True)), float(model.intercept_[0])
        kept.remove(kept[int(weights.argmin())])


def choose(rows: np.ndarray, truth: np.ndarray, bases: np.ndarray) -> float:
    """The strength of least log loss when each base in turn, with all its children, is left out."""
    return min(STRENGTHS, key=lambda strength: left_out_loss(rows, truth, bases, strength))


def left_out_loss(rows: np.ndarray, truth: np.ndarray, bases: np.ndarray, strength: float) -> float:
    """Mean negative log likelihood over models of bases that were not fitted on."""
    total = 0.0
    for base in sorted(set(bases)):
        out = bases == base
        coefficients, intercept = fit(rows[~out], truth[~out], strength)
        weights = np.array([coefficients.get(name, 0.0) for name in FEATURES])
        log_odds = rows[out] @ weights + intercept
        total += float(np.logaddexp(0, np.where(truth[out], -log_odds, log_odds)).sum())
    return total / len(truth)


def calibration(data: Path) -> dict[str, Any]:
    """The content of the calibration file."""
    names, rows, truth = table(data, "dev")
    strength = choose(rows, truth, np.array([base_of(name) for name in names]))
    coefficients, intercept = fit(rows, truth, strength)
    return {
        "id": f"replay-{len(names)}-tiny",
        "coefficients": {name: round(value, 4) for name, value in coefficients.items()},
        "intercept": round(intercept, 4),
        "clean": int((~truth).sum()),
        "backdoored": int(truth.sum()),
        "fitted_on": "tiny ViT and ModifiedResNet CLIPs at 64 px (bench/zoo, role dev), "
        f"inverse ridge strength {strength:g} chosen by leaving bases out",
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("bench/data"))
    arguments = parser.parse_args()
    text = json.dumps(calibration(arguments.data), indent=2, sort_keys=True) + "\n"
    Path("rules/calibration/replay.json").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
