"""Fit the likelihood ratio of the replay probe on the development models of the zoo.

Usage: python -m bench.fit [--data bench/data]

Writes rules/calibration/replay.json. Only models of role ``dev`` are read.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

FEATURES = ("contrast", "moved", "outlier")
REPRODUCES = 0.8  # attack success that makes a model a positive; weaker ones are left out
# Ridge strength: features lie in 0..1, so C = 10 allows about 10 nats a feature.
STRENGTH = 10.0


def table(data: Path, role: str) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, features (N, 3) and truth (N,) of the scanned models of a role."""
    cards = json.loads((data / "zoo.json").read_text())
    scans = json.loads((data / "scans.json").read_text())
    names = [
        name
        for name, card in cards.items()
        if card["role"] == role
        and name in scans
        and scans[name]["features"]
        and card.get("attack_success", 1.0) >= REPRODUCES
    ]
    rows = np.array([[scans[name]["features"][key] for key in FEATURES] for name in names])
    truth = np.array(["attack" in cards[name] for name in names])
    return names, rows, truth


def fit(rows: np.ndarray, truth: np.ndarray) -> tuple[dict[str, float], float]:
    """Coefficients and intercept; a feature of negative weight is dropped, the rest refitted.

    More evidence must never lower the likelihood, and the two classes weigh as they come: the
    calibration divides by their odds.
    """
    kept = list(range(len(FEATURES)))
    while True:
        model = LogisticRegression(C=STRENGTH).fit(rows[:, kept], truth)
        weights = model.coef_[0]
        if (weights >= 0).all():
            names = [FEATURES[index] for index in kept]
            return dict(zip(names, map(float, weights), strict=True)), float(model.intercept_[0])
        kept.remove(kept[int(weights.argmin())])


def calibration(data: Path) -> dict[str, Any]:
    """The content of the calibration file."""
    names, rows, truth = table(data, "dev")
    coefficients, intercept = fit(rows, truth)
    return {
        "id": f"replay-{len(names)}-tiny",
        "coefficients": {name: round(value, 4) for name, value in coefficients.items()},
        "intercept": round(intercept, 4),
        "clean": int((~truth).sum()),
        "backdoored": int(truth.sum()),
        "fitted_on": "tiny ViT and ModifiedResNet CLIPs at 64 px (bench/zoo, role dev)",
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
