"""What reading a checkpoint yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from clipguard.core.results import Artifact, Finding, Note

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class TensorInfo:
    """A tensor before it is read; ``dtype`` is such as ``float32``, ``bfloat16`` or ``int64``."""

    shape: tuple[int, ...]
    dtype: str


class TensorSource(Protocol):
    """Tensors by name, mapped from the file and read one at a time."""

    def infos(self) -> Mapping[str, TensorInfo]:
        """Names as stored in the file, with shapes and types."""

    def read(self, name: str) -> np.ndarray:
        """The tensor's values; bfloat16 arrives as uint16 bit patterns. May be a read-only map."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One way to complete what shapes cannot tell.

    ``config`` is an open_clip model configuration; ``mean`` and ``std`` the normalisation;
    ``source`` says where the choice comes from (configuration beside the weights, --arch, or
    open_clip's convention).
    """

    name: str
    config: Mapping[str, object]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint, recognised; its tensors still lie in the file.

    ``infos`` and ``read`` use open_clip's names whatever the file's layout; values keep the
    stored type. ``candidates`` is ordered by preference and never empty; more than one means that
    the choice has to be made by trying them on pairs.
    """

    artifact: Artifact
    format: str
    layout: str
    dtype: str
    candidates: tuple[Candidate, ...]
    tensors: TensorSource
    evidence: tuple[str, ...]
    notes: tuple[Note, ...]
    findings: tuple[Finding, ...]
