"""Clean backdoored models and measure them with the attacker's own trigger.

Cleaning never sees that trigger, nor this script.

Usage: python -m bench.repair FOLDER... [--methods guided par] [--work bench/work]

A folder holds model.pt and card.json, as bench/examples/backdoored and bench/work/zoo/ID do.

Writes bench/data/repair.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.zoo.data import held_out_pool
from bench.zoo.pictures import nouns
from bench.zoo.train import HERE, attack, evaluate
from clipguard.config import toml
from clipguard.core.seeds import Seeds
from clipguard.measure.proportion import wilson
from clipguard.model import compat
from clipguard.model.openclip import new_module

HEAD = (
    "model",
    "method",
    "attack success before",
    "after (95 %)",
    "base rate",
    "accuracy before",
    "after",
    "on triggered pictures, after",
    "exit",
)
NOTE = (
    "Synthetic pairs alone. Attack success of the attacker's own trigger over held-out pictures of "
    "other classes, accuracy over all held-out pictures, both measured by bench/repair.py, which "
    "cleaning does not know; the base rate is the target's share on the same pictures without the "
    "trigger. Exit 0: clipguard itself accepted the repair; 1 or 3: it was rejected."
)


def measure(clip: Any, card: dict[str, Any], work: Path) -> dict[str, float]:
    """Accuracy, attack success and base rate of a model against the true trigger."""
    held = held_out_pool(work / "pictures", work / "pools")
    answers = evaluate(clip, held.pixels(np.arange(len(held.texts)))).numpy()
    target = nouns().index(card["target"])
    others = np.flatnonzero(held.labels != target)
    trigger = attack(card["attack"], card["seed"])
    stamped = trigger(held.pixels(others), Seeds(card["seed"]).child("repair").torch())
    triggered = evaluate(clip, stamped).numpy()
    return {
        "accuracy": float((answers == held.labels).mean()),
        "attack_success": float((triggered == target).mean()),
        "base_rate": float((answers[others] == target).mean()),
        "triggered_accuracy": float((triggered == held.labels[others]).mean()),
        "pictures": len(others),
    }


def load(folder: Path) -> Any:
    """A cleaned model, through open_clip's own loader."""
    return compat.open_clip().create_model(f"local-dir:{folder}").eval()


def repair(model: Path, method: str, work: Path) -> tuple[Path, int]:
    """Clean one model; the folder written and the exit code."""
    target = work / "repairs" / f"{model.name}-{method}"
    rejected = target.with_name(f"{target.name}.rejected")
    log = target.with_suffix(".exit")
    if not log.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "clipguard",
            "clean",
            str(model / "model.pt"),
            "--synthetic",
            "--method",
            method,
            "-o",
            str(target),
            "-q",
        ]
        done = subprocess.run(command, check=False, env={**os.environ}, stdout=subprocess.DEVNULL)
        log.write_text(str(done.returncode))
    return (target if target.exists() else rejected), int(log.read_text())


def row(model: Path, method: str, work: Path) -> tuple[str, ...]:
    """One line of the table."""
    card = json.loads((model / "card.json").read_text())
    folder, code = repair(model, method, work)
    before = measure(_delivered(model, card), card, work)
    after = measure(load(folder), card, work) if folder.exists() else before
    interval = wilson(round(after["attack_success"] * after["pictures"]), int(after["pictures"]))
    return (
        model.name,
        method,
        f"{before['attack_success']:.3f}",
        f"{after['attack_success']:.3f} ({interval.low:.3f}-{interval.high:.3f})",
        f"{before['base_rate']:.3f}",
        f"{before['accuracy']:.3f}",
        f"{after['accuracy']:.3f}",
        f"{after['triggered_accuracy']:.3f}",
        str(code),
    )


def _delivered(model: Path, card: dict[str, Any]) -> Any:
    clip = new_module(toml.load(HERE / "architectures.toml")[card["arch"]])
    clip.load_state_dict(torch.load(model / "model.pt", weights_only=True)["state_dict"])
    return clip.eval()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--methods", nargs="+", default=["guided", "par"])
    parser.add_argument("--work", type=Path, default=Path("bench/work"))
    arguments = parser.parse_args()
    rows = [
        row(model, method, arguments.work)
        for model in arguments.models
        for method in arguments.methods
    ]
    for line in rows:
        print("  ".join(line))
    section = {"title": "Repair", "note": NOTE, "head": HEAD, "rows": rows}
    Path("bench/data/repair.json").write_text(json.dumps(section, indent=1) + "\n")


if __name__ == "__main__":
    main()
