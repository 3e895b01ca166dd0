"""Ways to clean a model, each from the same pairs; what they yield is a plain module."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from bench import ONE_THREAD, baselines
from bench.repair.grade import Grade, Grader
from clipguard.checkpoint.reading import open_checkpoint
from clipguard.cleaning.batches import Batches
from clipguard.cleaning.loop import Plan, descend, optimiser, trainable
from clipguard.cleaning.options import ParSettings, load
from clipguard.cleaning.par import Par
from clipguard.cleaning.types import CleaningTask, Concepts
from clipguard.core.progress import SILENT
from clipguard.core.seeds import Seeds
from clipguard.model import compat
from clipguard.model.openclip import build_model
from clipguard.pairs import open_pairs
from clipguard.pairs.synthetic import SyntheticPairs
from clipguard.pairs.types import PairSource

DRAWN = 1500  # pairs for a baseline where none are given, as many as clipguard draws for itself
LABELS = Path("bench/zoo/labels.txt")
# Steps of benign fine-tuning after a repair, and how often the true trigger is tried meanwhile.
REBOUND_STEPS, REBOUND_EVERY = 300, 50


@dataclass(frozen=True)
class Case:
    """A model and what ``clipguard clean`` is given.

    ``pairs`` None: pairs are drawn. ``eval`` None: no data of its own judges the cost. ``later``:
    what users fine-tune on afterwards.
    """

    model: Path
    pairs: Path | None
    eval: Path | None = None
    later: Path | None = None

    def source(self) -> PairSource:
        """The pairs."""
        return SyntheticPairs(0, DRAWN) if self.pairs is None else open_pairs(self.pairs)

    def task(self, seed: int, steps: int, rate: float) -> CleaningTask:
        """What a method that knows nothing of a scan is told; its reference is as delivered."""
        reference = build_model(open_checkpoint(self.model / "model.pt"))
        pairs = self.source()
        return CleaningTask(
            model=reference.copy(),
            reference=reference,
            pairs=pairs,
            held_out=pairs,
            suspects=(),
            concepts=Concepts(names=(), texts=()),
            seeds=Seeds(seed).child("bench"),
            steps=steps,
            learning_rate=rate,
            progress=SILENT,
        )


@dataclass(frozen=True)
class Guided:
    """A run of ``clipguard clean``: its exit code, what it took, and the model if it wrote one.

    ``suspected`` is the concept that the scan of the delivered model named; None: none.
    """

    exit: int
    steps: int = 0
    rate: float = 0.0
    suspected: str | None = None
    module: Any = None


def guided(case: Case, seed: int, output: Path, *options: str) -> Guided:
    """Clean by the command line; a folder that is there already is taken as it is."""
    rejected, told = output.with_name(f"{output.name}.rejected"), output.with_suffix(".exit")
    if not told.exists():
        output.parent.mkdir(parents=True, exist_ok=True)
        pairs = ["--synthetic"] if case.pairs is None else ["--data", str(case.pairs)]
        pairs += [] if case.eval is None else ["--eval", str(case.eval)]
        command = [sys.executable, "-m", "clipguard", "clean", str(case.model / "model.pt"), *pairs]
        command += ["--labels", str(LABELS), "--seed", str(seed), "-o", str(output), "-q", *options]
        done = subprocess.run(command, check=False, env=ONE_THREAD, stdout=subprocess.DEVNULL)
        told.write_text(str(done.returncode))
    code, folder = int(told.read_text()), output if output.exists() else rejected
    if not folder.exists():
        return Guided(code)
    result = json.loads((folder / "result.json").read_text())
    settings, concept = result["cleaning"]["settings"], result["delivered"]["verdict"]["concept"]
    clip = compat.open_clip().create_model(f"local-dir:{folder}").eval()
    return Guided(code, settings["steps"], settings["learning_rate"], concept, clip)


def baseline(case: Case, name: str, seed: int, steps: int, rate: float) -> Any:
    """Clean by plain fine-tuning or CleanCLIP."""
    task = case.task(seed, steps, rate)
    baselines.clean(name, task, steps, rate)
    return _module(task)


def par(case: Case, tau: float, seed: int, steps: int, rate: float) -> tuple[Any, float]:
    """Clean by PAR; the module and the largest mean drift of either tower."""
    task = case.task(seed, steps, rate)
    settings = msgspec.structs.replace(load("par", ParSettings), tau=tau)
    outcome = Par(settings).clean(task)
    drifts = [max(record.image_drift, record.text_drift) for record in outcome.records]
    return _module(task), max(drifts)


def rebound(case: Case, module: Any, rate: float, grader: Grader) -> Iterator[Grade]:
    """Fine-tune a cleaned module on clean pairs at a constant rate, both towers; yields grades.

    The module itself stays as it is.
    """
    task = case.task(seed=1000, steps=REBOUND_STEPS, rate=rate)
    student = task.model.module  # type: ignore[attr-defined]  # an OpenClipModel
    student.load_state_dict(module.state_dict())
    seeds = task.seeds.child("rebound")
    batches = Batches(task.pairs, task.model.spec.image_size, baselines.BATCH, seeds)
    objective = baselines.FineTuning(task.reference, batches, seeds)
    mover = optimiser(trainable(task.model), baselines.OPTIMISER)
    for first in range(0, REBOUND_STEPS, REBOUND_EVERY):
        plan = Plan(title="rebound", rates=(rate,) * REBOUND_EVERY, first=first)
        descend(task, mover, objective, plan).require("give a smaller rate")
        yield grader(student) | {"step": first + REBOUND_EVERY}


def _module(task: CleaningTask) -> torch.nn.Module:
    module: torch.nn.Module = task.model.module  # type: ignore[attr-defined]  # an OpenClipModel
    return module
