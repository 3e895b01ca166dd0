"""Scan every trained model of the zoo with the default settings and its own vocabulary. Resumable.

Usage: python -m bench.zoo.scan [--work bench/work] [--only PREFIX]

After a new fit (bench.fit) run it again: nothing is scanned twice, but the verdicts are taken anew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from bench import ONE_THREAD
from clipguard.core import schema
from clipguard.core.results import FamilyResult
from clipguard.probes.replay import features, natural, strength
from clipguard.triggers import rule
from clipguard.verdict import calibration
from clipguard.verdict.judge import judge

PRIOR = 0.1


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("bench/work"))
    parser.add_argument("--only", default="")
    parser.add_argument("--data", type=Path, default=Path("bench/data"))
    arguments = parser.parse_args()
    (arguments.work / "scans").mkdir(parents=True, exist_ok=True)
    cards = sorted(arguments.work.glob(f"zoo/{arguments.only}*/card.json"))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda card: _scan(card.parent, arguments.work), cards))
    collect(arguments.work, arguments.data)


def _scan(folder: Path, work: Path) -> None:
    target = work / "scans" / f"{folder.name}.json"
    if target.exists():
        return
    model = folder / "model.pt"
    labels = Path(__file__).parent / "labels.txt"
    options = ["--labels", str(labels), "--quiet", "--output", str(target)]
    command = [sys.executable, "-m", "clipguard", "scan", str(model), *options]
    subprocess.run(command, env=ONE_THREAD, check=False)


def collect(work: Path, data: Path) -> None:
    """Gather cards and scans into two small files that the tables are made from.

    What is kept there of models that are not in ``work`` stays.
    """
    data.mkdir(parents=True, exist_ok=True)
    cards = {p.parent.name: json.loads(p.read_text()) for p in sorted(work.glob("zoo/*/card.json"))}
    scans = {p.stem: compact(p.read_bytes()) for p in sorted(work.glob("scans/*.json"))}
    for name, table in (("zoo.json", cards), ("scans.json", scans)):
        path = data / name
        table = (json.loads(path.read_text()) if path.exists() else {}) | table
        lines = [f"{json.dumps(k)}: {json.dumps(table[k], sort_keys=True)}" for k in sorted(table)]
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def compact(data: bytes) -> dict[str, object]:
    """The figures of one scan that tables, fits and leave-one-out studies need.

    What a family means by itself is looked up again, so that a sink added to its rule counts, and
    the verdict is taken again with the calibration in force, so that no scan is older than it.
    """
    scan = schema.loads(data).delivered
    assert scan is not None
    found = None
    if scan.replay is not None:
        families = tuple(sorted(map(_renamed, scan.replay.families), key=strength))
        found = replace(scan.replay, families=families, features=features(families))
    verdict = judge(scan.checks, found, calibration.load(), PRIOR)
    return {
        "outcome": verdict.outcome.value,
        "likelihood": verdict.likelihood,
        "trigger": verdict.trigger,
        "concept": verdict.concept,
        "checks": {check.id: check.state.value for check in scan.checks},
        "families": [_figures(family) for family in (found.families if found else ())],
    }


def _renamed(family: FamilyResult) -> FamilyResult:
    return replace(family, natural=natural(rule(family.family), family.concept))


def _figures(family: FamilyResult) -> dict[str, object]:
    return {
        "family": family.family,
        "cluster": family.cluster,
        "variant": family.variant,
        "concept": family.concept,
        "contrast": round(family.contrast, 4),
        "kin": round(family.kin, 4),
        "score": round(family.score, 4),
        "moved": family.share_rise.value,
    }


if __name__ == "__main__":
    main()
