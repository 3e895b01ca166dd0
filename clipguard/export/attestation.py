"""``attestation.intoto.json``: what clipguard says of the files of an output folder.

An in-toto Statement v1 without a signature. Its subjects are all files of the folder but itself and
``SHA256SUMS``, which is written last and covers it. docs/provenance.md describes the predicate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from clipguard.core.results import Artifact, Result, Scan
from clipguard.core.text import printable
from clipguard.export import sums

FILE = "attestation.intoto.json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:clipguard:attestation:v1"
_LONGEST = 1000  # characters of a text


def write_attestation(result: Result, folder: Path) -> None:
    """State the result of every file that lies in a folder; equal files give equal bytes.

    Args:
        result: of the run that wrote them.
        folder: where they are; all but ``SHA256SUMS`` are complete.
    """
    digests = sums.digests(folder)
    digests.pop(FILE, None)
    statement = {
        "_type": STATEMENT,
        "subject": [
            {"name": name, "digest": {"sha256": digest}} for name, digest in digests.items()
        ],
        "predicateType": PREDICATE,
        "predicate": predicate(result),
    }
    text = json.dumps(statement, indent=2, sort_keys=True, allow_nan=False)
    (folder / FILE).write_text(text + "\n", encoding="ascii")


def predicate(result: Result) -> dict[str, Any]:
    """Verdict, decision, settings and parents; texts from outside are made harmless."""
    proof = result.cleaning.proof if result.cleaning is not None else None
    plain = {
        "schema_version": result.schema_version,
        "tool": result.tool,
        "environment": result.environment,
        "command": result.command,
        "status": result.status,
        "exit_code": result.exit_code,
        "complete": result.complete,
        "settings": result.settings,
        "origin": result.origin,
        "delivered": _scanned(result.delivered),
        "repaired": _scanned(result.repaired),
        "cleaning": _cleaned(result),
        "retake": result.retake,
        "gate": result.gate,
        "parents": [_descriptor(result.delivered.subject.artifact)] if result.delivered else [],
        "data": [_digest(name, value) for name, value in proof.digests.items()] if proof else [],
    }
    harmless = _harmless(msgspec.to_builtins(plain))
    return dict(harmless)


def _scanned(scan: Scan | None) -> dict[str, Any] | None:
    if scan is None:
        return None
    return {
        "model": _descriptor(scan.subject.artifact),
        "seed": scan.seed,
        "checks": {item.id: item.state for item in scan.checks},
        "findings": scan.subject.findings,
        "verdict": scan.verdict,
    }


def _cleaned(result: Result) -> dict[str, Any] | None:
    cleaning = result.cleaning
    if cleaning is None:
        return None
    return {
        "method": cleaning.method,
        "settings": cleaning.settings,
        "pairs": cleaning.pairs,
        "cleaned": cleaning.cleaned,
        "refused": cleaning.refused,
    }


def _descriptor(artifact: Artifact) -> dict[str, Any]:
    return _digest(artifact.name, artifact.sha256)


def _digest(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def _harmless(value: Any) -> Any:
    """JSON escapes what is not ASCII, but a reader takes that back; this is for good."""
    if isinstance(value, str):
        return printable(value, _LONGEST)
    if isinstance(value, Mapping):
        return {_harmless(key): _harmless(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_harmless(item) for item in value]
    return value
