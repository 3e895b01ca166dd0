"""Draw docs/images/triggers.png: one sample of every trigger family under its id.

Usage: python -m bench.trigger_sheet [OUTPUT.png]
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image, ImageDraw

from clipguard.triggers import load_rules
from clipguard.triggers.samples import sample_png, showcase

SIDE, GAP, LABEL, COLUMNS = 160, 8, 28, 10


def main(output: Path) -> None:
    """Write the sheet: families in the order of their clusters, controls last."""
    rules = sorted(load_rules(), key=lambda rule: ("NSQTPFWCX".index(rule.cluster), rule.id))
    rows = -(-len(rules) // COLUMNS)
    wide, tall = COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + LABEL + GAP) + GAP
    sheet = Image.new("RGB", (wide, tall), "white")
    pen = ImageDraw.Draw(sheet)
    for place, rule in enumerate(rules):
        left = GAP + (place % COLUMNS) * (SIDE + GAP)
        top = GAP + (place // COLUMNS) * (SIDE + LABEL + GAP)
        variant = showcase(rule)
        picture = Image.open(io.BytesIO(sample_png(rule, variant, SIDE)))
        sheet.paste(picture, (left, top))
        pen.text((left, top + SIDE + 2), f"{rule.cluster} {rule.id}", fill="black")
        pen.text((left, top + SIDE + 13), variant.id, fill="gray")
    sheet.quantize(256).save(output, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/triggers.png"))
