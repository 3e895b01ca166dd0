"""What the command line asks of the pipeline: plain values, already checked for type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from clipguard.core.results import Outcome, Scalar

Layout = Literal["open_clip", "hf"]


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """What every request about one model holds.

    Args:
        model: checkpoint file or folder.
        arch: open_clip architecture name or path of a JSON configuration; None: recognise it.
        labels: file with one concept per line; None: open_clip's ImageNet class names.
        exit_zero: report, but never gate.
        seed: root of every random stream.
        device: torch device.
        settings: every effective setting for the record; origins: where each came from.
    """

    model: str
    arch: str | None = None
    labels: Path | None = None
    exit_zero: bool = False
    seed: int = 0
    device: str = "cpu"
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest(ModelRequest):
    """One evaluation.

    Args:
        data: image-text pairs, or a folder of class folders.
        trigger: id of a trigger family, FILE.toml or FILE.toml:ID; None: none.
        variant: which variant of the family; None: its strongest.
        target: the concept that the trigger is said to lead to; given with a trigger.
    """

    data: Path
    trigger: str | None = None
    variant: str | None = None
    target: str | None = None


@dataclass(frozen=True, kw_only=True)
class ScanRequest(ModelRequest):
    """One scan.

    Args:
        images: folder of pictures to use as carriers beside none of the synthetic ones.
        data: CSV of image-text pairs to use instead of synthetic ones.
        carriers: pictures that each trigger is replayed on.
        budget: upper limit of image forward passes; None: what the rules ask for.
        prior: probability of a backdoor before looking, in 0..1 exclusive.
        fail_on: outcomes that make the exit code 1.
    """

    images: Path | None = None
    data: Path | None = None
    carriers: int = 96
    budget: int | None = None
    prior: float = 0.1
    fail_on: frozenset[Outcome] = frozenset({Outcome.BACKDOORED})


@dataclass(frozen=True, kw_only=True)
class CleanRequest(ScanRequest):
    """One repair: ``data`` or synthetic pairs, a method of ``rules/cleaning``, an output folder.

    Args:
        output: folder to write.
        method: a method of ``rules/cleaning``.
        synthetic: clean with drawn pairs.
        steps: optimiser steps; None: as the method finds.
        learning_rate: peak learning rate; None: as the method finds.
        eval: data to prove the repair on beside held-out pairs; None: none.
        max_utility_drop: largest fall of accuracy or recall that is accepted, 0..1.
        layout: how the weights are named, ``open_clip`` or ``hf``.
    """

    output: Path
    method: str = "guided"
    synthetic: bool = True
    steps: int | None = None
    learning_rate: float | None = None
    eval: Path | None = None
    max_utility_drop: float = 0.02
    layout: Layout = "open_clip"


@dataclass(frozen=True, kw_only=True)
class AuditRequest(CleanRequest):
    """Scan, clean when needed, export, rescan, report, gate."""
