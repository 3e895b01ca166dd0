"""``clipguard synth``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from clipguard.cli import options

if TYPE_CHECKING:
    from clipguard.pairs.write import Format


@click.command("synth")
@click.option("--count", type=click.IntRange(min=1), required=True, help="Pairs to draw.")
@click.option(
    "-o",
    "--out",
    type=options.PATH,
    required=True,
    metavar="DIR",
    help="Folder to write; it must not exist or be empty.",
)
@click.option(
    "--size",
    type=click.IntRange(min=16, max=2048),
    default=224,
    show_default=True,
    help="Side of the pictures in pixels.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["csv", "webdataset"]),
    default="csv",
    show_default=True,
    help="A table with pictures, or tar shards.",
)
@options.seed
@options.speaking
@click.pass_context
def command(ctx: click.Context, count: int, out: Path, size: int, layout: str, seed: int) -> None:
    """Draw image-text pairs.

    Scenes of simple objects with captions that describe them; equal seeds give equal files.
    scan and clean draw such pairs by themselves when they are given none. Pictures and captions
    of your own are better: they look like what your model will see.
    """
    from clipguard.cli import answer, console

    progress = answer.begin(ctx)

    from clipguard.pairs.synthetic import SyntheticPairs
    from clipguard.pairs.write import write_pairs

    pairs = SyntheticPairs(seed, count)
    write_pairs(pairs, out, size, format=cast("Format", layout), progress=progress)
    if not answer.is_quiet(ctx):
        console.tell(f"{count} pairs in {out}")
