"""Train the whole zoo, two processes side by side. Resumable: finished models are skipped.

Usage: python -m bench.zoo.run [--work bench/work] [--only PREFIX]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import ONE_THREAD
from bench.zoo.pictures import fetch
from bench.zoo.train import models


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("bench/work"))
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    fetch(arguments.work / "pictures")
    names = [name for name in models() if name.startswith(arguments.only)]
    # A base and what is trained on from it come one after another; bases go side by side.
    trees: dict[str, list[str]] = {}
    for name in names:
        trees.setdefault(models()[name].get("base", name), []).append(name)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda tree: _train(tree, arguments.work), trees.values()))


def _train(names: list[str], work: Path) -> None:
    for name in names:
        command = [sys.executable, "-m", "bench.zoo.train", name, "--work", str(work)]
        subprocess.run(command, env=ONE_THREAD, check=False)


if __name__ == "__main__":
    main()
