"""Options about registries: whether one may be asked, and what one is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from clipguard.core.errors import UsageError
from clipguard.core.results import Result

LOGGED = {"report.html": "html", "result.json": "json"}


def option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--log-to`` and ``--alias-if-passed``."""
    log_to = click.option(
        "--log-to",
        type=click.Choice(["mlflow"]),
        help="Log report and result in the registry that MODEL is from, and tag the version. "
        "Needs --online.",
    )
    alias = click.option(
        "--alias-if-passed",
        metavar="NAME",
        help="With --log-to: give the version this alias when it passed; take it away when it "
        "did not.",
    )
    return log_to(alias(function))


def require(ctx: click.Context) -> None:
    """Find out before the work that nothing could be logged.

    Raises:
        UsageError: MODEL is not from that registry, or there is an alias but no log.
    """
    given = ctx.params
    if given["log_to"] and not str(given["model"] or "").startswith("models:/"):
        raise UsageError(
            "registry.log",
            "MODEL is not from MLflow, so there is no version to log at",
            where="--log-to",
            remedy="give models:/NAME/VERSION as MODEL",
        )
    if given["alias_if_passed"] and not given["log_to"]:
        raise UsageError(
            "registry.log",
            "an alias rests on what is logged",
            where="--alias-if-passed",
            remedy="give --log-to mlflow as well",
        )


def log(ctx: click.Context, result: Result) -> None:
    """Log a result if that was asked for.

    Raises:
        ClipguardError: the registry refuses or gives no answer.
    """
    if not ctx.params.get("log_to"):
        return
    from clipguard.registry import mlflow_log
    from clipguard.report.formats import render

    reports = {file: render(result, name) for file, name in LOGGED.items()}
    mlflow_log.log(result, reports, ctx.params["alias_if_passed"])
