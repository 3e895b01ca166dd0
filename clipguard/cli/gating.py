"""From options and settings file to the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from clipguard.cli import sources
from clipguard.config.explanations import load_explanations
from clipguard.config.policy import Baseline, Policy
from clipguard.core import schema
from clipguard.core.errors import InputError, UsageError
from clipguard.core.results import Outcome, Severity
from clipguard.core.text import printable
from clipguard.core.today import today
from clipguard.verdict.policy import known


def rules_of(ctx: click.Context, given: Mapping[str, Any]) -> Policy:
    """The policy in force.

    Raises:
        ClipguardError: there is no such check, or the baseline cannot be used.
    """
    ignores = sources.ignores(ctx)
    severity = given["fail_on_severity"]
    own = ("max_likelihood", "min_coverage", "min_carriers")
    values = {name: given[name] for name in own}
    values |= {name: given[name] for name in ("min_agreement", "max_rebound") if name in given}
    if ignores:
        values["today"] = today()
    return Policy(
        fail_on=frozenset(Outcome(name) for name in given["fail_on"]),
        fail_on_severity=Severity(severity) if severity else None,
        require_check=_checks(given["require_check"]),
        ignores=ignores,
        baseline=_baseline(given["baseline"]) if given["baseline"] else None,
        **values,
    )


def _checks(names: Sequence[str]) -> tuple[str, ...]:
    checks = [entry.id for entry in load_explanations() if entry.kind == "check"]
    for name in names:
        if name not in checks:
            near = get_close_matches(name, checks, n=1, cutoff=0.0)[0]
            raise UsageError(
                "usage.check",
                f"there is no check {name!r}",
                where="--require-check",
                remedy=f"the nearest name is {near}",
            )
    return tuple(dict.fromkeys(names))


def _baseline(path: Path) -> Baseline:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            "file.missing",
            "cannot be read",
            where=f"--baseline {path}",
            remedy="check the path",
        ) from error
    charges = known(schema.loads(data, where=f"--baseline {path}"))
    if charges is None:
        raise InputError(
            "baseline.no_scan",
            "this result judged no model",
            where=f"--baseline {path}",
            remedy="give a result of scan, clean or audit",
        )
    return Baseline(name=printable(path.name), charges=charges)
