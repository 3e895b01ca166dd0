"""Results survive JSON, and the schema describes them."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from clipguard.core import schema
from clipguard.core.errors import InputError
from clipguard.core.results import Result


def _shapes() -> dict[str, Result]:
    path = Path(__file__).parents[1] / "report" / "builders.py"
    spec = importlib.util.spec_from_file_location("schema_builders", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    shapes: dict[str, Result] = module.shapes()
    return shapes


SHAPES = _shapes()


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_round_trip_is_exact_and_canonical(name: str) -> None:
    data = schema.dumps(SHAPES[name])
    assert schema.loads(data) == SHAPES[name]
    assert schema.dumps(schema.loads(data)) == data
    assert data.endswith(b"}\n")
    assert data.isascii()


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_shape_follows_the_schema(name: str) -> None:
    jsonschema.validate(json.loads(schema.dumps(SHAPES[name])), schema.json_schema())


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema.json_schema())


def _set(plain: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for name in parents:
        plain = plain[name]
    plain[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("exit_code", "one"),
        ("status", "clean"),
        ("delivered.verdict.outcome", "safe"),
        ("delivered.verdict.likelihood", "high"),
        ("delivered.replay.null", [None]),
        ("settings", []),
    ],
)
def test_what_is_no_result_is_refused_by_schema_and_reader(path: str, value: object) -> None:
    plain = json.loads(schema.dumps(SHAPES["backdoored"]))
    _set(plain, path, value)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain, schema.json_schema())
    with pytest.raises(InputError, match=r"result\.invalid"):
        schema.loads(json.dumps(plain).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"<html>", b'{"schema_version": "1.0"}', b"\xff"])
def test_garbage_gives_one_line(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        schema.loads(data, where="x.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_no_infinite_figure_is_written(value: float) -> None:
    delivered = SHAPES["backdoored"].delivered
    assert delivered is not None
    verdict = replace(delivered.verdict, likelihood=value)
    broken = replace(SHAPES["backdoored"], delivered=replace(delivered, verdict=verdict))
    with pytest.raises(ValueError, match=r"delivered\.verdict\.likelihood"):
        schema.dumps(broken)
