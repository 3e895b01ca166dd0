"""``clipguard rules``: the trigger families that a scan replays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clipguard.cli import options

if TYPE_CHECKING:
    from clipguard.triggers.types import TriggerRule

_HEAD = ("id", "cluster", "title", "draw", "variants", "source")


@click.command("rules")
@click.option("--json", "as_json", is_flag=True, help="All parameters of all variants, as JSON.")
@click.option("--cluster", metavar="LETTER", help="Only one cluster; X holds the controls.")
@click.option(
    "--file",
    "own",
    type=click.Path(path_type=Path),
    help="List the families of your own TOML file instead, and check it.",
)
@options.speaking
def command(as_json: bool, cluster: str | None, own: Path | None) -> None:
    """List the trigger families.

    A scan replays every family on pictures that the model recognises. Clusters: N noise,
    S stripes and grids, Q solid blocks, T text, P pictures, W warps, C colour and tone,
    F frequency and filters, X controls.
    """
    from clipguard.triggers.rules import load_file, load_rules

    families = load_file(own) if own else load_rules()
    chosen = [rule for rule in families if cluster is None or rule.cluster == _letter(cluster)]
    click.echo(_json(chosen) if as_json else _table(chosen))


def _letter(cluster: str) -> str:
    from clipguard.triggers.rules import CLUSTERS

    letter = cluster.upper()
    if letter not in CLUSTERS:
        known = ", ".join(f"{key} {meaning}" for key, meaning in CLUSTERS.items())
        raise click.BadParameter(f"{cluster} is none of: {known}", param_hint="--cluster")
    return letter


def _json(rules: list[TriggerRule]) -> str:
    import msgspec

    return json.dumps(msgspec.to_builtins(rules), indent=2, sort_keys=True)


def _table(rules: list[TriggerRule]) -> str:
    rows = [_HEAD, *(_row(rule) for rule in rules)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    families = sum(rule.cluster != "X" for rule in rules)
    variants = sum(len(rule.variants) for rule in rules)
    total = f"{families} families, {len(rules) - families} controls, {variants} variants"
    return "\n".join([*lines, "", total])


def _row(rule: TriggerRule) -> tuple[str, ...]:
    variants = str(len(rule.variants))
    return (rule.id, rule.cluster, rule.title, rule.draw, variants, rule.source)
