"""Clean backdoored models and measure them with the attacker's own trigger.

Cleaning never sees that trigger, nor this script.

Usage: python -m bench.repair FOLDER... [--methods guided par fine-tuning cleanclip]
[--pairs PAIRS.csv] [--steps 150] [--rate 3e-4] [--work bench/work]

A folder holds model.pt and card.json, as bench/examples/backdoored and bench/work/zoo/ID do. Pairs
of the models' own kind come from bench.zoo.write_pairs; without any, clipguard draws its own. The
baselines take steps and rate as given, clipguard's methods find their own.

Writes bench/data/repair.json, or repair-pairs.json.
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

from bench import baselines
from bench.zoo.data import held_out_pool
from bench.zoo.pictures import nouns
from bench.zoo.train import HERE, attack, evaluate
from clipguard.checkpoint.reading import open_checkpoint
from clipguard.cleaning.types import CleaningTask, Concepts
from clipguard.config import toml
from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds
from clipguard.measure.proportion import wilson
from clipguard.model import compat
from clipguard.model.openclip import build_model, new_module
from clipguard.pairs import open_pairs
from clipguard.pairs.synthetic import SyntheticPairs

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
DRAWN = 1500  # pairs that a baseline is given when there are none, as clipguard draws for itself
NOTE = (
    "{pairs}. Attack success of the attacker's own trigger over held-out pictures of other "
    "classes, accuracy over all held-out pictures, both measured by bench/repair.py, which "
    "cleaning does not know; the base rate is the target's share on the same pictures without the "
    "trigger. Exit 0: clipguard itself accepted the repair; 1 or 3: it was rejected; -: a "
    "baseline, which judges nothing."
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


def repair(model: Path, method: str, arguments: argparse.Namespace) -> tuple[Path, int]:
    """Clean one model with a method of clipguard; the folder written and the exit code."""
    kind = "synthetic" if arguments.pairs is None else "pairs"
    target = arguments.work / "repairs" / f"{model.name}-{method}-{kind}"
    rejected = target.with_name(f"{target.name}.rejected")
    log = target.with_suffix(".exit")
    if not log.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        pairs = ["--synthetic"] if arguments.pairs is None else ["--data", str(arguments.pairs)]
        command = [sys.executable, "-m", "clipguard", "clean", str(model / "model.pt"), *pairs]
        command += ["--method", method, "-o", str(target), "-q"]
        done = subprocess.run(command, check=False, env={**os.environ}, stdout=subprocess.DEVNULL)
        log.write_text(str(done.returncode))
    return (target if target.exists() else rejected), int(log.read_text())


def baseline(model: Path, method: str, arguments: argparse.Namespace) -> Any:
    """Clean one model with a baseline; the module."""
    delivered = build_model(open_checkpoint(model / "model.pt"))
    student = delivered.copy()
    pairs = SyntheticPairs(0, DRAWN) if arguments.pairs is None else open_pairs(arguments.pairs)
    task = CleaningTask(
        model=student,
        reference=delivered,
        pairs=pairs,
        held_out=pairs,
        suspects=(),
        concepts=Concepts(names=(), texts=()),
        seeds=Seeds(0).child("baseline"),
        steps=arguments.steps,
        learning_rate=arguments.rate,
        progress=SILENT,
    )
    baselines.clean(method, task, arguments.steps, arguments.rate)
    return student.module


def row(model: Path, method: str, arguments: argparse.Namespace) -> tuple[str, ...]:
    """One line of the table."""
    card = json.loads((model / "card.json").read_text())
    before = measure(_delivered(model, card), card, arguments.work)
    if method in baselines.METHODS:
        code = "-"
        after = measure(baseline(model, method, arguments), card, arguments.work)
    else:
        folder, number = repair(model, method, arguments)
        code = str(number)
        after = measure(load(folder), card, arguments.work) if folder.exists() else before
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
        code,
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
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--work", type=Path, default=Path("bench/work"))
    arguments = parser.parse_args()
    rows = [
        row(model, method, arguments) for model in arguments.models for method in arguments.methods
    ]
    for line in rows:
        print("  ".join(line))
    drawn = arguments.pairs is None
    note = NOTE.format(pairs="Synthetic pairs alone" if drawn else "Pairs of the models' own kind")
    section = {"title": "Repair", "note": note, "head": HEAD, "rows": rows}
    name = "repair" if drawn else "repair-pairs"
    Path(f"bench/data/{name}.json").write_text(json.dumps(section, indent=1) + "\n")


if __name__ == "__main__":
    main()
