"""What the command line asks of the pipeline: plain values, already checked for type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clipguard.cleaning.options import Precision
from clipguard.core.results import Outcome, Scalar
from clipguard.pairs.spec import FileSpec, SyntheticSpec


@dataclass(frozen=True, kw_only=True)
class ScanRequest:
    """One scan.

    Args:
        model: checkpoint file or folder.
        arch: open_clip architecture name or path of a JSON configuration; None: recognise it.
        labels: file with one concept per line; None: open_clip's ImageNet class names.
        images: folder of pictures to use as carriers beside none of the synthetic ones.
        data: sources of image-text pairs to use instead of synthetic ones.
        carriers: pictures that each trigger is replayed on.
        budget: upper limit of image forward passes; None: what the rules ask for.
        prior: probability of a backdoor before looking, in 0..1 exclusive.
        fail_on: outcomes that make the exit code 1.
        exit_zero: report, but never gate.
        seed: root of every random stream.
        device: torch device.
        settings: every effective setting for the record; origins: where each came from.
    """

    model: str
    arch: str | None = None
    labels: Path | None = None
    images: Path | None = None
    data: tuple[FileSpec, ...] = ()
    carriers: int = 96
    budget: int | None = None
    prior: float = 0.1
    fail_on: frozenset[Outcome] = frozenset({Outcome.BACKDOORED})
    exit_zero: bool = False
    seed: int = 0
    device: str = "cpu"
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CleanRequest(ScanRequest):
    """One repair: ``data`` or synthetic pairs, a method of ``rules/cleaning``, an output folder.

    Args:
        output: folder to write.
        method: name of a cleaning method.
        synthetic: which pairs are made where there is no ``data``, or beside it; None: none
            beside it.
        steps: optimiser steps; None: as the method's settings say.
        learning_rate: peak learning rate; None: found by a probe.
        micro_batch: pairs embedded at once; None: the whole batch.
        precision: what the towers compute in while they are trained.
        gradient_checkpointing: compute activations again instead of keeping them.
        resume: go on where a killed run with this output left off.
        save_every: steps between two kept states.
    """

    output: Path
    method: str = "guided"
    synthetic: SyntheticSpec | None = None
    steps: int | None = None
    learning_rate: float | None = None
    micro_batch: int | None = None
    precision: Precision = "fp32"
    gradient_checkpointing: bool = False
    resume: bool = False
    save_every: int = 25


@dataclass(frozen=True, kw_only=True)
class AuditRequest(CleanRequest):
    """Scan, clean when needed, export, rescan, report, gate."""
