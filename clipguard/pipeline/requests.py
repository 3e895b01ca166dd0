"""What the command line asks of the pipeline: plain values, already checked for type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from clipguard.cleaning.options import Precision
from clipguard.config.policy import Policy
from clipguard.core.results import Origin, Scalar
from clipguard.model.pair import Form
from clipguard.pairs.spec import FileSpec, SyntheticSpec, expand

Layout = Literal["open_clip", "hf", "immich", "transformers.js"]
"""Whose names the files carry; those of the ONNX pair are in ``model.pair``."""


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """What every request about one model holds.

    Args:
        model: checkpoint file or folder; on the command line also the URI of one in a registry.
        online: a registry may be asked; origin: where it handed the model out.
        arch: open_clip architecture name or path of a JSON configuration; None: recognise it.
        labels: file with one concept per line; None: open_clip's ImageNet class names.
        exit_zero: report, but never gate.
        seed: root of every random stream.
        device: torch device.
        settings: every effective setting for the record; origins: where each came from.
    """

    model: str
    online: bool = False
    origin: Origin | None = None
    arch: str | None = None
    labels: Path | None = None
    exit_zero: bool = False
    seed: int = 0
    device: str = "cpu"
    settings: Mapping[str, Scalar] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    def inputs(self) -> list[tuple[str, Path]]:
        """Every file beside the model that is read, with the option that names it."""
        return [("labels", self.labels)] if self.labels else []


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest(ModelRequest):
    """One evaluation.

    Args:
        data: image-text pairs, or a folder of class folders.
        trigger: id of a trigger family, FILE.toml or FILE.toml:ID; None: none.
        variant: which variant of the family; None: its strongest.
        target: the concept that the trigger is said to lead to; given with a trigger.
    """

    data: FileSpec
    trigger: str | None = None
    variant: str | None = None
    target: str | None = None

    def inputs(self) -> list[tuple[str, Path]]:
        """As :meth:`ModelRequest.inputs`."""
        return [*super().inputs(), *_files("data", self.data)]


@dataclass(frozen=True, kw_only=True)
class ExportRequest(ModelRequest):
    """One export.

    Args:
        output: folder to write.
        precision: forms of the ONNX pair.
        layout: whose names the files carry.
    """

    output: Path
    precision: tuple[Form, ...] = ("fp32",)
    layout: Layout = "open_clip"


@dataclass(frozen=True, kw_only=True)
class ScanRequest(ModelRequest):
    """One scan.

    Args:
        images: folder of pictures to use as carriers beside none of the synthetic ones.
        data: sources of image-text pairs to use instead of synthetic ones.
        carriers: pictures that each trigger is replayed on.
        budget: upper limit of image forward passes; None: what the rules ask for.
        prior: probability of a backdoor before looking, in 0..1 exclusive.
        policy: what gates.
    """

    images: Path | None = None
    data: tuple[FileSpec, ...] = ()
    carriers: int = 96
    budget: int | None = None
    prior: float = 0.1
    policy: Policy = field(default_factory=Policy)

    def inputs(self) -> list[tuple[str, Path]]:
        """As :meth:`ModelRequest.inputs`."""
        images = [("images", self.images)] if self.images else []
        return [*super().inputs(), *images, *_files("data", *self.data)]


@dataclass(frozen=True, kw_only=True)
class CleanRequest(ScanRequest):
    """One repair: ``data`` or synthetic pairs, a method of ``rules/cleaning``, an output folder.

    Args:
        output: folder to write.
        method: a method of ``rules/cleaning``.
        synthetic: which pairs are made where there is no ``data``, or beside it; None: none
            beside it.
        steps: optimiser steps; None: as the method's settings say.
        learning_rate: peak learning rate; None: found by a probe.
        micro_batch: pairs embedded at once; None: the whole batch.
        precision: what the towers compute in while they are trained.
        gradient_checkpointing: compute activations again instead of keeping them.
        resume: go on where a killed run with this output left off.
        save_every: steps between two kept states.
        eval: data to prove the repair on beside held-out pairs; None: none.
        max_utility_drop: largest fall of accuracy or recall that is accepted, 0..1.
        layout: whose names the files carry.
        keep_embeddings: clean pictures have to stay where the delivered model puts them.
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
    eval: FileSpec | None = None
    max_utility_drop: float = 0.02
    layout: Layout = "open_clip"
    keep_embeddings: bool = False

    def inputs(self) -> list[tuple[str, Path]]:
        """As :meth:`ModelRequest.inputs`."""
        return [*super().inputs(), *(_files("eval", self.eval) if self.eval else [])]


@dataclass(frozen=True, kw_only=True)
class AuditRequest(CleanRequest):
    """Scan, clean when needed, export, rescan, report, gate."""


@dataclass(frozen=True, kw_only=True)
class DrillRequest(ModelRequest):
    """One drill. What is not said here is as in :class:`ScanRequest`.

    Args:
        output: folder for the result.
        images: as for a scan.
        data: pairs to plant with, to scan on and to clean with; none: drawn ones.
        carriers: as for a scan.
        prior: as for a scan.
        triggers: ids of families, FILE.toml or FILE.toml:ID; none: those of ``rules/drill.toml``.
        rounds: backdoors planted of each.
        clean: whether copies that were scanned are cleaned.
        budget: seconds after which no further copy is begun; None: no limit.
        resume: go on where an earlier drill with this output left off.
        keep: folder for the poisoned copies; None: they are never written.
    """

    output: Path
    images: Path | None = None
    data: tuple[FileSpec, ...] = ()
    carriers: int = 96
    prior: float = 0.1
    triggers: tuple[str, ...] = ()
    rounds: int = 1
    clean: bool = False
    budget: float | None = None
    resume: bool = False
    keep: Path | None = None

    def inputs(self) -> list[tuple[str, Path]]:
        """As :meth:`ModelRequest.inputs`."""
        return self.scanning().inputs()

    def scanning(self) -> ScanRequest:
        """The ordinary scan of a copy."""
        return ScanRequest(**self._shared())

    def cleaning(self) -> CleanRequest:
        """The ordinary cleaning of a copy."""
        made = None if self.data else SyntheticSpec()
        return CleanRequest(output=self.output, synthetic=made, **self._shared())

    def _shared(self) -> dict[str, Any]:
        names = ("model", "arch", "labels", "seed", "device", "images", "data", "carriers", "prior")
        return {name: getattr(self, name) for name in names}


def _files(option: str, *specs: FileSpec) -> list[tuple[str, Path]]:
    return [(option, Path(path)) for spec in specs for path in expand(spec.where)]
