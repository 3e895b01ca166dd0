"""SARIF 2.1.0 as GitHub code scanning takes it: alerts as results, gaps as notifications.

What the policy accepts stays a result, with a suppression that gives the reason.

Model files seldom lie in the repository as text, so a result points to the first character of the
file that was given, by its name alone. GitHub matches alerts of two uploads by rule, file and
``primaryLocationLineHash``, which holds neither digests, paths, seeds nor times.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from clipguard.config.explanations import Explanation, load_explanations
from clipguard.core.gate import Suppressed
from clipguard.core.results import Result, Severity
from clipguard.core.text import printable
from clipguard.report import alerts, inputs, words
from clipguard.report.alerts import LEVELS, Alert, Gap

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
MOST = 1000  # results and notifications; GitHub shows 5000 of 25000
_LONGEST = 1000  # characters of a text; GitHub takes 1024 for descriptions
_SEVERITY = {  # GitHub: above 9 critical, from 7 high, from 4 medium
    Severity.CRITICAL: "9.5",
    Severity.HIGH: "8.0",
    Severity.MEDIUM: "5.5",
    Severity.LOW: "2.0",
}


def render_sarif(result: Result) -> bytes:
    """One run with a rule for each kind of alert; ``results`` is empty when nothing was found."""
    told, gaps = alerts.alerts(result), alerts.gaps(result)[:MOST]
    stale = alerts.stale(result)[:MOST]
    rules = _rules(told)
    notices = {_text(gap.id): _descriptor(gap.id) for gap in (*gaps, *stale)}
    uri = _segment(words.subject_name(result)) or "model"
    category = f"clipguard/{_segment(result.command)}/{uri}/"
    run = {
        "tool": {
            "driver": {
                "name": "clipguard",
                "version": _text(result.tool.version),
                "rules": list(rules.values()),
                "notifications": list(notices.values()),
                "properties": {"rules_sha256": _text(result.tool.rules_sha256)},
            }
        },
        "automationDetails": {"id": category},
        "invocations": [_invocation(result, gaps, stale, list(notices))],
        "artifacts": [_artifact(result, uri)],
        "results": _results(result, told, list(rules), uri),
        "columnKind": "unicodeCodePoints",
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"


def _rules(told: Sequence[Alert]) -> dict[str, dict[str, Any]]:
    """The rules that alerts name, as severe as their worst alert, which comes first."""
    rules: dict[str, dict[str, Any]] = {}
    for alert in told:
        name = _text(alert.rule)
        if name not in rules:
            rules[name] = _descriptor(alert.rule) | {
                "defaultConfiguration": {"level": alert.level},
                "properties": {
                    "tags": ["security", "machine-learning"],
                    "precision": "medium" if alert.rule.startswith("verdict.") else "high",
                    "security-severity": _SEVERITY[alert.severity],
                },
            }
    return rules


def _descriptor(name: str) -> dict[str, Any]:
    entry = _explanation(name)
    parts = [entry.text]
    parts += [f"What to do: {entry.remedy}"] if entry.remedy else []
    parts += [f"False alarms: {entry.false_alarms}"] if entry.false_alarms else []
    return {
        "id": _text(name),
        "name": _text(name),
        "shortDescription": {"text": _text(entry.title)},
        "fullDescription": {"text": _text(entry.text)},
        "help": {"text": "\n\n".join(parts)},
    }


def _explanation(name: str) -> Explanation:
    """What ``clipguard explain`` says; results of another version may name what is not known."""
    known = {entry.id: entry for entry in load_explanations()}
    return known.get(name) or Explanation(
        id=name,
        kind="",
        title=_text(name),
        text="This version of clipguard has no explanation.",
        remedy="",
        false_alarms="",
    )


def _invocation(
    result: Result, gaps: Sequence[Gap], stale: Sequence[Gap], known: Sequence[str]
) -> dict[str, Any]:
    return {
        "executionSuccessful": result.status in {"pass", "fail"},
        "exitCode": result.exit_code,
        "exitCodeDescription": words.exit_meaning(result),
        "toolExecutionNotifications": [_notification(gap, known) for gap in gaps],
        "toolConfigurationNotifications": [_notification(gap, known) for gap in stale],
    }


def _notification(gap: Gap, known: Sequence[str]) -> dict[str, Any]:
    return {
        "descriptor": {"id": _text(gap.id), "index": known.index(_text(gap.id))},
        "level": gap.level,
        "message": {"text": _text(gap.text)},
    }


def _artifact(result: Result, uri: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"location": {"uri": uri}, "roles": ["analysisTarget"]}
    subject = inputs.subject(result)
    if subject is not None:
        entry |= {
            "hashes": {"sha-256": _text(subject.artifact.sha256)},
            "length": max(subject.artifact.size_bytes, 0),
        }
    return entry


def _results(
    result: Result, told: Sequence[Alert], known: Sequence[str], uri: str
) -> list[dict[str, Any]]:
    location = {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, "index": 0},
            "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1},
        }
    }
    left_out = len(told) - MOST
    more = f" {left_out} more of the kind are in the JSON." if left_out > 0 else ""
    return [
        {
            "ruleId": _text(alert.rule),
            "ruleIndex": known.index(_text(alert.rule)),
            "kind": "fail",
            "level": LEVELS[alert.severity],
            "message": {"text": _text(alert.text) + (more if place == MOST - 1 else "")},
            "locations": [location],
            "partialFingerprints": {"primaryLocationLineHash": print_},
            "suppressions": [_suppression(item) for item in alert.accepted],
            "properties": _details(result, alert),
        }
        for place, (alert, print_) in enumerate(zip(told[:MOST], _fingerprints(told), strict=False))
    ]


def _suppression(item: Suppressed) -> dict[str, Any]:
    """External: what accepts it stands in the settings file, not in the model."""
    details = {"by": item.by, "charge": _text(item.charge.id)}
    return {
        "kind": "external",
        "status": "accepted",
        "justification": _text(item.reason),
        "properties": details | ({"expires": _text(item.expires)} if item.expires else {}),
    }


def _fingerprints(told: Iterable[Alert]) -> list[str]:
    """Equal alerts are numbered, as GitHub's own fingerprints are."""
    seen: Counter[str] = Counter()
    prints = []
    for alert in told:
        seen[alert.fingerprint] += 1
        prints.append(f"{alert.fingerprint}:{seen[alert.fingerprint]}")
    return prints


def _details(result: Result, alert: Alert) -> dict[str, Any]:
    details: dict[str, Any] = {"severity": alert.severity.value}
    if result.delivered is not None and alert.rule.startswith("verdict."):
        verdict = result.delivered.verdict
        details |= {
            "likelihood": verdict.likelihood,
            "likelihood_ratio": verdict.likelihood_ratio,
            "prior": verdict.prior,
            "trigger": verdict.trigger and _text(verdict.trigger),
            "variant": verdict.variant and _text(verdict.variant),
            "concept": verdict.concept and _text(verdict.concept),
        }
    return {key: value for key, value in details.items() if value is not None}


def _segment(text: str) -> str:
    """One segment of a relative URI."""
    return quote(printable(text), safe="")


def _text(text: str) -> str:
    """Text from outside; SARIF wants none empty, and viewers take ``[x](y)`` for a link."""
    return printable(text, _LONGEST).replace("[", "\\[").replace("]", "\\]") or "-"
