"""From options to the requests of the pipeline."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from clipguard.cli import sources
from clipguard.core.errors import UsageError
from clipguard.core.results import Outcome, Scalar
from clipguard.core.text import printable
from clipguard.pipeline.requests import AuditRequest, CleanRequest, ScanRequest

Request = TypeVar("Request", bound=ScanRequest)

_NOT_RECORDED = frozenset({"output", "html", "as_json"})  # where the answer goes changes nothing


def scan_request(ctx: click.Context) -> ScanRequest:
    """What ``clipguard scan`` asks for.

    Raises:
        ClipguardError: no model, contradicting options, or a wrong settings file.
    """
    given = _given(ctx)
    if given["images"] and given["data"]:
        kept = sources.stronger(ctx, "images", "data")
        given["data" if kept == "images" else "images"] = None
    return _request(ScanRequest, ctx, given)


def clean_request(ctx: click.Context) -> CleanRequest:
    """What ``clipguard clean`` asks for; raises as :func:`scan_request` does."""
    return _request(CleanRequest, ctx, _repair(ctx))


def audit_request(ctx: click.Context) -> AuditRequest:
    """What ``clipguard audit`` asks for; raises as :func:`scan_request` does."""
    return _request(AuditRequest, ctx, _repair(ctx))


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
    return given


def _request(kind: type[Request], ctx: click.Context, given: dict[str, Any]) -> Request:
    recorded = sorted(given.keys() - _NOT_RECORDED)
    known = {field.name for field in fields(kind)}
    values = {name: value for name, value in given.items() if name in known}
    values["fail_on"] = frozenset(Outcome(name) for name in given["fail_on"])
    return kind(
        **values,
        settings={name: _plain(name, given[name]) for name in recorded},
        origins={name: sources.origin(ctx, name) for name in recorded},
    )


def _repair(ctx: click.Context) -> dict[str, Any]:
    given = _given(ctx)
    if given["keep_embeddings"] and given["method"] == "par":
        raise UsageError(
            "usage.contradiction",
            "par moves embeddings past orthogonal, it cannot keep them",
            where="--keep-embeddings",
            remedy="use --method guided",
        )
    if given["data"] and given["synthetic"]:
        if sources.stronger(ctx, "data", "synthetic") == "data":
            given["synthetic"] = False
        else:
            given["data"] = None
    given["synthetic"] = given["data"] is None
    return given


def _plain(name: str, value: Any) -> Scalar:
    """A value fit for the record: a file by its name alone, so that no machine's paths get out."""
    if isinstance(value, tuple):
        return ",".join(sorted(value))
    if value is not None and (name in {"model", "arch"} or isinstance(value, Path)):
        return printable(os.path.basename(os.path.abspath(str(value))))
    return cast(Scalar, value)
