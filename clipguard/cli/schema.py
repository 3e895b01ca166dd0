"""``clipguard schema``: print the JSON Schema of results."""

from __future__ import annotations

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema that every result of this version follows."""
    from clipguard.core.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, sort_keys=True))
