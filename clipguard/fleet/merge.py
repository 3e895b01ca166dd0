"""From the results in a folder to one table with one exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipguard.core import schema
from clipguard.core.errors import InputError
from clipguard.core.exits import Exit, worst
from clipguard.core.fleet import FLEET_VERSION, Fleet, Row
from clipguard.core.results import Result
from clipguard.fleet.plan import Member, Plan
from clipguard.fleet.work import RESULT
from clipguard.report import words

_AGAIN = ("fleet.", "env.", "output.", "bug.")
"""Codes of errors that speak of the run and not of the model."""


def merge(plan: Plan, members: Sequence[Member], output: Path) -> Fleet:
    """The table of these members, in the order of the plan; one without a result is an error.

    Raises:
        InputError: a result is damaged.
    """
    rows = tuple(row(item, output) for item in members)
    return Fleet(
        schema_version=FLEET_VERSION,
        command=plan.asked.command,
        version=plan.version,
        rules_sha256=plan.rules_sha256,
        settings_sha256=plan.asked.settings_sha256,
        exit_code=int(worst(Exit(item.exit_code) for item in rows)),
        rows=rows,
    )


def keeps(folder: Path) -> bool:
    """Whether a folder holds an answer about its model, which need not be asked again.

    Raises:
        InputError: the result is damaged.
    """
    result = _read(folder)
    if result is None:
        return False
    return result.error is None or not result.error.code.startswith(_AGAIN)


def row(item: Member, output: Path) -> Row:
    """One line of the table.

    Raises:
        InputError: the result is damaged.
    """
    result = _read(output / item.key)
    scan = result.delivered if result is not None else None
    verdict = scan.verdict if scan is not None else None
    return Row(
        model=item.model,
        sha256=item.sha256,
        size_bytes=item.size_bytes,
        exit_code=_code(result),
        verdict=words.verdict(result).word if result else words.NOT_RUN.word,
        told=words.lead(result) if result else "There is no result: the model was not run.",
        likelihood=verdict.likelihood if verdict else None,
        trigger=verdict.trigger if verdict else None,
        concept=verdict.concept if verdict else None,
        code=_reason(result),
        folder=item.key if result else "",
    )


def _read(folder: Path) -> Result | None:
    path = folder / RESULT
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(
            "result.unreadable",
            f"cannot be read: {error.strerror}",
            where=str(path),
            remedy="make it readable",
        ) from error
    return schema.loads(data, where=str(path))


def _code(result: Result | None) -> int:
    """Codes of signals and of later versions count as errors."""
    known = {int(code) for code in (Exit.PASS, Exit.FINDING, Exit.INCONCLUSIVE, Exit.BUG)}
    return result.exit_code if result and result.exit_code in known else int(Exit.ERROR)


def _reason(result: Result | None) -> str | None:
    if result is None:
        return "fleet.no_result"
    if result.findings:
        return result.findings[0].rule
    return result.error.code if result.error else None
