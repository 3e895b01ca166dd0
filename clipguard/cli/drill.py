"""``clipguard drill``."""

from __future__ import annotations

from typing import Any

import click

from clipguard.cli import options


@click.command("drill")
@options.model
@options.output("clipguard-drill")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the result on stdout as well, as JSON."
)
@click.option(
    "--trigger",
    "triggers",
    multiple=True,
    metavar="ID|FILE.toml",
    help="Trigger family to plant: one of clipguard rules, or a file of your own in the same form; "
    "repeatable. By the variant that rules/drill.toml lists, else the strongest. Default: those "
    "listed there.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Backdoors planted of each family; every round has a control of its own.",
)
@click.option("--clean", is_flag=True, help="Clean every scanned copy as well, and scan it again.")
@click.option(
    "--budget",
    type=options.Duration(),
    metavar="TIME",
    help="No further copy is begun after this time, such as 90s, 20m or 2h; what was not reached "
    "is told. Go on with --resume. Default: no limit.",
)
@click.option(
    "--resume", is_flag=True, help="Go on where an earlier drill with this output left off."
)
@click.option(
    "--keep",
    type=options.PATH,
    metavar="DIR",
    help="Write the poisoned copies as well, named and marked BACKDOORED-ON-PURPOSE. Default: they "
    "are written nowhere.",
)
@options.asking
@options.running
@options.speaking
@click.pass_context
def command(ctx: click.Context, /, as_json: bool, **_: Any) -> int:
    """Plant known backdoors and see whether the scan finds them.

    Copies of the model are fine-tuned with poisoned pairs, in memory, until the trigger works, and
    scanned as scan does. The result says how many were found, by family, with intervals, and
    whether a copy that was fine-tuned without poison is accused. Nothing is gated: the exit code
    is 0 when the drill ran.
    """
    from clipguard.cli import answer, console
    from clipguard.cli.asking import drill_request
    from clipguard.core.progress import Progress
    from clipguard.core.results import Result
    from clipguard.pipeline.requests import DrillRequest

    def run(request: DrillRequest, progress: Progress) -> Result:
        from clipguard.pipeline.drill import drill

        return drill(request, progress)

    result = answer.give(ctx, drill_request, run, console.emit if as_json else None)
    answer.summarise(ctx, result)
    return result.exit_code
