"""From options to the requests of the pipeline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from clipguard.cli import sources
from clipguard.cli.gating import rules_of
from clipguard.core.errors import UsageError
from clipguard.core.origin import is_uri
from clipguard.core.results import Scalar
from clipguard.core.text import printable
from clipguard.pairs.spec import FileSpec, SyntheticSpec, left, parse_files, parse_synthetic
from clipguard.pipeline.requests import (
    AuditRequest,
    CleanRequest,
    DrillRequest,
    EvaluateRequest,
    ExportRequest,
    ModelRequest,
    ScanRequest,
)

Request = TypeVar("Request", bound=ModelRequest)
Value = TypeVar("Value")

# Where the answer goes, and in how many attempts it was computed, changes nothing.
_NOT_RECORDED = frozenset(
    {"output", "html", "as_json", "report", "resume", "save_every"}
    | {"online", "log_to", "alias_if_passed"}
)


def scan_request(ctx: click.Context) -> ScanRequest:
    """What ``clipguard scan`` asks for.

    Raises:
        ClipguardError: no model, contradicting options, or a wrong settings file.
    """
    given = _given(ctx)
    if given["images"] and given["data"]:
        if sources.stronger(ctx, "images", "data") == "images":
            given["data"] = ()
        else:
            given["images"] = None
    _require_whole(given["data"], None)
    return _request(ScanRequest, ctx, given)


def clean_request(ctx: click.Context) -> CleanRequest:
    """What ``clipguard clean`` asks for; raises as :func:`scan_request` does."""
    return _request(CleanRequest, ctx, _repair(ctx))


def audit_request(ctx: click.Context) -> AuditRequest:
    """What ``clipguard audit`` asks for; raises as :func:`scan_request` does."""
    return _request(AuditRequest, ctx, _repair(ctx))


def drill_request(ctx: click.Context) -> DrillRequest:
    """What ``clipguard drill`` asks for; raises as :func:`scan_request` does."""
    given = _given(ctx)
    _require_whole(given["data"], None)
    request = _request(DrillRequest, ctx, given)
    return replace(
        request,
        settings=_without_budget(request.settings),
        origins=_without_budget(request.origins),
    )


def evaluate_request(ctx: click.Context) -> EvaluateRequest:
    """What ``clipguard evaluate`` asks for; raises as :func:`scan_request` does."""
    return _request(EvaluateRequest, ctx, _given(ctx))


def export_request(ctx: click.Context) -> ExportRequest:
    """What ``clipguard export`` asks for; raises as :func:`scan_request` does."""
    return _request(ExportRequest, ctx, _given(ctx))


def _without_budget(facts: Mapping[str, Value]) -> dict[str, Value]:
    """A drill in several parts is to end in the same bytes as one that was done at once."""
    return {name: value for name, value in facts.items() if name not in {"budget", "keep"}}


def _given(ctx: click.Context) -> dict[str, Any]:
    given = dict(ctx.params)
    sources.check(ctx, Path(given["model"] or os.devnull))
    if not given["model"]:
        raise UsageError(
            "usage.model",
            "no model given",
            where=ctx.command_path,
            remedy='give MODEL, or set model = "..." in clipguard.toml',
        )
    if (data := given.get("data")) is not None:
        several = not isinstance(data, str)
        given["data"] = tuple(map(parse_files, data)) if several else parse_files(data)
    return given


def _request(kind: type[Request], ctx: click.Context, given: dict[str, Any]) -> Request:
    recorded = sorted(given.keys() - _NOT_RECORDED)
    known = {field.name for field in fields(kind)}
    values = {name: value for name, value in given.items() if name in known}
    if "policy" in known:
        values["policy"] = rules_of(ctx, given)
    return kind(
        **values,
        settings={name: plain(name, given[name]) for name in recorded},
        origins={name: sources.origin(ctx, name) for name in recorded},
    )


def _repair(ctx: click.Context) -> dict[str, Any]:
    given = _given(ctx)
    given["eval"] = parse_files(given["eval"]) if given["eval"] else None
    if given["keep_embeddings"] and given["method"] == "par":
        raise UsageError(
            "usage.contradiction",
            "par moves embeddings past orthogonal, it cannot keep them",
            where="--keep-embeddings",
            remedy="use --method guided",
        )
    made = _synthetic(given["synthetic"])
    if made and given["data"] and made.share is None:
        if sources.stronger(ctx, "data", "synthetic") == "data":
            made = None
        else:
            given["data"] = ()
    if made and made.share is not None and not given["data"]:
        raise UsageError(
            "usage.share",
            f"a share of {made.share:g} synthetic pairs, and nothing else",
            where="--synthetic",
            remedy="give --data as well, or leave the share out",
        )
    _require_whole(given["data"], made)
    given["synthetic"] = made if made or given["data"] else SyntheticSpec()
    return given


def _require_whole(data: tuple[FileSpec, ...], made: SyntheticSpec | None) -> None:
    if data:
        left([spec.share for spec in data], made.share if made else None)


def _synthetic(value: str | float | bool | None) -> SyntheticSpec | None:
    """Settings files hold true and false, the command line and the environment hold text."""
    text = str(value).strip().lower()
    if value is None or text == "false":
        return None
    return SyntheticSpec() if text == "true" else parse_synthetic(str(value))


def plain(name: str, value: Any) -> Scalar:
    """A value fit for the record: a file by its name alone, so that no machine's paths get out."""
    if isinstance(value, tuple):
        return ",".join(sorted(str(plain(name, item)) for item in value))
    if isinstance(value, SyntheticSpec | FileSpec):
        return str(value)
    if name == "model" and is_uri(str(value)):
        return printable(str(value))
    if value is not None and (
        name in {"model", "arch", "trigger", "triggers"} or isinstance(value, Path)
    ):
        return printable(os.path.basename(os.path.abspath(str(value))))
    return cast(Scalar, value)
