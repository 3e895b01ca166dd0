"""``clipguard clean``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from clipguard.cli import options, reports


@click.command("clean")
@options.model
@options.output("clipguard-clean")
@reports.option
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
    """Repair a checkpoint and export it.

    Scans the model, cleans it with image-text pairs, writes open_clip weights and an ONNX pair,
    and scans what was written once more with fresh draws. The model given is left as it is.
    """
    from clipguard.cli import answer, console
    from clipguard.cli.asking import clean_request
    from clipguard.core.progress import Progress
    from clipguard.core.results import Result
    from clipguard.pipeline.requests import CleanRequest

    def run(request: CleanRequest, progress: Progress) -> Result:
        from clipguard.pipeline.clean import clean

        return clean(request, progress)

    if report:
        answer.require_places(ctx, [output], report)
    result = answer.give(ctx, clean_request, run, console.emit if as_json else None, report)
    answer.summarise(ctx, result)
    return result.exit_code
