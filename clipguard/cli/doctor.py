"""``clipguard doctor``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from clipguard.core.exits import Exit


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
def command(as_json: bool) -> int:
    """Say whether clipguard can work here.

    Every package that clipguard needs is really used, in a process of its own, so that one that
    is absent, broken or crashes is told with its cause. Ends with 2 when something is missing.
    """
    from clipguard.cli import health

    items = health.examine(Path.cwd())
    if as_json:
        click.echo(json.dumps([asdict(item) for item in items], indent=2))
    else:
        click.echo(health.table(items))
    return Exit.PASS if all(item.works for item in items) else Exit.ERROR
