"""The in-toto Statement: valid, about every file of a folder, and the same every time."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import in_toto_attestation.v1.statement_pb2 as messages
import pytest
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement

from clipguard.core.results import Result
from clipguard.export.attestation import FILE, PREDICATE, write_attestation
from clipguard.export.sums import write_sums

ROOT = Path(__file__).resolve().parents[2]
FILES = {"visual.onnx": b"weights", "deeper/vocab.json": b"{}", "result.json": b"[]"}


def _builders() -> ModuleType:
    path = ROOT / "tests/report/builders.py"
    spec = importlib.util.spec_from_file_location("attestation_builders", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILDERS = _builders()
SHAPES: dict[str, Result] = BUILDERS.shapes()


def attest(result: Result, folder: Path) -> dict[str, Any]:
    """The statement about a folder with some files; valid, and plain ASCII."""
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    write_attestation(result, folder)
    text = (folder / FILE).read_bytes().decode("ascii")
    Statement.copy_from_pb(json_format.Parse(text, messages.Statement())).validate()
    return json.loads(text)


def test_the_validator_can_refuse() -> None:
    for broken in ({}, {"_type": "https://in-toto.io/Statement/v1"}):
        message = json_format.ParseDict(broken, messages.Statement())
        with pytest.raises(ValueError, match=r"Wrong statement|At least one subject"):
            Statement.copy_from_pb(message).validate()


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_result_gives_a_valid_statement(name: str, tmp_path: Path) -> None:
    statement = attest(SHAPES[name], tmp_path)
    assert statement["predicate"]["status"] == SHAPES[name].status


def test_its_subjects_are_the_files(tmp_path: Path) -> None:
    statement = attest(SHAPES["audit"], tmp_path)
    subjects = {item["name"]: item["digest"] for item in statement["subject"]}
    assert subjects == {
        name: {"sha256": hashlib.sha256(data).hexdigest()} for name, data in FILES.items()
    }


def test_the_list_of_sums_covers_it_and_it_covers_no_list(tmp_path: Path) -> None:
    attest(SHAPES["audit"], tmp_path)
    write_sums(tmp_path)
    first = (tmp_path / FILE).read_bytes()
    assert f"{hashlib.sha256(first).hexdigest()}  {FILE}\n" in (tmp_path / "SHA256SUMS").read_text()
    write_attestation(SHAPES["audit"], tmp_path)
    assert (tmp_path / FILE).read_bytes() == first


def test_the_predicate_says_what_was_found_and_decided(tmp_path: Path) -> None:
    shape = SHAPES["audit"]
    told = attest(shape, tmp_path)["predicate"]
    parent = shape.delivered.subject.artifact
    assert told["parents"] == [{"name": parent.name, "digest": {"sha256": parent.sha256}}]
    assert told["data"] == [{"name": "held-out pairs", "digest": {"sha256": "ab" * 32}}]
    assert told["delivered"]["verdict"]["outcome"] == "backdoored"
    assert told["repaired"]["verdict"]["outcome"] == "no_evidence"
    assert told["cleaning"]["settings"]["learning_rate"] == 3e-5
    assert told["settings"]["seed"] == 7
    accepted = attest(SHAPES["accepted"], tmp_path)["predicate"]["gate"]["suppressed"]
    assert accepted[0]["reason"] == "checked by hand on our data"


def test_every_part_of_the_predicate_is_documented(tmp_path: Path) -> None:
    page = (ROOT / "docs/provenance.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert documented >= attest(SHAPES["audit"], tmp_path)["predicate"].keys()
    assert f"`{PREDICATE}`" in page
    assert urlsplit(PREDICATE).scheme


@pytest.mark.parametrize("text", [*BUILDERS.HOSTILE, "\x00", "x" * 10**6])
def test_hostile_names_stay_names(text: str, tmp_path: Path) -> None:
    shape = SHAPES["audit"]
    scan = shape.delivered
    subject = replace(
        scan.subject,
        architecture=text,
        artifact=replace(scan.subject.artifact, name=text),
        findings=(replace(SHAPES["refused"].findings[0], where=text, what=text),),
    )
    verdict = replace(scan.verdict, concept=text, trigger=text, summary=text)
    hostile = replace(
        shape,
        delivered=replace(scan, subject=subject, verdict=verdict),
        settings={**shape.settings, "labels": text},
    )
    statement = attest(hostile, tmp_path)
    shown = json.dumps(statement, ensure_ascii=False)
    assert not set(shown) & set("\x00\x1b\u202e\u2028\n\r")
    assert "\\n" not in shown.replace("\\\\", "")
    assert len(shown) < 100_000
