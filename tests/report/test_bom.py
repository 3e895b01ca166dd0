"""The ML-BOM: valid CycloneDX 1.6, with pedigree, digests and figures, and the same every time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from clipguard.core.results import Result
from clipguard.report.bom import render_bom

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_6)


def bom(result: Result) -> dict[str, Any]:
    """A document that is valid and plain ASCII."""
    text = render_bom(result).decode("ascii")
    error = VALIDATOR.validate_str(text)
    assert error is None, error
    return json.loads(text)


def facts(component: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in component["properties"]}


def metrics(component: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    return {item["type"]: item for item in found}


def test_the_schema_can_refuse() -> None:
    card = '{"performanceMetrics": [{"value": 0.5}]}'
    component = f'{{"type": "file", "name": "x", "modelCard": {{"quantitativeAnalysis": {card}}}}}'
    text = f'{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{component}]}}'
    assert VALIDATOR.validate_str(text) is not None
    assert VALIDATOR.validate_str(text.replace("0.5", '"0.5"')) is None


def test_every_result_gives_a_valid_one(shape: Result) -> None:
    document = bom(shape)
    assert document["metadata"]["component"]["type"] == "machine-learning-model"
    assert facts(document["metadata"])["clipguard:status"] == shape.status
    references = [document["metadata"]["component"]["bom-ref"]]
    references += [item["bom-ref"] for item in document["components"]]
    assert len(set(references)) == len(references)


def test_what_was_compared_with_torch_is_told(shapes: dict[str, Result]) -> None:
    document = bom(shapes["audit"])
    assert facts(document["metadata"])["clipguard:retake"].startswith("no evidence found through")
    files = {item["name"]: facts(item) for item in document["components"]}
    assert files["visual.onnx"]["clipguard:min_cosine"] == "0.99999988"
    assert files["visual.onnx"]["clipguard:max_abs_difference"] == "3.6e-06"
    assert "clipguard:min_cosine" not in files["open_clip_config.json"]


def test_a_scanned_model_carries_its_verdict(shapes: dict[str, Result]) -> None:
    model = bom(shapes["backdoored"])["metadata"]["component"]
    delivered = shapes["backdoored"].delivered
    assert delivered is not None
    assert model["name"] == "model.pt"
    assert model["hashes"] == [{"alg": "SHA-256", "content": delivered.subject.artifact.sha256}]
    assert model["modelCard"]["modelParameters"]["modelArchitecture"] == "ViT-B-32"
    assert model["modelCard"]["considerations"]["technicalLimitations"]
    assert facts(model)["clipguard:outcome"] == "backdoored"
    assert facts(model)["clipguard:concept"] == "banana"
    assert metrics(model)["backdoor_likelihood"]["value"].startswith("0.7352")
    moved = metrics(model)["moved"]
    assert moved["value"] == "0.97"
    assert float(moved["confidenceInterval"]["lowerBound"]) == pytest.approx(0.91)
    assert moved["slice"] == "vertical-stripe-patch, side=0.14, to banana"
    assert "pedigree" not in model


def test_a_repaired_model_names_its_ancestor_and_its_files(shapes: dict[str, Result]) -> None:
    document = bom(shapes["audit"])
    model = document["metadata"]["component"]
    (ancestor,) = model["pedigree"]["ancestors"]
    assert (model["name"], ancestor["name"]) == ("open_clip_model.safetensors", "model.pt")
    assert facts(model)["clipguard:outcome"] == "no_evidence"
    assert facts(ancestor)["clipguard:outcome"] == "backdoored"
    assert "guided" in model["pedigree"]["notes"]
    assert metrics(model)["attack_success"]["value"] == "0.03"
    assert "attack_success" not in metrics(ancestor)
    assert "fell by" in model["modelCard"]["considerations"]["performanceTradeoffs"][0]
    written = {item["name"]: item["hashes"][0]["content"] for item in document["components"]}
    assert written == {item.artifact.name: item.artifact.sha256 for item in shapes["audit"].exports}


def test_a_refused_repair_says_why(shapes: dict[str, Result]) -> None:
    notes = bom(shapes["not_cleaned"])["metadata"]["component"]["pedigree"]["notes"]
    assert notes.endswith("not accepted: the rescan still finds the trigger")


def test_what_is_accepted_is_told(shapes: dict[str, Result]) -> None:
    told = facts(bom(shapes["accepted"])["metadata"])["clipguard:accepted"]
    assert "until 2027-01-30: checked by hand on our data" in told


def test_a_hostile_file_has_its_findings(shapes: dict[str, Result]) -> None:
    model = bom(shapes["refused"])["metadata"]["component"]
    assert "critical pickle.executes" in facts(model)["clipguard:finding"]
    assert "modelCard" not in model


def test_equal_results_have_equal_bytes_and_others_another_number(
    shapes: dict[str, Result],
) -> None:
    first = render_bom(shapes["audit"])
    assert first == render_bom(shapes["audit"])
    number = json.loads(first)["serialNumber"]
    UUID(number)
    assert number != bom(replace(shapes["audit"], exit_code=3))["serialNumber"]
    assert "timestamp" not in json.loads(first)["metadata"]


def test_hostile_texts_stay_texts(
    build: ModuleType, shapes: dict[str, Result], spoil: Callable[[Any, str], Any]
) -> None:
    for text in (*build.HOSTILE, "\ud800", "\x00", "x" * 100_000):
        for name in ("refused", "audit", "evaluation"):
            data = render_bom(spoil(shapes[name], text))
            for code in (b"\\u202e", b"\\u001b", b"\\u2028", b"\\u0000", b"\\n"):
                assert code not in data.replace(b"\\\\", b"")
            assert len(data) < 200_000
            bom(spoil(shapes[name], text))
