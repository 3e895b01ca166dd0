"""Names from hostile files are inert in every format that is made of text."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from types import ModuleType
from xml.etree import ElementTree

import pytest

from clipguard.core.gate import Charge, IgnoreRecord, Suppressed
from clipguard.core.results import Note, Result
from clipguard.report.formats import FORMATS, render
from clipguard.report.github import commands

NAMES = {
    "markup": "<script>alert(1)</script>",
    "terminal": "\x1b[2J\x1b]0;title\x07",
    "bidi": "safe\u202egnp.exe\u2066",
    "lines": "two\nlines\r\nthree\u2028four",
    "runner": "\n::add-mask::x\n##[group]y",
    "megabyte": "n" * 2**20,
}
HARMFUL = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


@pytest.fixture(params=NAMES)
def hostile(request: pytest.FixtureRequest, shapes: dict[str, Result]) -> Result:
    """A name in every place that a model, its data or a settings file can put one."""
    name, shape = NAMES[request.param], shapes["audit"]
    scan = shape.delivered
    assert scan is not None
    assert scan.replay is not None
    assert shape.cleaning is not None
    finding = replace(shapes["refused"].findings[0], where=name, what=f"asks for {name}")
    subject = replace(
        scan.subject,
        artifact=replace(scan.subject.artifact, name=name),
        architecture=name,
        notes=(Note(code="name.unsafe", text=f"tensor {name}"),),
        findings=(finding,),
    )
    accused = replace(scan.replay.families[0], concept=name)
    verdict = replace(scan.verdict, concept=name, summary=f"Leads to '{name}'.")
    excuse = Suppressed(
        charge=Charge(id=finding.rule, place=name), by="ignore", reason=name, expires="2030-01-31"
    )
    ignore = IgnoreRecord(
        id=name, sha256="0" * 64, reason=name, expires="2030-01-31", state="unused"
    )
    gate = shapes["accepted"].gate
    assert gate is not None
    return replace(
        shape,
        settings={**shape.settings, "model": name, "labels": name, "data": name},
        delivered=replace(
            scan,
            subject=subject,
            verdict=verdict,
            replay=replace(scan.replay, families=(accused, *scan.replay.families[1:])),
        ),
        cleaning=replace(shape.cleaning, pairs=name, explanation=(name,), refused=(name,)),
        gate=replace(gate, suppressed=(excuse,), ignores=(ignore,)),
    )


def shown(format_name: str, result: Result) -> str:
    """The text that a reader of the format gets to see, with escapes of the format taken back."""
    data = render(result, format_name).decode()
    if format_name in {"cyclonedx", "sarif"}:
        return "\n".join(_texts(json.loads(data)))
    if format_name == "junit":
        elements = ElementTree.fromstring(data).iter()  # noqa: S314  # our own bytes
        return "\n".join(f"{' '.join(item.attrib.values())} {item.text}" for item in elements)
    return data


@pytest.mark.parametrize("format_name", sorted(FORMATS.keys() - {"html", "json"}))
def test_names_are_inert(format_name: str, hostile: Result, shapes: dict[str, Result]) -> None:
    text = shown(format_name, hostile)
    assert len(text) < 100_000
    assert {unicodedata.category(letter) for letter in text} & HARMFUL <= {"Cc"}
    assert {letter for letter in text if unicodedata.category(letter) == "Cc"} <= {"\n"}
    assert "two\nlines" not in text
    raw = render(hostile, format_name).decode()
    if format_name in {"junit", "markdown"}:
        assert "<script" not in raw
    if format_name == "text":
        assert len(raw.splitlines()) < 40
        assert max(map(len, raw.splitlines())) <= 100


def test_lines_for_a_runner_are_ours(hostile: Result) -> None:
    lines = commands(hostile)
    assert lines
    for line in lines:
        assert line.startswith(("::error title=clipguard", "::warning ti", "::notice ti"))
        assert "\n" not in line
        assert len(line) < 2500


def test_the_names_are_seen(build: ModuleType, shapes: dict[str, Result]) -> None:
    """What is escaped is shown all the same, so that a reader can tell what the file holds."""
    scan = shapes["backdoored"].delivered
    assert scan is not None
    artifact = replace(scan.subject.artifact, name=NAMES["terminal"])
    result = build.result(delivered=replace(scan, subject=replace(scan.subject, artifact=artifact)))
    for format_name in ("junit", "text", "cyclonedx"):
        assert r"\u{1b}[2J" in shown(format_name, result)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *_texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return []
