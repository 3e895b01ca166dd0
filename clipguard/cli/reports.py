"""``--report FMT=PATH``: files in several formats beside the answer of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from clipguard.core.results import Result
from clipguard.report.formats import FORMATS


@dataclass(frozen=True)
class Report:
    """One file to write."""

    format: str
    path: Path


def _parse(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[Report, ...]:
    found = []
    for value in values:
        name, _, path = value.partition("=")
        if name not in FORMATS or path in {"", "-"}:
            raise click.BadParameter(
                f"{value!r} is not FMT=PATH with FMT one of {', '.join(FORMATS)}", ctx, param
            )
        found.append(Report(name, Path(path)))
    return tuple(found)


option = click.option(
    "--report",
    metavar="FMT=PATH",
    multiple=True,
    callback=_parse,
    help=f"Write a report as well, as {', '.join(FORMATS)}. Repeatable, such as --report "
    "sarif=clipguard.sarif --report junit=clipguard.xml.",
)


def write(result: Result, reports: Sequence[Report]) -> None:
    """Render all, then write each whole or not at all.

    Raises:
        MachineError: a folder is missing, read-only or full.
    """
    from clipguard.core import atomic
    from clipguard.report.formats import render

    rendered = [(report.path, render(result, report.format)) for report in reports]
    for path, data in rendered:
        atomic.write_bytes(path, data)
