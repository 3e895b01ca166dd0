"""What a machine is told of a result: what is wrong with the model, and what nobody looked at.

SARIF, the lines for GitHub Actions and the comparison of two results are made from these lists.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from clipguard.core.gate import Charge, Suppressed
from clipguard.core.origin import came_from
from clipguard.core.results import (
    Check,
    CheckState,
    Finding,
    Outcome,
    Result,
    Scan,
    Severity,
    Subject,
)
from clipguard.report import inputs, words
from clipguard.verdict import policy

Level = Literal["error", "warning", "note"]

LEVELS: dict[Severity, Level] = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
_VERDICTS = {
    Outcome.BACKDOORED: Severity.CRITICAL,
    Outcome.NATURAL_LIKE: Severity.MEDIUM,
    Outcome.INCONCLUSIVE: Severity.MEDIUM,
}
_CHECKS: dict[CheckState, Level] = {
    CheckState.FAILED: "error",
    CheckState.WEAK: "warning",
    CheckState.SKIPPED: "warning",
}
NOT_PROBED = "no trigger was tried on the model, nothing is said about backdoors"
_OFFSET = re.compile(r" @ byte \d+$")
_AT_BYTE = re.compile(r" at byte \d+$")


@dataclass(frozen=True)
class Alert:
    """Something wrong with the model.

    ``rule`` is explained by ``clipguard explain``; ``key`` names the matter within its rule in
    words that another scan of the model, another seed or another place of the file would use too.
    ``accepted`` says why it does not gate; it is empty when it does.
    """

    rule: str
    severity: Severity
    key: str
    text: str
    accepted: tuple[Suppressed, ...] = ()

    @property
    def level(self) -> Level:
        """How loudly it is told."""
        return LEVELS[self.severity]

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits: equal for the same matter in another run."""
        return hashlib.sha256(f"{self.rule}\0{self.key}".encode(errors="replace")).hexdigest()[:32]


@dataclass(frozen=True)
class Gap:
    """Something that is not as it should be, though no fault of the model.

    ``id`` is explained by ``clipguard explain``.
    """

    id: str
    level: Level
    text: str


def alerts(result: Result) -> tuple[Alert, ...]:
    """What is wrong with the model: the worst first, then in the order of the result."""
    found = list(from_findings(result))
    if result.delivered is not None:
        found += _from_verdict(result, result.delivered)
    if result.cleaning is not None and not result.cleaning.cleaned:
        reasons = "; ".join(result.cleaning.refused) or "the repaired model did not pass"
        found.append(Alert("verdict.not_cleaned", Severity.HIGH, "", f"Not cleaned: {reasons}."))
    order = list(LEVELS)
    return tuple(sorted(found, key=lambda item: order.index(item.severity)))


def from_findings(result: Result) -> tuple[Alert, ...]:
    """Those about the given file itself."""
    return tuple(_from_finding(item, excuses(result, item)) for item in findings(result))


def excuses(result: Result, finding: Finding) -> tuple[Suppressed, ...]:
    """Why a finding about the given file does not gate; empty when it does, or was not judged."""
    return _suppressed(result, Charge(id=finding.rule, place=finding.where))


def pardons(result: Result) -> tuple[Suppressed, ...]:
    """Why the verdict on the given file does not gate; empty unless all its parts are accepted."""
    scan, gate = result.delivered, result.gate
    if scan is None or gate is None or gate.subject != "delivered":
        return ()
    return _suppressed(result, *policy.accusations(scan)) if policy.accepted(scan, gate) else ()


def findings(result: Result) -> tuple[Finding, ...]:
    """All findings about the given file, whether it was read or refused."""
    subject = inputs.subject(result)
    return (*result.findings, *(subject.findings if subject is not None else ()))


def gaps(result: Result) -> tuple[Gap, ...]:
    """What this run says nothing about: the loudest first."""
    found: list[Gap] = []
    refused = {item.rule for item in result.findings}
    if result.error is not None and result.error.code not in refused:
        remedy = f"; {result.error.remedy}" if result.error.remedy else ""
        found.append(Gap(result.error.code, "error", f"{result.error.message}{remedy}"))
    if result.origin is not None and not result.origin.pinned:
        found.append(Gap("registry.unpinned", "note", f"{came_from(result.origin)}; name it so"))
    for scan in (result.delivered, result.repaired):
        found += _unseen(scan) if scan is not None else ()
    if result.evaluation is not None:
        found += _unpassed(result.evaluation.checks)
    if result.inspected is not None:
        found += _noted(result.inspected)
    if result.delivered is None or result.delivered.replay is None:
        level: Level = "warning" if result.evaluation is None else "note"
        found.append(Gap("coverage.not_probed", level, NOT_PROBED))
    limits = result.delivered.verdict.not_covered if result.delivered is not None else ()
    found += [Gap("coverage.excluded", "note", text) for text in limits]
    order = ("error", "warning", "note")
    return tuple(sorted(dict.fromkeys(found), key=lambda item: order.index(item.level)))


def stale(result: Result) -> tuple[Gap, ...]:
    """The ignores that do nothing: the expired, then those that fit no finding."""
    if result.gate is None:
        return ()
    found = (
        Gap(f"policy.ignore_{item.state}", "warning" if item.state == "expired" else "note", text)
        for item in result.gate.ignores
        if (text := words.idle(item))
    )
    return tuple(sorted(found, key=lambda item: item.id))


def _suppressed(result: Result, *charges: Charge) -> tuple[Suppressed, ...]:
    gate = result.gate
    if gate is None or gate.subject != "delivered":
        return ()
    return tuple(item for item in gate.suppressed if item.charge in charges)


def _from_finding(item: Finding, accepted: tuple[Suppressed, ...]) -> Alert:
    """The first folder of an archive bears the name of the file, so it is no part of the key."""
    place = _OFFSET.sub("", item.where)
    inside = place.partition("/")[2] or place
    what = _AT_BYTE.sub("", item.what).replace(f" in {place}", "").replace(place, inside)
    text = f"{item.what}; {item.remedy}"
    return Alert(item.rule, item.severity, f"{inside}\0{what}", text, accepted)


def _from_verdict(result: Result, scan: Scan) -> Iterator[Alert]:
    """The target is the key: a backdoor keeps it, while the family that reveals it may change."""
    verdict = scan.verdict
    undecided = verdict.outcome is Outcome.INCONCLUSIVE and result.status != "fail"
    if verdict.outcome in _VERDICTS and not undecided:
        repaired = result.cleaning is not None and result.cleaning.cleaned
        more = " A repaired copy was written and passed its own scan." if repaired else ""
        yield Alert(
            f"verdict.{verdict.outcome.value}",
            _VERDICTS[verdict.outcome],
            verdict.concept or "",
            verdict.summary + more,
            pardons(result),
        )


def _unpassed(checks: Sequence[Check]) -> Iterator[Gap]:
    for item in checks:
        if item.state in _CHECKS:
            yield Gap(item.id, _CHECKS[item.state], item.reason)


def _noted(subject: Subject) -> Iterator[Gap]:
    for note in subject.notes:
        yield Gap(note.code, "note", note.text)


def _unseen(scan: Scan) -> Iterator[Gap]:
    yield from _unpassed(scan.checks)
    yield from _noted(scan.subject)
    for family in scan.replay.families if scan.replay is not None else ():
        if family.share_rise.value is None:
            why = family.share_rise.absent or "no reason is recorded"
            yield Gap("coverage.not_measured", "warning", f"{family.title}: {why}")
