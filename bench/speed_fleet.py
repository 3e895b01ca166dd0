"""What a fleet costs against single scans run two at a time by xargs, side by side in one run.

Usage: python -m bench.speed_fleet [--engine ray|local] [--carriers 48] [--models 9]

Twelve checkpoints: nine of the examples in copies whose bytes differ, two that would run code, and
one that breaks off. xargs scans them as ``clipguard scan MODEL`` with the same reports; then the
fleet does, with a worker killed on the way (Ray's own process, or the scan's where there is no
Ray); then it is called once more, which is to do nothing. Threads are one per process in both. What
Ray needs to start is stated apart and taken off the fleet's time.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from bench import ONE_THREAD
from clipguard.core import resources

FIGURES = Path("bench/data/speed_fleet.json")
AT_WORK_SECONDS = 2
JOBS = 2
EXPECTED = {"backdoored": 1, "clean-base": 0, "hostile": 1, "truncated": 2}
CLIPGUARD = [sys.executable, "-m", "clipguard"]


class Evil:
    """Runs a command when it is loaded."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"exit {self.number}",)


def write(folder: Path, models: int) -> None:
    """So many models and the three other files, each of its own content."""
    import torch
    from safetensors.torch import save_file

    for number in range(models):
        kind = ("backdoored", "clean-base")[number % 2]
        example = Path(str(resources.examples(kind, "model.pt")))
        state = torch.load(example, weights_only=True)["state_dict"]
        tensors = {name: value.contiguous().clone() for name, value in state.items()}
        save_file(tensors, folder / f"{kind}-{number}.safetensors", {"copy": str(number)})
    for number in range(2):
        (folder / f"hostile-{number}.pt").write_bytes(pickle.dumps(Evil(number), protocol=2))
    whole = Path(str(resources.examples("clean-base", "model.pt"))).read_bytes()
    (folder / "truncated-0.pt").write_bytes(whole[: len(whole) // 2])


def single(folder: Path, options: list[str]) -> float:
    """Seconds of all scans by xargs."""
    names = "\0".join(str(path) for path in sorted(folder.iterdir()))
    reports = ["--report", "json={}.json", "--report", "html={}.html"]
    call = ["xargs", "-0", "-P", str(JOBS), "-I{}", *CLIPGUARD, "scan", "-q", *options]
    return _timed([*call, *reports, "{}"], names.encode())[0]


def fleet(folder: Path, engine: str, options: list[str], out: Path) -> list[list[str]]:
    """Plan, run with one worker killed, run again; rows of names and figures."""
    plan, results = out / "plan.json", out / "results"
    subprocess.run(
        [*CLIPGUARD, "fleet", "plan", str(folder), "-o", str(plan), "--", "scan", *options],
        check=True,
    )
    call = [*CLIPGUARD, "fleet", "run", str(plan), "-o", str(results), "--engine", engine]
    killed: list[str] = []
    killer = threading.Thread(
        target=_kill_one, args=(str(results), engine == "ray", killed), daemon=True
    )
    killer.start()
    spent, told = _timed([*call, "--jobs", str(JOBS)])
    if not (results / "fleet.json").exists():
        sys.exit(told)
    again, words = _timed([*call, "--jobs", str(JOBS)])
    table = json.loads((results / "fleet.json").read_text())["rows"]
    right = sum(row["exit_code"] == EXPECTED[_kind(row["model"])] for row in table)
    start = re.search(r"Ray was ready after ([\d.]+) s", told)
    return [
        ["fleet", f"{spent:.1f}"],
        ["start of Ray", start[1] if start else "0"],
        ["worker killed", killed[0] if killed else "none"],
        ["right exit codes", f"{right} of {len(table)}"],
        ["second run", f"{again:.1f}, {'nothing done' if 'nothing to do' in words else words}"],
    ]


def _kind(model: str) -> str:
    return Path(model).name.rpartition("-")[0]


def _kill_one(place: str, ray: bool, killed: list[str]) -> None:
    """Kill the first scan that has been at work for a while, or the worker of Ray above it."""
    while not killed:
        time.sleep(0.2)
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (entry / "cmdline").read_text(errors="replace")
                if f"json={place}" in line and "clean-base" in line:
                    time.sleep(AT_WORK_SECONDS)
                    parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                    os.kill(int(parent if ray else entry.name), signal.SIGKILL)
                    killed.append("of Ray" if ray else "the scan itself")
                    return


def _timed(call: list[str], given: bytes = b"") -> tuple[float, str]:
    begun = time.perf_counter()
    done = subprocess.run(call, input=given, env=ONE_THREAD, capture_output=True, check=False)
    return time.perf_counter() - begun, done.stderr.decode()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=["ray", "local"], default="ray")
    parser.add_argument("--carriers", type=int, default=48)
    parser.add_argument("--models", type=int, default=9, help="beside the three other files")
    parser.add_argument("--output", type=Path, default=FIGURES)
    given = parser.parse_args()
    options = ["--carriers", str(given.carriers)]
    with tempfile.TemporaryDirectory() as name:
        models, alone = Path(name, "models"), Path(name, "alone")
        for folder in (models, alone):
            folder.mkdir()
            write(folder, given.models)
        spent = single(alone, options)
        rows = [["xargs -P 2", f"{spent:.1f}"], *fleet(models, given.engine, options, Path(name))]
    figures = dict(rows)
    ratio = (float(figures["fleet"]) - float(figures["start of Ray"])) / spent
    rows.append(["ratio without the start of Ray", f"{ratio:.3f}"])
    for title, value in rows:
        print(f"{title}: {value}")
    section = {
        "title": "Cost of a fleet",
        "note": f"{given.models + 3} checkpoints, two hostile and one truncated among them; "
        f"{given.carriers} carriers, engine {given.engine}; seconds; bench/speed_fleet.py, all in "
        "one run.",
        "head": ["what", "figure"],
        "rows": rows,
    }
    given.output.write_text(json.dumps(section, indent=1) + "\n")


if __name__ == "__main__":
    main()
