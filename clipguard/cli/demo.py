"""``clipguard demo``."""

from __future__ import annotations

from pathlib import Path

import click

from clipguard.cli import options


@click.command("demo")
@options.output("clipguard-demo")
@options.seed
@options.speaking
@click.pass_context
def command(ctx: click.Context, output: Path, seed: int) -> int:
    """Audit a clean and a backdoored example.

    Both are small models that ship with clipguard; nothing is downloaded. The reports are written
    to a folder, whose place is told at the end.
    """
    from clipguard.cli import answer
    from clipguard.pipeline.demo import demo

    result = demo(output, answer.begin(ctx), seed)
    answer.summarise(ctx, result)
    return result.exit_code
