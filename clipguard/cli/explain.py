"""``clipguard explain``: what an identifier means."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import click

from clipguard.cli import options
from clipguard.core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from clipguard.config.explanations import Explanation
    from clipguard.triggers.types import TriggerRule, Variant

_WIDTH = 96
_SAMPLE_SIDE = 224


@click.command("explain")
@click.argument("identifier", metavar="ID")
@click.option(
    "--sample",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a picture that shows the trigger, as PNG.",
)
@options.speaking
def command(identifier: str, sample: Path | None) -> None:
    """Explain a trigger family, a check, a finding or an error by its ID.

    A family's variant is named FAMILY:VARIANT, such as noise-patch-wrapped:random@0.14.
    """
    from clipguard.config.explanations import load_explanations
    from clipguard.triggers.rules import load_rules

    name, _, variant = identifier.partition(":")
    families = {rule.id: rule for rule in load_rules()}
    others = {entry.id: entry for entry in load_explanations()}
    if name in families:
        _explain_family(families[name], variant, sample)
    elif sample:
        raise UsageError("explain.sample", "only trigger families have samples", where=identifier)
    elif identifier in others:
        click.echo(_entry(others[identifier]))
    else:
        raise _unknown(identifier, [*families, *others])


def _explain_family(rule: TriggerRule, variant: str, sample: Path | None) -> None:
    chosen = _variant(rule, variant) if variant else None
    click.echo(_family(rule, (chosen,) if chosen else rule.variants))
    if sample:
        from clipguard.core import atomic
        from clipguard.triggers.samples import sample_png, showcase

        atomic.write_bytes(sample, sample_png(rule, chosen or showcase(rule), _SAMPLE_SIDE))


def _variant(rule: TriggerRule, name: str) -> Variant:
    known = {variant.id: variant for variant in rule.variants}
    if name not in known:
        raise _unknown(f"{rule.id}:{name}", [f"{rule.id}:{key}" for key in known])
    return known[name]


def _unknown(identifier: str, known: list[str]) -> ConfigError:
    close = get_close_matches(identifier, known, n=1, cutoff=0.0)
    nearest = f'; nearest is "{close[0]}"' if close else ""
    return ConfigError(
        "explain.unknown",
        f"no such identifier{nearest}",
        where=identifier,
        remedy="clipguard rules lists the trigger families",
    )


def _family(rule: TriggerRule, variants: tuple[Variant, ...]) -> str:
    from clipguard.triggers.rules import CLUSTERS

    drawn = "anew for every picture" if rule.draw == "fresh" else "once, the same for all pictures"
    lines = [
        f"{rule.id}: {rule.title}",
        "",
        fill(rule.description, _WIDTH),
        "",
        f"cluster   {rule.cluster} ({CLUSTERS[rule.cluster]})",
        f"reach     {rule.scope}",
        f"drawn     {drawn}",
        f"source    {rule.source}",
        f"natural   {', '.join(rule.sinks) or 'no concept in particular'}",
        "",
        "variants (a float is a fraction of the side or a strength, px are pixels):",
    ]
    width = max(len(variant.id) for variant in variants)
    lines += [f"  {variant.id.ljust(width)}  {_parameters(variant)}" for variant in variants]
    return "\n".join(lines)


def _parameters(variant: Variant) -> str:
    return " ".join(f"{name}={value}" for name, value in variant.params.items())


def _entry(entry: Explanation) -> str:
    parts = [f"{entry.id} ({entry.kind}): {entry.title}", "", fill(entry.text, _WIDTH)]
    if entry.remedy:
        parts += ["", fill(f"What to do: {entry.remedy}", _WIDTH)]
    if entry.false_alarms:
        parts += ["", fill(f"False alarms: {entry.false_alarms}", _WIDTH)]
    return "\n".join(parts)
