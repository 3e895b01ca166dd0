"""Scan every trained model of the zoo with the default settings and its own vocabulary. Resumable.

Usage: python -m bench.zoo.scan [--work bench/work] [--only PREFIX]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


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
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    model = folder / "model.pt"
    labels = Path(__file__).parent / "labels.txt"
    options = ["--labels", str(labels), "--quiet", "--output", str(target)]
    command = [sys.executable, "-m", "clipguard", "scan", str(model), *options]
    subprocess.run(command, env=environment, check=False)


def collect(work: Path, data: Path) -> None:
    """Gather cards and scans into two small files that the tables are made from."""
    data.mkdir(parents=True, exist_ok=True)
    cards = {p.parent.name: json.loads(p.read_text()) for p in sorted(work.glob("zoo/*/card.json"))}
    scans = {p.stem: compact(json.loads(p.read_text())) for p in sorted(work.glob("scans/*.json"))}
    for name, table in (("zoo.json", cards), ("scans.json", scans)):
        (data / name).write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")


def compact(result: dict[str, object]) -> dict[str, object]:
    """The figures of one scan that tables, fits and leave-one-out studies need."""
    scan = result["delivered"]
    assert isinstance(scan, dict)
    replay = scan["replay"]
    keep = ("family", "cluster", "variant", "concept", "contrast", "score", "natural")
    return {
        "exit_code": result["exit_code"],
        "verdict": {
            key: scan["verdict"][key] for key in ("outcome", "likelihood", "trigger", "concept")
        },
        "checks": {check["id"]: check["state"] for check in scan["checks"]},
        "features": replay and replay["features"],
        "null": replay and replay["null"],
        "families": replay
        and [
            {key: family[key] for key in keep} | {"moved": family["share_rise"]["value"]}
            for family in replay["families"]
        ],
    }


if __name__ == "__main__":
    main()
