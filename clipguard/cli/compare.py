"""``clipguard compare``."""

from __future__ import annotations

from pathlib import Path

import click

from clipguard.cli import options
from clipguard.core.exits import Exit

FILE = click.Path(path_type=Path)


@click.command("compare")
@click.argument("before", metavar="BEFORE.json", type=FILE)
@click.argument("after", metavar="AFTER.json", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.option(
    "--tolerance",
    type=options.FiniteRange(0, 1),
    default=0.05,
    show_default=True,
    help="How far a likelihood, or a figure without an interval, may move without a word.",
)
@options.speaking
def command(before: Path, after: Path, as_json: bool, tolerance: float) -> int:
    """Tell what changed between two results.

    Verdict, likelihood, trigger families, findings, checks, figures, settings and exit code. Ends
    with 0 when nothing got worse, with 1 when something did. A figure got worse when the intervals
    of both results lie apart; where there are none, when it moved by more than the tolerance. No
    model is read, and torch is not needed.
    """
    from clipguard.cli import console, stored
    from clipguard.report import comparison
    from clipguard.report.changes import changes

    first, second = stored.read(before), stored.read(after)
    found = changes(first, second, tolerance)
    if as_json:
        console.emit(comparison.comparison_json(first, second, found))
    else:
        console.emit_text(comparison.comparison_text(first, second, found))
    return int(Exit.FINDING if comparison.got_worse(found) else Exit.PASS)
