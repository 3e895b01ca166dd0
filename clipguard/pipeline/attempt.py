"""One of perhaps several attempts at a cleaning: how it computes, what it finds already done."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import torch

from clipguard import cleaning
from clipguard.cleaning.engine import Engine
from clipguard.cleaning.journal import Journal, beside, discard, require_none
from clipguard.cleaning.options import flat
from clipguard.cleaning.types import CleaningTask
from clipguard.core import atomic
from clipguard.core.results import Scan
from clipguard.model.processes import Processes
from clipguard.pipeline.requests import CleanRequest


def reserve(request: CleanRequest) -> Path:
    """Refuse to write over an earlier output or to start anew over an unfinished run.

    Returns:
        Where a repair that is not accepted goes.

    Raises:
        InputError: there is an output.
        UsageError: there is an unfinished run, and ``resume`` was not asked for.
    """
    rejected = request.output.with_name(f"{request.output.name}.rejected")
    for folder in (request.output, rejected):
        atomic.require_vacant(folder)
    if not request.resume:
        require_none(beside(request.output))
    return rejected


def finish(request: CleanRequest) -> None:
    """Remove what was kept: the output stands."""
    discard(beside(request.output))


def engine(request: CleanRequest, processes: Processes) -> Engine:
    """How this attempt computes."""
    return Engine(
        micro_batch=request.micro_batch,
        precision=request.precision,
        checkpointing=request.gradient_checkpointing,
        processes=processes,
        device=request.device,
    )


def journal(request: CleanRequest, delivered: Scan, task: CleaningTask) -> Journal:
    """What earlier attempts kept beside the output.

    Raises:
        UsageError: it belongs to another model, other pairs or other settings.
        InputError: it is damaged.
    """
    names = "\n".join(task.concepts.names)
    identity: dict[str, object] = {
        "model": delivered.subject.artifact.sha256,
        "architecture": delivered.subject.architecture,
        "pairs": task.pairs.id,
        "held_out": task.held_out.id,
        "concepts": hashlib.sha256(names.encode()).hexdigest(),
        "suspects": [[suspect.label, len(suspect.variants)] for suspect in task.suspects],
        "seed": request.seed,
        "method": request.method,
        "steps": request.steps,
        "learning_rate": request.learning_rate,
        "precision": request.precision,
        "clipguard": version("clipguard"),
    }
    for key, value in flat(cleaning.settings(request.method)).items():
        identity[f"{request.method}.{key}"] = value
    circumstances = {
        "micro_batch": request.micro_batch,
        "gradient_checkpointing": request.gradient_checkpointing,
        "processes": task.engine.processes.count,
        "device": torch.device(request.device).type,
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
    }
    kept = Journal(
        beside(request.output),
        identity,
        circumstances,
        every=request.save_every,
        writes=task.engine.processes.main,
    )
    if kept.changed:
        task.progress.say(
            f"going on with other {', '.join(kept.changed)}: as good a result, in other bytes"
        )
    return kept
