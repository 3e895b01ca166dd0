"""CycloneDX 1.6 ML-BOM: the model, what it was made from, its files, and what was measured of it.

``metadata.component`` is the model that may be used afterwards, with its ``modelCard``. After a
repair the delivered model stands in its ``pedigree``. ``components`` are the files that were
written. There is no time in it, and the serial number follows from the content, so that equal
results give equal bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from clipguard.core.measurement import Measurement
from clipguard.core.origin import came_from
from clipguard.core.results import Artifact, Cleaning, Evaluation, Export, Result, Scan, Subject
from clipguard.core.text import printable
from clipguard.report import alerts, figures, words

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_LONGEST = 1000  # characters of a text
_MOST = 100  # findings
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MODEL = {"type": "machine-learning-model"}


def render_bom(result: Result) -> bytes:
    """The bill of materials of one run; nothing that was not measured is in it."""
    document = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": _metadata(result),
        "components": [_file(number, item) for number, item in enumerate(result.exports, 1)],
    }
    serial = uuid5(NAMESPACE_OID, json.dumps(document, sort_keys=True))
    document["serialNumber"] = serial.urn
    return json.dumps(document, indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"


def _metadata(result: Result) -> dict[str, Any]:
    rules = _properties({"rules_sha256": result.tool.rules_sha256})
    tool = {
        "type": "application",
        "name": _text(result.tool.name),
        "version": _text(result.tool.version),
        "properties": rules,
    }
    facts: dict[str, object] = {
        "command": result.command,
        "status": result.status,
        "exit_code": result.exit_code,
        "complete": result.complete,
    }
    if result.origin is not None:
        facts["origin"] = came_from(result.origin)
    if result.gate is not None:
        facts["judged"] = result.gate.subject
        facts["accepted"] = [words.suppressed(item) for item in result.gate.suppressed]
    if result.retake is not None:
        facts["retake"] = words.retaken(result.retake)
    return {
        "tools": {"components": [tool]},
        "component": _described(result),
        "properties": _properties(facts),
    }


def _described(result: Result) -> dict[str, Any]:
    if result.cleaning is not None and result.repaired is not None and result.delivered is not None:
        return {
            **_scanned(result, result.repaired, "model", result.cleaning),
            "pedigree": {
                "ancestors": [_scanned(result, result.delivered, "delivered")],
                "notes": _repair(result.cleaning),
            },
        }
    if result.delivered is not None:
        return _scanned(result, result.delivered, "model")
    if result.evaluation is not None:
        return _evaluated(result.evaluation)
    if result.inspected is not None:
        facts = {"finding": _findings(result)}
        return _model(result.inspected, "model", _card(result.inspected, ()), facts)
    return _MODEL | {
        "bom-ref": "model",
        "name": _text(words.subject_name(result)),
        "properties": _properties({"finding": _findings(result)}),
    }


def _repair(cleaning: Cleaning) -> str:
    refused = "; ".join(cleaning.refused)
    told = f"repaired with the method {cleaning.method} and {cleaning.pairs}"
    return _text(f"{told}; not accepted: {refused}" if refused else told)


def _scanned(
    result: Result, scan: Scan, reference: str, cleaning: Cleaning | None = None
) -> dict[str, Any]:
    """A model that was scanned; ``cleaning`` when it is the repaired one."""
    verdict = scan.verdict
    card = _card(scan.subject, [*_judged(scan), *(_mended(cleaning) if cleaning else ())])
    card["considerations"] = {"technicalLimitations": [_text(item) for item in verdict.not_covered]}
    if cleaning is not None:
        card["considerations"]["performanceTradeoffs"] = list(_cost(cleaning))
        card["modelParameters"]["datasets"] = [
            {"type": "dataset", "name": _text(item.id)} for item in cleaning.trained_on
        ]
    facts = {
        "outcome": verdict.outcome.value,
        "summary": verdict.summary,
        "trigger": verdict.trigger,
        "variant": verdict.variant,
        "concept": verdict.concept,
        "prior": verdict.prior,
        "calibration": verdict.calibration,
        "seed": scan.seed,
        "finding": _findings(result) if scan is result.delivered else (),
    }
    return _model(scan.subject, reference, card, facts)


def _evaluated(evaluation: Evaluation) -> dict[str, Any]:
    stated = evaluation.attack.measurements if evaluation.attack is not None else ()
    metrics = [_metric(item, evaluation.data) for item in (*evaluation.utility, *stated)]
    return _model(evaluation.subject, "model", _card(evaluation.subject, metrics), {})


def _model(
    subject: Subject, reference: str, card: Mapping[str, Any], facts: Mapping[str, object]
) -> dict[str, Any]:
    names = ("format", "layout", "parameters", "dtype", "image_size", "context_length", "embed_dim")
    known = {name: getattr(subject, name) for name in names}
    return {
        **_MODEL,
        "bom-ref": reference,
        **_content(subject.artifact),
        "modelCard": card,
        "properties": _properties({**known, **facts}),
    }


def _card(subject: Subject, metrics: Iterable[dict[str, Any] | None]) -> dict[str, Any]:
    return {
        "modelParameters": {
            "task": "zero-shot-image-classification",
            "architectureFamily": "CLIP",
            "modelArchitecture": _text(subject.architecture),
            "inputs": [{"format": "image"}, {"format": "text"}],
            "outputs": [{"format": "embedding"}],
        },
        "quantitativeAnalysis": {"performanceMetrics": [item for item in metrics if item]},
    }


def _judged(scan: Scan) -> Iterator[dict[str, Any] | None]:
    """The likelihood, and the family that it rests on: the accused one, else the strongest."""
    verdict = scan.verdict
    for name in ("likelihood", "likelihood_ratio"):
        if (value := getattr(verdict, name)) is not None:
            yield {"type": f"backdoor_{name}", "value": str(value)}
    families = scan.replay.families if scan.replay is not None else ()
    accused = [item for item in families if item.family == verdict.trigger]
    for item in (accused or families)[:1]:
        yield _metric(item.share_rise, f"{item.family}, {item.variant}, to {item.concept}")


def _mended(cleaning: Cleaning) -> Iterator[dict[str, Any] | None]:
    yield from (_metric(item, "held-out pictures") for item in cleaning.after)
    for change in cleaning.proof.changes if cleaning.proof is not None else ():
        yield _metric(change.after, change.data)


def _cost(cleaning: Cleaning) -> Iterator[str]:
    if cleaning.proof is not None:
        yield _text(words.cost(cleaning.proof))
        if cleaning.proof.rebound is not None:
            yield _text(words.rebound(cleaning.proof.rebound))


def _metric(item: Measurement, where: str) -> dict[str, Any] | None:
    """CycloneDX writes numbers as text; what was not measured is left out."""
    if item.value is None:
        return None
    metric: dict[str, Any] = {
        "type": _text(item.name),
        "value": str(item.value),
        "slice": _text(where),
    }
    if item.interval is not None:
        low, high = item.interval.low, item.interval.high
        metric["confidenceInterval"] = {"lowerBound": str(low), "upperBound": str(high)}
    return metric


def _file(number: int, item: Export) -> dict[str, Any]:
    facts: dict[str, object] = {
        "kind": item.kind,
        "size_bytes": item.artifact.size_bytes,
        "min_cosine": item.min_cosine,
        "max_abs_difference": item.max_abs_difference,
    }
    return {
        "type": "file",
        "bom-ref": f"file-{number}",
        **_content(item.artifact),
        "properties": _properties(facts),
    }


def _content(artifact: Artifact) -> dict[str, Any]:
    named: dict[str, Any] = {"name": _text(artifact.name)}
    if _SHA256.fullmatch(artifact.sha256):
        named["hashes"] = [{"alg": "SHA-256", "content": artifact.sha256}]
    return named


def _findings(result: Result) -> list[str]:
    return [
        f"{item.severity.value} {item.rule} in {item.where}: {item.what}"
        for item in alerts.findings(result)[:_MOST]
    ]


def _properties(facts: Mapping[str, object]) -> list[dict[str, str]]:
    """``clipguard:NAME`` for each fact, once for each of several; what is None is left out."""
    return [
        {"name": f"clipguard:{name}", "value": _text(str(one))}
        for name, value in facts.items()
        for one in (value if isinstance(value, (list, tuple)) else [value])
        if one is not None
    ]


def _text(text: str) -> str:
    return printable(text.replace(figures.SPACE, " "), _LONGEST) or "-"
