"""``clipguard verify``."""

from __future__ import annotations

from pathlib import Path

import click

from clipguard.cli import options
from clipguard.core.exits import Exit
from clipguard.core.text import printable


@click.command("verify")
@click.argument("folder", metavar="DIR", type=options.PATH)
def command(folder: Path) -> int:
    """Tell whether an output folder is as it was written.

    Compares every file of an output folder of clean or audit with its SHA256SUMS. Files that
    differ, are missing or were added are named on stdout, and the exit code is 1. It does not tell
    who wrote the folder: sign SHA256SUMS for that, and keep the signature elsewhere.
    """
    from clipguard.export.sums import compare

    count, differences = compare(folder)
    for item in differences:
        click.echo(f"{printable(item.name)} {item.state}")
    if differences:
        return Exit.FINDING
    click.echo(f"{count} files are as they were written")
    return Exit.PASS
