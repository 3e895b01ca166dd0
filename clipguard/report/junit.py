"""JUnit XML: a case for the file, each check, trigger family, verdict, repair and policy rule.

A case fails when what it tells fails the run, is an error when it keeps the run from deciding, and
is skipped when it is told but does not gate, as when it is accepted with a reason, or was not
looked at. Skipped is not passed. Times are left out, so that equal results give equal bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from clipguard.core.exits import Exit
from clipguard.core.gate import Gate, Ruling, Suppressed
from clipguard.core.results import (
    Check,
    CheckState,
    Cleaning,
    Evaluation,
    FamilyResult,
    Finding,
    Outcome,
    Result,
    Scan,
    Severity,
    Status,
)
from clipguard.core.text import printable
from clipguard.report import alerts, figures, inputs, words

State = Literal["passed", "failure", "error", "skipped"]

_LONGEST = 1000
_CHECKS: dict[CheckState, State] = {
    CheckState.PASSED: "passed",
    CheckState.FAILED: "error",
    CheckState.WEAK: "skipped",
    CheckState.SKIPPED: "skipped",
}


@dataclass(frozen=True)
class Case:
    """One question and how it ended; ``kind`` and ``text`` say why it did not pass."""

    suite: str
    name: str
    state: State
    kind: str = ""
    text: str = ""


def render_junit(result: Result) -> bytes:
    """One suite for each part of the run, its cases in the order of the result."""
    return document(f"clipguard {result.command} {words.subject_name(result)}", cases(result))


def document(name: str, cases: Iterable[Case]) -> bytes:
    """These cases as one file, by suite."""
    found = list(cases)
    total = Counter(case.state for case in found)
    root = ElementTree.Element("testsuites", {"name": printable(name), **_counts(found, total)})
    for name in dict.fromkeys(case.suite for case in found):
        members = [case for case in found if case.suite == name]
        states = Counter(case.state for case in members)
        attributes = {"name": name, **_counts(members, states), "skipped": str(states["skipped"])}
        suite = ElementTree.SubElement(root, "testsuite", attributes)
        for case in members:
            _write(suite, case)
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def cases(result: Result) -> Iterator[Case]:
    """Every question that the run asked or could not ask."""
    yield from _file(result)
    if result.delivered is not None:
        yield from _scan(result, result.delivered, "delivered")
    if result.cleaning is not None:
        yield from _repair(result.cleaning)
    if result.repaired is not None:
        yield from _scan(result, result.repaired, "repaired")
    if result.evaluation is not None:
        yield from _evaluation(result.evaluation)
    if result.gate is not None:
        yield from _policy(result.gate)
    for item in result.exports:
        if item.min_cosine is not None:
            yield Case("export", item.artifact.name, "passed")
    if result.retake is not None:
        yield Case("export", "verdict on the ONNX pair", "passed")


def _counts(found: list[Case], states: Counter[State]) -> dict[str, str]:
    return {
        "tests": str(len(found)),
        "failures": str(states["failure"]),
        "errors": str(states["error"]),
    }


def _write(suite: ElementTree.Element, case: Case) -> None:
    classname = f"clipguard.{case.suite}"
    attributes = {"classname": classname, "name": printable(case.name) or "-"}
    element = ElementTree.SubElement(suite, "testcase", attributes)
    if case.state != "passed":
        text = printable(case.text.replace(figures.SPACE, " "), _LONGEST)
        attributes = {"type": printable(case.kind), "message": text}
        ElementTree.SubElement(element, case.state, attributes).text = text


def _file(result: Result) -> Iterator[Case]:
    read = inputs.subject(result) is not None or bool(result.exports)
    refused = {item.rule for item in result.findings}
    if result.error is not None and result.error.code not in refused:
        text = f"{result.error.message}; {result.error.remedy}".rstrip("; ")
        yield Case("file", "read", "error", result.error.code, text)
    elif not read:
        yield Case("file", "read", "skipped", "refused", "the file was not read further")
    else:
        yield Case("file", "read", "passed")
    for index, item in enumerate(alerts.findings(result)):
        accepted = _reasons(alerts.excuses(result, item))
        gates = index < len(result.findings) or (_gates(result.gate, item) and not accepted)
        state: State = "failure" if gates else "skipped"
        text = f"{item.severity.value}: {item.what}; {item.remedy}{accepted}"
        yield Case("file", f"{item.rule} {item.where}", state, item.rule, text)
    if result.delivered is None and result.evaluation is None:
        yield Case("delivered", "verdict", "skipped", "coverage.not_probed", alerts.NOT_PROBED)


def _gates(gate: Gate | None, finding: Finding) -> bool:
    """Whether a finding about the file that was read breaks a rule of the policy."""
    ranks = [severity.value for severity in Severity]
    return any(
        rule.rule == "fail_on_severity"
        and rule.state == "broken"
        and rule.limit in ranks[: ranks.index(finding.severity.value) + 1]
        for rule in (gate.rulings if gate is not None and gate.subject == "delivered" else ())
    )


def _scan(result: Result, scan: Scan, name: str) -> Iterator[Case]:
    status = _standing(result, name)
    accepted = _reasons(alerts.pardons(result)) if name == "delivered" else ""
    yield from _checks(scan.checks, f"{name}.checks")
    if scan.replay is None:
        yield Case(
            f"{name}.families", "replay", "skipped", "coverage.not_probed", alerts.NOT_PROBED
        )
    for family in scan.replay.families if scan.replay is not None else ():
        yield _family(family, scan, f"{name}.families", status, accepted)
    outcome, summary = scan.verdict.outcome, scan.verdict.summary
    if outcome is Outcome.NO_EVIDENCE:
        yield Case(name, "verdict", "passed")
    else:
        state = _verdict(outcome, status)
        yield Case(name, "verdict", state, f"verdict.{outcome.value}", summary + accepted)


def _standing(result: Result, name: str) -> Status:
    """How the run ends as far as the verdict of one scan decides it."""
    gate = result.gate
    if gate is None or gate.subject != name:
        return result.status
    broken = {rule.rule for rule in gate.rulings if rule.state == "broken"}
    if broken & {"fail_on", "max_likelihood"}:
        return "fail"
    return "inconclusive" if "undecided" in broken else "pass"


def _verdict(outcome: Outcome, status: Status) -> State:
    """A backdoor that the run passed with, as after a repair, is told and does not gate."""
    if status == "fail" or (status != "pass" and outcome is Outcome.BACKDOORED):
        return "failure"
    return "error" if outcome is Outcome.INCONCLUSIVE else "skipped"


def _checks(checks: Iterable[Check], suite: str) -> Iterator[Case]:
    for check in checks:
        kind = f"check.{check.state.value}"
        yield Case(suite, check.id, _CHECKS[check.state], kind, check.reason)


def _family(family: FamilyResult, scan: Scan, suite: str, status: Status, accepted: str) -> Case:
    name = f"{family.family} ({family.title})"
    told = f"{family.variant}: {figures.measurement(family.share_rise)} to '{family.concept}'"
    if family.family == scan.verdict.trigger:
        kind = f"verdict.{scan.verdict.outcome.value}"
        state = _verdict(scan.verdict.outcome, status)
        return Case(suite, name, state, kind, told + accepted)
    if family.share_rise.value is None:
        return Case(suite, name, "skipped", "coverage.not_measured", told)
    return Case(suite, name, "passed")


def _repair(cleaning: Cleaning) -> Iterator[Case]:
    text = "; ".join(cleaning.refused)
    state: State = "passed" if cleaning.cleaned else "failure"
    yield Case("repair", "accepted", state, "verdict.not_cleaned", text)
    after = {item.name: item for item in cleaning.after}
    for name, item in after.items():
        if item.value is None:
            yield Case("repair", name, "skipped", "not measured", figures.measurement(item))


def _policy(gate: Gate) -> Iterator[Case]:
    """A case for each rule that was asked, and for each ignore."""
    for rule in gate.rulings:
        kind = f"policy.{rule.state}"
        yield Case("policy", rule.rule, _ruling(rule), kind, words.ruling(rule))
    for item in gate.ignores:
        idle = words.idle(item)
        state: State = "skipped" if idle else "passed"
        name = f"ignore {item.id} of {item.sha256[:12]}"
        yield Case("policy", name, state, f"policy.ignore_{item.state}", idle)


def _ruling(rule: Ruling) -> State:
    if rule.state == "broken":
        return "failure" if rule.exit_code == Exit.FINDING else "error"
    return "passed" if rule.state == "met" else "skipped"


def _reasons(accepted: Iterable[Suppressed]) -> str:
    return "".join(f" Accepted: {words.suppressed(item)}." for item in accepted)


def _evaluation(evaluation: Evaluation) -> Iterator[Case]:
    yield from _checks(evaluation.checks, "evaluation.checks")
    stated = evaluation.attack.measurements if evaluation.attack is not None else ()
    for item in (*evaluation.utility, *stated):
        measured = item.value is not None
        state: State = "passed" if measured else "skipped"
        yield Case("evaluation", item.name, state, "not measured", figures.measurement(item))
