"""JUnit XML: a case for the file, each check, each trigger family, the verdict and the repair.

A case fails when what it tells fails the run, is an error when it keeps the run from deciding, and
is skipped when it is told but does not gate, or was not looked at. Skipped is not passed. Times are
left out, so that equal results give equal bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

from clipguard.core.results import (
    Check,
    CheckState,
    Cleaning,
    Evaluation,
    FamilyResult,
    Outcome,
    Result,
    Scan,
    Status,
)
from clipguard.core.text import printable
from clipguard.report import alerts, figures, words

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
    found = list(cases(result))
    total = Counter(case.state for case in found)
    name = printable(f"clipguard {result.command} {words.subject_name(result)}")
    root = ElementTree.Element("testsuites", {"name": name, **_counts(found, total)})
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
        yield from _scan(result.delivered, "delivered", result.status)
    if result.cleaning is not None:
        yield from _repair(result.cleaning)
    if result.repaired is not None:
        yield from _scan(result.repaired, "repaired", result.status)
    if result.evaluation is not None:
        yield from _evaluation(result.evaluation)
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
    read = result.delivered is not None or result.evaluation is not None
    refused = {item.rule for item in result.findings}
    if result.error is not None and result.error.code not in refused:
        text = f"{result.error.message}; {result.error.remedy}".rstrip("; ")
        yield Case("file", "read", "error", result.error.code, text)
    elif not read:
        yield Case("file", "read", "skipped", "refused", "the file was not read further")
    else:
        yield Case("file", "read", "passed")
    for index, item in enumerate(alerts.findings(result)):
        state: State = "failure" if index < len(result.findings) else "skipped"
        text = f"{item.severity.value}: {item.what}; {item.remedy}"
        yield Case("file", f"{item.rule} {item.where}", state, item.rule, text)
    if not read:
        yield Case("delivered", "verdict", "skipped", "coverage.not_probed", alerts.NOT_PROBED)


def _scan(scan: Scan, name: str, status: Status) -> Iterator[Case]:
    yield from _checks(scan.checks, f"{name}.checks")
    if scan.replay is None:
        yield Case(
            f"{name}.families", "replay", "skipped", "coverage.not_probed", alerts.NOT_PROBED
        )
    for family in scan.replay.families if scan.replay is not None else ():
        yield _family(family, scan, f"{name}.families", status)
    outcome, summary = scan.verdict.outcome, scan.verdict.summary
    if outcome is Outcome.NO_EVIDENCE:
        yield Case(name, "verdict", "passed")
    else:
        yield Case(name, "verdict", _verdict(outcome, status), f"verdict.{outcome.value}", summary)


def _verdict(outcome: Outcome, status: Status) -> State:
    """A backdoor that the run passed with, as after a repair, is told and does not gate."""
    if status == "fail" or (status != "pass" and outcome is Outcome.BACKDOORED):
        return "failure"
    return "error" if outcome is Outcome.INCONCLUSIVE else "skipped"


def _checks(checks: Iterable[Check], suite: str) -> Iterator[Case]:
    for check in checks:
        kind = f"check.{check.state.value}"
        yield Case(suite, check.id, _CHECKS[check.state], kind, check.reason)


def _family(family: FamilyResult, scan: Scan, suite: str, status: Status) -> Case:
    name = f"{family.family} ({family.title})"
    told = f"{family.variant}: {figures.measurement(family.share_rise)} to '{family.concept}'"
    if family.family == scan.verdict.trigger:
        kind = f"verdict.{scan.verdict.outcome.value}"
        return Case(suite, name, _verdict(scan.verdict.outcome, status), kind, told)
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


def _evaluation(evaluation: Evaluation) -> Iterator[Case]:
    yield from _checks(evaluation.checks, "evaluation.checks")
    stated = evaluation.attack.measurements if evaluation.attack is not None else ()
    for item in (*evaluation.utility, *stated):
        measured = item.value is not None
        state: State = "passed" if measured else "skipped"
        yield Case("evaluation", item.name, state, "not measured", figures.measurement(item))
