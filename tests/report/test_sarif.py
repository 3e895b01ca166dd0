"""SARIF: valid, accepted by GitHub's rules, with fingerprints that outlive a run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

from clipguard.core.results import CheckState, Finding, Outcome, Result, Severity
from clipguard.report.sarif import MOST, render_sarif

SCHEMA = json.loads((Path(__file__).parent / "schemas/sarif-schema-2.1.0.json").read_text())
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


def sarif(result: Result) -> dict[str, Any]:
    """The only run of a document that is valid and plain ASCII."""
    document = json.loads(render_sarif(result).decode("ascii"))
    VALIDATOR.validate(document)
    (run,) = document["runs"]
    return run


def finding(name: str = "model", call: str = "posix.system", at: int = 7) -> Finding:
    place = f"{name}/data.pkl"
    return Finding(
        rule="file.pickle_exec",
        severity=Severity.CRITICAL,
        where=f"{place} @ byte {at}",
        what=f"executes code on load: {call} in {place} at byte {at}",
        remedy="do not load it",
    )


def prints(run: dict[str, Any]) -> list[str]:
    return [item["partialFingerprints"]["primaryLocationLineHash"] for item in run["results"]]


def test_the_schema_can_refuse() -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({"version": "2.1.0", "runs": [{"results": []}]})


def test_what_github_requires_is_there(shape: Result) -> None:
    run = sarif(shape)
    rules = run["tool"]["driver"]["rules"]
    for rule in rules:
        assert 0 < float(rule["properties"]["security-severity"]) <= 10
        assert "security" in rule["properties"]["tags"]
        assert rule["help"]["text"]
        for key in ("shortDescription", "fullDescription"):
            assert 0 < len(rule[key]["text"]) <= 1024
    for item in run["results"]:
        assert rules[item["ruleIndex"]]["id"] == item["ruleId"]
        assert item["message"]["text"]
        (location,) = item["locations"]
        assert set(location["physicalLocation"]["region"].values()) == {1}
        assert ":" not in location["physicalLocation"]["artifactLocation"]["uri"]
    assert len(set(prints(run))) == len(run["results"])
    known = run["tool"]["driver"]["notifications"]
    for notice in run["invocations"][0]["toolExecutionNotifications"]:
        assert known[notice["descriptor"]["index"]]["id"] == notice["descriptor"]["id"]


@pytest.mark.parametrize(
    ("name", "rules", "successful"),
    [
        ("backdoored", ["verdict.backdoored"], True),
        ("natural_like", ["verdict.natural_like"], True),
        ("no_evidence", [], True),
        ("audit_without_repair", [], True),
        ("audit", ["verdict.backdoored"], True),
        ("not_cleaned", ["verdict.backdoored", "verdict.not_cleaned"], False),
        ("inconclusive", [], False),
        ("error", [], False),
        ("refused", ["pickle.executes"], False),
    ],
)
def test_results_tell_what_was_found(
    shapes: dict[str, Result], name: str, rules: list[str], successful: bool
) -> None:
    run = sarif(shapes[name])
    assert [item["ruleId"] for item in run["results"]] == rules
    assert run["invocations"][0]["executionSuccessful"] is successful
    assert run["invocations"][0]["exitCode"] == shapes[name].exit_code


def test_what_was_not_looked_at_is_notified(shapes: dict[str, Result]) -> None:
    def notices(name: str) -> dict[str, str]:
        found = sarif(shapes[name])["invocations"][0]["toolExecutionNotifications"]
        return {item["descriptor"]["id"]: item["level"] for item in found}

    whole = notices("no_evidence")
    assert whole["coverage.excluded"] == "note"
    assert whole["coverage.not_measured"] == whole["readable_words"] == "warning"
    assert "coverage.not_probed" not in whole
    assert notices("inconclusive")["image_text_agreement"] == "error"
    assert notices("no_replay")["coverage.not_probed"] == "warning"
    assert notices("error")["file.truncated"] == "error"


def test_a_gate_on_undecided_models_is_a_result(shapes: dict[str, Result]) -> None:
    run = sarif(replace(shapes["inconclusive"], status="fail", exit_code=1))
    assert [item["ruleId"] for item in run["results"]] == ["verdict.inconclusive"]


def test_a_fingerprint_outlives_names_places_and_seeds(build: ModuleType) -> None:
    def of(*found: Finding) -> list[str]:
        return prints(sarif(build.result(status="fail", exit_code=1, findings=found)))

    (first,) = of(finding())
    assert of(finding("renamed", at=99)) == [first]
    assert of(finding(call="os.popen")) != [first]
    assert of(finding(), finding(at=80)) == [first, first.replace(":1", ":2")]


def test_a_backdoor_is_known_by_its_target(shapes: dict[str, Result]) -> None:
    result = shapes["backdoored"]
    scan = result.delivered
    assert scan is not None

    def of(**changes: Any) -> list[str]:
        verdict = replace(scan.verdict, **changes)
        return prints(sarif(replace(result, delivered=replace(scan, verdict=verdict, seed=9))))

    same = of()
    assert of(likelihood=0.9, trigger="checker", variant="b", summary="other figures") == same
    assert of(concept="teapot") != same


def test_severities_follow_the_finding(build: ModuleType) -> None:
    for severity, level, score in (
        (Severity.CRITICAL, "error", "9.5"),
        (Severity.HIGH, "error", "8.0"),
        (Severity.MEDIUM, "warning", "5.5"),
        (Severity.LOW, "note", "2.0"),
    ):
        run = sarif(build.result(findings=(replace(finding(), severity=severity),)))
        assert run["results"][0]["level"] == level
        assert run["tool"]["driver"]["rules"][0]["properties"]["security-severity"] == score


def test_too_many_findings_are_cut_and_counted(build: ModuleType) -> None:
    many = tuple(finding(call=f"os.f{number}") for number in range(MOST + 5))
    run = sarif(build.result(findings=many))
    assert len(run["results"]) == MOST
    assert "5 more" in run["results"][-1]["message"]["text"]


def test_hostile_texts_stay_texts(
    build: ModuleType, shapes: dict[str, Result], spoil: Callable[[Any, str], Any]
) -> None:
    for text in (*build.HOSTILE, "[here](https://example.org)", "\ud800", "x" * 100_000):
        for name in ("refused", "inconclusive", "audit"):
            data = render_sarif(spoil(shapes[name], text))
            assert b"\\u202e" not in data
            assert b"\\u001b" not in data
            assert b"\\u2028" not in data
            assert b"[here]" not in data.replace(b"\\\\[here\\\\]", b"")
            assert len(data) < 200_000
            sarif(spoil(shapes[name], text))


def test_checks_that_passed_are_no_gap(shapes: dict[str, Result]) -> None:
    result = shapes["no_evidence"]
    assert result.delivered is not None
    passed = tuple(replace(item, state=CheckState.PASSED) for item in result.delivered.checks)
    run = sarif(replace(result, delivered=replace(result.delivered, checks=passed)))
    ids = {item["id"] for item in run["tool"]["driver"]["notifications"]}
    assert ids == {"coverage.excluded", "coverage.not_measured", "file.optimizer"}
    assert result.delivered.verdict.outcome is Outcome.NO_EVIDENCE
