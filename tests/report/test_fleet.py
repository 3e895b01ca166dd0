"""The merged table of a fleet: JUnit that validates, and names that stay inert."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema

from clipguard.core.exits import Exit, worst
from clipguard.core.fleet import Fleet, Row
from clipguard.report.fleet import render, render_text

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).parent / "schemas/junit-10.xsd"))
HARMFUL = ("\x1b", "\u202e")


def row(model: str, exit_code: int, **changes) -> Row:
    plain = {"verdict": "Refused", "told": "A sentence.", "likelihood": None, "trigger": None}
    plain |= {"concept": None, "code": None, "folder": "key", **changes}
    return Row(model=model, sha256="a" * 64, size_bytes=5, exit_code=exit_code, **plain)


def fleet(*rows: Row) -> Fleet:
    return Fleet(
        schema_version="1.0",
        command="scan",
        version="0",
        rules_sha256="0" * 64,
        settings_sha256="1" * 64,
        exit_code=int(worst(Exit(item.exit_code) for item in rows)),
        rows=rows,
    )


def test_each_model_is_a_case_that_ends_as_its_exit_code_says():
    table = fleet(*(row(f"m{code}.pt", code) for code in (0, 1, 2, 3, 70)))
    assert table.exit_code == 1
    root = ElementTree.fromstring(render(table)["fleet.xml"])  # noqa: S314  # our own bytes
    SCHEMA.validate(root)
    states = [[child.tag for child in case] for case in root.iter("testcase")]
    assert states == [[], ["failure"], ["error"], ["error"], ["error"]]
    lines = render_text(table).splitlines()
    assert [line.split()[1] for line in lines[:5]] == [f"m{c}.pt" for c in (1, 3, 2, 70, 0)]


def test_a_bug_does_not_pass():
    assert worst([Exit.PASS, Exit.BUG]) is Exit.BUG


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "\x1b[2Jm", "a\u202eb", "two\nlines"]
)
def test_names_are_inert(name):
    table = fleet(row(name, 1, told=name, trigger=name, concept=name, code=name), row("m.pt", 0))
    made = {**render(table), "text": render_text(table).encode()}
    for data in made.values():
        assert not any(mark in data.decode() for mark in HARMFUL)
    assert b"<script>" not in made["fleet.html"] + made["fleet.xml"]
    assert made["text"].count(b"\n") == 3
    assert render(table) == render(table)
