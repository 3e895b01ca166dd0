"""Results to and from JSON, and the JSON Schema that describes them.

Canonical bytes: keys sorted, two spaces, a final newline, no NaN. Equal results, equal bytes.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from clipguard.core.errors import InputError
from clipguard.core.results import SCHEMA_VERSION, Result


def dumps(result: Result) -> bytes:
    """Canonical JSON of a result.

    Raises:
        ValueError: a figure is not finite; that is a bug, absence has its own notation.
    """
    plain = msgspec.to_builtins(result)
    _refuse_non_finite(plain, "result")
    text = json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return text.encode() + b"\n"


def loads(data: bytes, *, where: str = "result") -> Result:
    """Read a result back.

    Raises:
        InputError: not a result of this schema version.
    """
    try:
        return msgspec.json.decode(data, type=Result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            "result.invalid",
            f"not a clipguard result of schema {SCHEMA_VERSION}: {error}",
            where=where,
            remedy="give the JSON written by scan, clean, audit, evaluate or inspect",
        ) from error


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of :class:`clipguard.core.results.Result`."""
    schema = msgspec.json.schema(Result)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"clipguard result {SCHEMA_VERSION}",
        **schema,
    }


def _refuse_non_finite(value: Any, place: str) -> None:
    """Name the figure that is not finite; msgspec would write null, against its own schema."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{place} is {value}")
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_non_finite(item, f"{place}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _refuse_non_finite(item, f"{place}[{index}]")
