"""What the policy accepts stays in every format, with its reason, and does not gate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from clipguard.core.gate import Charge, Gate, Ruling, Suppressed
from clipguard.core.results import Finding, Outcome, Result, Severity
from clipguard.report.github import commands
from clipguard.report.junit import render_junit
from clipguard.report.markdown import render_markdown
from clipguard.report.sarif import render_sarif
from clipguard.report.text import render_text

SCHEMA = json.loads((Path(__file__).parent / "schemas/sarif-schema-2.1.0.json").read_text())
REASON = "checked by hand on our data"
STRAY, CODE = (
    Finding(rule=rule, severity=severity, where="config.json", what="stray", remedy="ask")
    for rule, severity in (
        ("file.unreferenced_member", Severity.MEDIUM),
        ("config.remote_code", Severity.HIGH),
    )
)


def run(result: Result) -> dict[str, Any]:
    document = json.loads(render_sarif(result))
    jsonschema.validators.validator_for(SCHEMA)(SCHEMA).validate(document)
    return document["runs"][0]


def ends(result: Result) -> dict[str, tuple[str, str]]:
    """State and message of each case, by name."""
    root = ElementTree.fromstring(render_junit(result))  # noqa: S314  # our own bytes
    found = {}
    for case in root.iter("testcase"):
        (end,) = list(case) or [ElementTree.Element("passed")]
        name = f"{case.get('classname')} {case.get('name')}".removeprefix("clipguard.")
        found[name] = (end.tag, end.get("message") or "")
    return found


@pytest.fixture
def accepted(shapes: dict[str, Result]) -> Result:
    """A backdoored model whose verdict is accepted, and too few pictures."""
    return shapes["accepted"]


@pytest.fixture
def files(shapes: dict[str, Result]) -> Result:
    """No evidence, two findings about the file, one of them accepted; the other one gates."""
    scan = shapes["no_evidence"].delivered
    assert scan is not None
    rule = Ruling(
        rule="fail_on_severity", limit="medium", found="high", state="broken", exit_code=1
    )
    charge = Charge(id=STRAY.rule, place=STRAY.where)
    known = Suppressed(charge=charge, by="baseline", reason="known from last.json", expires=None)
    return replace(
        shapes["no_evidence"],
        status="fail",
        exit_code=1,
        delivered=replace(scan, subject=replace(scan.subject, findings=(STRAY, CODE))),
        gate=Gate(subject="delivered", exit_code=1, rulings=(rule,), suppressed=(known,)),
    )


def test_sarif_suppresses_with_the_reason(accepted: Result) -> None:
    (item,) = run(accepted)["results"]
    assert item["ruleId"] == "verdict.backdoored"
    (suppression,) = item["suppressions"]
    assert (suppression["kind"], suppression["status"]) == ("external", "accepted")
    assert suppression["justification"] == REASON
    assert suppression["properties"]["expires"] == "2027-01-30"


def test_sarif_tells_what_is_not_suppressed(shapes: dict[str, Result], files: Result) -> None:
    assert run(shapes["backdoored"])["results"][0]["suppressions"] == []
    found = {item["ruleId"]: item["suppressions"] for item in run(files)["results"]}
    assert found[CODE.rule] == []
    assert found[STRAY.rule][0]["justification"] == "known from last.json"
    assert "expires" not in found[STRAY.rule][0]["properties"]


def test_sarif_suppresses_no_part_of_a_verdict(accepted: Result) -> None:
    scan = accepted.delivered
    assert scan is not None
    assert scan.replay is not None
    first, second, *rest = scan.replay.families
    families = (first, replace(second, share_rise=first.share_rise), *rest)
    partly = replace(scan, replay=replace(scan.replay, families=families))
    assert run(replace(accepted, delivered=partly))["results"][0]["suppressions"] == []


def test_what_is_accepted_of_a_repaired_model_says_nothing_of_the_delivered_one(
    accepted: Result,
) -> None:
    assert accepted.gate is not None
    repaired = replace(accepted, gate=replace(accepted.gate, subject="repaired"))
    assert run(repaired)["results"][0]["suppressions"] == []
    assert ends(repaired)["delivered verdict"][0] == "failure"


def test_a_suppression_does_not_change_the_fingerprint(accepted: Result) -> None:
    (first,), (second,) = (
        [item["partialFingerprints"] for item in run(result)["results"]]
        for result in (accepted, replace(accepted, gate=None))
    )
    assert first == second


def test_ignores_that_do_nothing_are_notified(accepted: Result) -> None:
    invocation = run(accepted)["invocations"][0]
    told = {
        item["descriptor"]["id"]: (item["level"], item["message"]["text"])
        for item in invocation["toolConfigurationNotifications"]
    }
    assert told.keys() == {"policy.ignore_expired", "policy.ignore_unused"}
    assert told["policy.ignore_expired"][0] == "warning"
    assert "old-family: expired on 2026-10-31" in told["policy.ignore_expired"][1]
    assert told["policy.ignore_unused"][0] == "note"


def test_junit_skips_with_the_reason(accepted: Result) -> None:
    found = ends(accepted)
    suspect = "delivered.families vertical-stripe-patch (Vertical stripe patch)"
    for name in ("delivered verdict", suspect):
        state, message = found[name]
        assert state == "skipped"
        assert f"until 2027-01-30: {REASON}" in message
    assert found["policy fail_on"][0] == found["policy max_likelihood"][0] == "skipped"
    assert found["policy undecided"][0] == "passed"
    assert found["policy min_carriers"] == (
        "error",
        "min_carriers broken: found 96, limit 200",
    )
    assert found["policy ignore vertical-stripe-patch of 4f1c9a4f1c9a"][0] == "passed"
    assert found["policy ignore old-family of 000000000000"][0] == "skipped"


def test_junit_fails_what_gates(files: Result) -> None:
    found = ends(files)
    assert found[f"file {CODE.rule} {CODE.where}"][0] == "failure"
    state, message = found[f"file {STRAY.rule} {STRAY.where}"]
    assert state == "skipped"
    assert "known from last.json" in message
    assert found["policy fail_on_severity"][0] == "failure"
    assert found["delivered verdict"][0] == "passed"


def test_junit_does_not_blame_a_verdict_for_another_rule(
    shapes: dict[str, Result], files: Result
) -> None:
    weak = shapes["natural_like"].delivered
    assert weak is not None
    assert files.delivered is not None
    scan = replace(weak, subject=files.delivered.subject)
    assert scan.verdict.outcome is Outcome.NATURAL_LIKE
    assert ends(replace(files, delivered=scan))["delivered verdict"][0] == "skipped"


def test_a_line_for_github_is_a_notice(accepted: Result) -> None:
    lines = commands(accepted)
    (line,) = [line for line in lines if "verdict.backdoored" in line]
    assert line.startswith("::notice ")
    assert REASON in line
    (expired,) = [line for line in lines if "policy.ignore_expired" in line]
    assert expired.startswith("::warning ")
    assert not any("policy.ignore_unused" in line for line in lines)


def test_people_read_the_reason_too(accepted: Result) -> None:
    for text in (render_text(accepted), render_markdown(accepted).decode()):
        flat = " ".join(text.split())
        assert f"until 2027-01-30: {REASON}" in flat
        assert "old-family: expired on 2026-10-31" in flat
        assert "broken: found 96, limit 200" in flat
