"""Bring docs/triggers.md up to date: the sheet of samples and the table of families.

Usage: python -m bench.trigger_sheet [DOCS_FOLDER]
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from clipguard.triggers import load_rules
from clipguard.triggers.rules import CLUSTERS
from clipguard.triggers.samples import sample_png, showcase
from clipguard.triggers.types import TriggerRule

SIDE, GAP, LABEL, COLUMNS = 128, 8, 28, 10
TABLE = re.compile(r"(?<=<!-- families -->\n).*(?=<!-- end of families -->)", re.DOTALL)


def main(docs: Path) -> None:
    """Write the picture and the table."""
    order = tuple(CLUSTERS)
    rules = sorted(load_rules(), key=lambda rule: (order.index(rule.cluster), rule.id))
    sheet(rules).save(docs / "images" / "triggers.png", optimize=True)
    page = docs / "triggers.md"
    page.write_text(TABLE.sub(lambda _: table(rules), page.read_text("utf-8")), "utf-8")


def sheet(rules: Sequence[TriggerRule]) -> Image.Image:
    """One sample of every family with its id and variant below."""
    rows = -(-len(rules) // COLUMNS)
    wide, tall = COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + LABEL + GAP) + GAP
    canvas = Image.new("RGB", (wide, tall), "white")
    pen = ImageDraw.Draw(canvas)
    for place, rule in enumerate(rules):
        left = GAP + (place % COLUMNS) * (SIDE + GAP)
        top = GAP + (place // COLUMNS) * (SIDE + LABEL + GAP)
        variant = showcase(rule)
        canvas.paste(Image.open(io.BytesIO(sample_png(rule, variant, SIDE))), (left, top))
        pen.text((left, top + SIDE + 2), f"{rule.cluster} {rule.id}", fill="black")
        pen.text((left, top + SIDE + 13), variant.id, fill="gray")
    return canvas


def table(rules: Sequence[TriggerRule]) -> str:
    """The families as a Markdown table."""
    lines = ["| family | cluster | drawn | variants | source |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| `{rule.id}` {rule.title} | {rule.cluster} | {rule.draw} | {len(rule.variants)} "
        f"| {rule.source} |"
        for rule in rules
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
