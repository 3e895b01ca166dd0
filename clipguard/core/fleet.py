"""What scans of many models say together: one row for each, one exit code for all."""

from __future__ import annotations

from dataclasses import dataclass

FLEET_VERSION = "1.0"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model and how its run ended.

    ``model`` is its path as planned, ``exit_code`` that of its own run, ``verdict`` the word for
    it and ``told`` the sentence. ``trigger``, ``concept`` and ``likelihood`` (0..1) are those of
    the scan, None where there is none; ``code`` names the error or finding that ended the run.
    ``folder`` holds the whole result, relative to the output folder.
    """

    model: str
    sha256: str
    size_bytes: int
    exit_code: int
    verdict: str
    told: str
    likelihood: float | None
    trigger: str | None
    concept: str | None
    code: str | None
    folder: str


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The merged table. ``exit_code`` is the worst of the rows, by ``core.exits.worst``."""

    schema_version: str
    command: str
    version: str
    rules_sha256: str
    settings_sha256: str
    exit_code: int
    rows: tuple[Row, ...]
