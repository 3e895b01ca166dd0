"""``clipguard audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from clipguard.cli import options, registries, reports


@click.command("audit")
@options.model
@options.output("clipguard-audit")
@reports.option
@registries.option
@options.cleaning
@options.probing
@options.gating
@options.running
@options.speaking
@click.pass_context
def command(
    ctx: click.Context,
    /,
    output: Path,
    as_json: bool,
    report: tuple[reports.Report, ...],
    **_: Any,
) -> int:
    """Scan, clean when needed, export and report.

    The exit code speaks of the model that may be used afterwards: 0 as well when the delivered
    model was backdoored and the repaired one passed. The finding stays in the report.
    """
    from clipguard.cli import answer, console
    from clipguard.cli.asking import audit_request
    from clipguard.core.progress import Progress
    from clipguard.core.results import Result
    from clipguard.pipeline.requests import AuditRequest

    def run(request: AuditRequest, progress: Progress) -> Result:
        from clipguard.pipeline.audit import audit

        return audit(request, progress)

    registries.require(ctx)
    if report:
        answer.require_places(ctx, [output], report)
    result = answer.give(ctx, audit_request, run, console.emit if as_json else None, report)
    answer.summarise(ctx, result)
    return result.exit_code
