"""``clipguard scan``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from clipguard.cli import console, options, registries, reports


@click.command("scan")
@options.model
@click.option(
    "-o",
    "--output",
    type=options.PATH,
    metavar="FILE",
    help="Write the JSON to a file instead of stdout.",
)
@click.option(
    "--html", type=options.PATH, metavar="FILE", help="Write the report for people as well."
)
@reports.option
@registries.option
@options.probing
@options.gating
@options.running
@options.speaking
@click.pass_context
def command(
    ctx: click.Context,
    /,
    output: Path | None,
    html: Path | None,
    report: tuple[reports.Report, ...],
    **_: Any,
) -> int:
    """Probe a checkpoint for backdoors.

    Replays known triggers on pictures that the model recognises, and judges what they do. The
    result goes to stdout as JSON (its schema: clipguard schema), a summary to stderr.
    """
    from clipguard.cli import answer
    from clipguard.cli.asking import scan_request
    from clipguard.core.progress import Progress
    from clipguard.core.results import Result
    from clipguard.pipeline.requests import ScanRequest

    def run(request: ScanRequest, progress: Progress) -> Result:
        from clipguard.pipeline.scan import scan

        return scan(request, progress)

    registries.require(ctx)
    if html:
        report = (*report, reports.Report("html", html))
    if output:
        answer.require_place(output)
    answer.require_places(ctx, [output] if output else [], report)
    result = answer.give(
        ctx, scan_request, run, answer.to_file(output) if output else console.emit, report
    )
    answer.summarise(ctx, result)
    return result.exit_code
