"""JUnit XML: valid for Jenkins, counted right, and skipped is not passed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest
import xmlschema

from clipguard.core.results import Result
from clipguard.report.junit import render_junit

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).parent / "schemas/junit-10.xsd"))
ENDS = ("failure", "error", "skipped")


def junit(result: Result) -> ElementTree.Element:
    root = ElementTree.fromstring(render_junit(result))  # noqa: S314  # our own bytes
    SCHEMA.validate(root)
    return root


def ends(result: Result) -> dict[str, str]:
    """How each case ended, by ``suite name``."""
    found = {}
    for case in junit(result).iter("testcase"):
        states = [child.tag for child in case]
        found[f"{case.get('classname')} {case.get('name')}"] = states[0] if states else "passed"
    return found


def test_the_schema_can_refuse() -> None:
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        SCHEMA.validate(ElementTree.Element("testsuite", {"name": "no counts"}))


def test_counts_are_those_of_the_cases(shape: Result) -> None:
    root = junit(shape)
    for suite in root:
        cases = list(suite)
        assert suite.get("tests") == str(len(cases))
        for end, attribute in zip(ENDS, ("failures", "errors", "skipped"), strict=True):
            ended = [case for case in cases if case.find(end) is not None]
            assert suite.get(attribute) == str(len(ended))
    for attribute in ("tests", "failures", "errors"):
        total = sum(int(suite.get(attribute) or 0) for suite in root)
        assert root.get(attribute) == str(total)


@pytest.mark.parametrize(
    ("name", "case", "end"),
    [
        ("backdoored", "clipguard.delivered verdict", "failure"),
        ("backdoored", "clipguard.delivered.families vertical-stripe-patch (Vertical stripe patch)",
         "failure"),
        ("backdoored", "clipguard.delivered.families elastic-warp (Elastic warp)", "passed"),
        ("backdoored", "clipguard.delivered.families border-frame (Border frame)", "skipped"),
        ("backdoored", "clipguard.delivered.checks readable_words", "skipped"),
        ("no_evidence", "clipguard.delivered verdict", "passed"),
        ("natural_like", "clipguard.delivered verdict", "skipped"),
        ("inconclusive", "clipguard.delivered verdict", "error"),
        ("inconclusive", "clipguard.delivered.checks image_text_agreement", "error"),
        ("inconclusive", "clipguard.delivered.families replay", "skipped"),
        ("error", "clipguard.file read", "error"),
        ("error", "clipguard.delivered verdict", "skipped"),
        ("refused", "clipguard.file pickle.executes model.pt:data.pkl", "failure"),
        ("audit", "clipguard.delivered verdict", "skipped"),
        ("audit", "clipguard.repaired verdict", "passed"),
        ("audit", "clipguard.repair accepted", "passed"),
        ("audit", "clipguard.export visual.onnx", "passed"),
        ("not_cleaned", "clipguard.repair accepted", "failure"),
        ("not_cleaned", "clipguard.repaired verdict", "failure"),
        ("evaluation", "clipguard.evaluation acc1", "passed"),
        ("evaluation", "clipguard.evaluation text_retrieval_recall@1", "skipped"),
    ],
)  # fmt: skip
def test_cases_end_as_the_run_did(
    shapes: dict[str, Result], name: str, case: str, end: str
) -> None:
    assert ends(shapes[name])[case] == end


def test_the_gate_decides_what_fails(shapes: dict[str, Result]) -> None:
    for name in ("natural_like", "inconclusive"):
        gated = replace(shapes[name], status="fail", exit_code=1)
        assert ends(gated)["clipguard.delivered verdict"] == "failure"


def test_red_cases_are_in_red_runs_only(shape: Result) -> None:
    red = {"failure", "error"} & set(ends(shape).values())
    if shape.status in {"pass", "fail"}:
        assert bool(red) == (shape.status == "fail")


def test_hostile_texts_stay_texts(
    build: ModuleType, shapes: dict[str, Result], spoil: Callable[[Any, str], Any]
) -> None:
    for text in (*build.HOSTILE, "]]>", "\x00\x0b\ufffe", "\ud800", "x" * 100_000):
        for name in ("refused", "inconclusive", "evaluation"):
            spoiled = spoil(shapes[name], text)
            assert len(list(junit(spoiled).iter())) == len(list(junit(shapes[name]).iter()))
            shown = render_junit(spoiled).decode()
            assert not set(shown) & set("\x00\x1b\u202e\u2028\ufffe")
            assert len(shown) < 100_000


def test_the_verdict_on_the_onnx_pair_is_a_case(build: ModuleType) -> None:
    shape = build.shapes()["audit"]
    assert ends(shape)["clipguard.export verdict on the ONNX pair"] == "passed"
    assert "clipguard.export verdict on the ONNX pair" not in ends(replace(shape, retake=None))
