"""Clean backdoored models by all methods and grade what each leaves. Resumable, run by run.

Usage: python -m bench.repair MODEL... [--pairs PAIRS.csv] [--eval PAIRS.csv] [--seeds 0 1]
[--methods ...] [--later PAIRS.csv] [--jobs 2] [--work bench/work]

MODEL is a folder with model.pt and card.json, as bench/examples/backdoored and bench/work/zoo/ID
are. Pairs of the models' own kind, and others that clipguard judges its cost by, come from
bench.zoo.write_pairs; without any, they are drawn. --later takes pairs of the models' own kind that
a user fine-tunes on afterwards.
guided comes first: the others take its steps, and plain fine-tuning and CleanCLIP its rate. Each
run is kept under WORK/repairs, and all of them in bench/data/repairs.json, from which bench.tables
makes tables and plot.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench import ONE_THREAD, baselines
from bench.repair import methods
from bench.repair.grade import Grader, between, delivered

METHODS = ("guided", "fine-tuning", "cleanclip", "keep", "par")
PAR_RATES, PAR_TAUS = (3e-4, 1e-3, 3e-3), (0.5, 1.0, 2.15)
SHARES = (0.25, 0.5, 0.75, 1.0)
RECORDS = Path("bench/data/repairs.json")
Run = dict[str, Any]


class Bench:
    """All runs on one model, each kept as it ends."""

    def __init__(self, case: methods.Case, work: Path) -> None:
        self.card = json.loads((case.model / "card.json").read_text())
        self.case = case
        self.kind = "drawn" if case.pairs is None else "own"
        self.folder = work / "repairs" / self.kind / case.model.name
        self.grader = Grader(self.card, work)
        self.rough = Grader(self.card, work, stride=3)
        self.decoy: Grader | None = None
        if "decoy" in self.card:
            other = {"attack": self.card["decoy"], "target": self.card["decoy_target"]}
            self.decoy = Grader(self.card | other, work)

    def run(self, seeds: list[int], chosen: list[str]) -> None:
        """Whatever of the chosen methods is not there yet."""
        self._kept("delivered", self._before)
        for seed in seeds:
            first = self._kept(f"guided-{seed}", partial(self._guided, seed))
            if not first["steps"]:
                return  # nothing was cleaned: there is nothing to compare
            for name in baselines.METHODS:
                if name in chosen:
                    self._kept(f"{name}-{seed}", partial(self._baseline, name, first))
        if "keep" in chosen:
            self._kept(f"keep-{seeds[0]}", partial(self._keep, seeds[0]))
        for seed in seeds if self.case.later else ():
            self._kept(f"later-{seed}", partial(self._later, seed))
        if "par" in chosen:
            self._par(seeds, first["steps"], first["rate"])

    def _before(self) -> Run:
        return self._run("delivered", 0, delivered(self.case.model, self.card), shares=(0.0,))

    def _guided(self, seed: int) -> Run:
        done = methods.guided(self.case, seed, self.folder / f"guided-{seed}.model")
        facts: Run = {
            "exit": done.exit,
            "steps": done.steps,
            "rate": done.rate,
            "suspected": done.suspected,
        }
        if done.module is None:
            return self._run("guided", seed, None, **facts)
        return self._run("guided", seed, done.module, rebound=done.rate, **facts)

    def _keep(self, seed: int) -> Run:
        """Guided with ``--keep-embeddings``, and what a linear head makes of what it left."""
        output = self.folder / f"keep-{seed}.model"
        done = methods.guided(self.case, seed, output, "--keep-embeddings")
        run = self._run("keep", seed, done.module, shares=(1.0,), exit=done.exit)
        if done.module is not None:
            start = delivered(self.case.model, self.card)
            run["kept"] = self.grader.kept(start, done.module)
        return run

    def _later(self, seed: int) -> Run:
        done = methods.guided(self.case, seed, self.folder / f"guided-{seed}.model")
        tuned = replace(self.case, pairs=self.case.later)
        run = self._run("later", seed, None)
        return run | {"rebound": list(methods.rebound(tuned, done.module, done.rate, self.rough))}

    def _baseline(self, name: str, like: Run) -> Run:
        """At the seed, steps and rate of a run of guided."""
        facts = {key: like[key] for key in ("seed", "steps", "rate")}
        module = methods.baseline(self.case, name, **facts)
        return self._run(name, module=module, shares=(1.0,), **facts)

    def _par(self, seeds: list[int], steps: int, finetuned: float) -> None:
        """The grid in the first seed; the best of it in all seeds and with a rebound."""
        grid = [self._par_row(seeds[0], steps, rate) for rate in PAR_RATES]
        best = min((run for row in grid for run in row), key=_left)
        for seed in seeds:
            make = partial(self._par_at, best["tau"], seed, steps, best["rate"], finetuned)
            self._kept(f"par-best-{seed}", make)

    def _par_row(self, seed: int, steps: int, rate: float) -> list[Run]:
        """One rate with each tau; a tau that was not reached makes higher ones the same run."""
        row: list[Run] = []
        for tau in PAR_TAUS:
            make: Callable[[], Run] = partial(self._par_at, tau, seed, steps, rate)
            if row and row[-1]["drift"] < row[-1]["tau"]:
                make = partial(dict, row[-1], tau=tau)
            row.append(self._kept(f"par-{seed}-{rate:g}-{tau:g}", make))
        return row

    def _par_at(
        self, tau: float, seed: int, steps: int, rate: float, rebound: float | None = None
    ) -> Run:
        module, drift = methods.par(self.case, tau, seed, steps, rate)
        facts: Run = {"tau": tau, "steps": steps, "rate": rate, "drift": round(drift, 4)}
        method = "par" if rebound is None else "par-best"
        return self._run(method, seed, module, rebound=rebound, **facts)

    def _run(
        self,
        method: str,
        seed: int,
        module: Any,
        shares: tuple[float, ...] = SHARES,
        rebound: float | None = None,
        **facts: Any,
    ) -> Run:
        run = {"model": self.case.model.name, "pairs": self.kind, "method": method, "seed": seed}
        start = delivered(self.case.model, self.card)
        points = [] if module is None else between(start, module, shares, self.grader)
        run |= {"card": self.card, "points": points} | facts
        if self.decoy is not None and module is not None:
            run["decoy"] = self.decoy(module)
        if rebound is not None and "attack" in self.card:
            run["rebound"] = list(methods.rebound(self.case, module, rebound, self.rough))
        return run

    def _kept(self, name: str, make: Callable[[], Run]) -> Run:
        path = self.folder / f"{name}.json"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            part.write_text(json.dumps(make(), sort_keys=True) + "\n")
            part.replace(path)
            print(self.case.model.name, name, _told(path), flush=True)
        run: Run = json.loads(path.read_text())
        return run


def _left(run: Run) -> float:
    """What a repair leaves and costs: attack success less accuracy; smaller is better."""
    end = run["points"][-1]
    return float(end["attack_success"] - end["accuracy"])


def _told(path: Path) -> str:
    return " ".join(
        f"{point['share']:g}: {point['accuracy']:.3f} {point.get('attack_success', 0):.3f}"
        for point in json.loads(path.read_text())["points"]
    )


def collect(work: Path) -> None:
    """All runs into the file that is committed; those made on other machines stay in it."""
    runs = json.loads(RECORDS.read_text()) if RECORDS.exists() else []
    runs += [json.loads(path.read_text()) for path in work.glob("repairs/*/*/*.json")]
    latest = {_identity(run): run for run in runs}
    lines = ",\n".join(json.dumps(latest[key], sort_keys=True) for key in sorted(latest))
    RECORDS.write_text(f"[\n{lines}\n]\n")


def _identity(run: Run) -> tuple[Any, ...]:
    setting = (run["rate"], run["tau"]) if run["method"] == "par" else ()
    return run["pairs"], run["model"], run["method"], run["seed"], *setting


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--eval", type=Path)
    parser.add_argument("--later", type=Path)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("bench/work"))
    arguments = parser.parse_args()
    if len(arguments.models) == 1:
        torch.set_num_threads(1)
        case = methods.Case(arguments.models[0], arguments.pairs, arguments.eval, arguments.later)
        bench = Bench(case, arguments.work)
        bench.run(arguments.seeds, arguments.methods)
    else:
        with ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(lambda model: _alone(model, arguments), arguments.models))
    collect(arguments.work)


def _alone(model: Path, arguments: argparse.Namespace) -> None:
    """One model in a process of its own."""
    command = [sys.executable, "-m", "bench.repair", str(model), "--work", str(arguments.work)]
    command += ["--seeds", *map(str, arguments.seeds), "--methods", *arguments.methods]
    for name in ("pairs", "eval", "later"):
        if (path := getattr(arguments, name)) is not None:
            command += [f"--{name}", str(path)]
    subprocess.run(command, check=False, env=ONE_THREAD)


if __name__ == "__main__":
    main()
