"""``clipguard report``."""

from __future__ import annotations

from pathlib import Path

import click

from clipguard.cli import options
from clipguard.report.formats import FORMATS


@click.command("report")
@click.argument("result", metavar="RESULT.json", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--format",
    "name",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="What to make of it; see docs/ci-formats.md.",
)
@click.option(
    "-o", "--output", type=options.PATH, metavar="FILE", help="Write a file instead of stdout."
)
@options.speaking
def command(result: Path, name: str, output: Path | None) -> int:
    """Render a stored result in another format.

    Everything comes from the JSON alone: no model is read, and torch is not needed. RESULT.json may
    be - for standard input. Ends with 0 whatever the result says; its own exit code stays inside.
    """
    from clipguard.cli import answer, console, stored
    from clipguard.core import atomic
    from clipguard.core.errors import InputError
    from clipguard.report.formats import render

    if output:
        answer.require_place(output)
        answer.require_untaken([output], [result])
    try:
        data = render(stored.read(result), name)
    except ArithmeticError as error:
        raise InputError(
            "result.invalid",
            "holds figures that no run writes",
            where=str(result),
            remedy=stored.REMEDY,
        ) from error
    if output:
        atomic.write_bytes(output, data)
    elif name == "text":
        console.emit_text(data.decode())
    else:
        console.emit(data)
    return 0
