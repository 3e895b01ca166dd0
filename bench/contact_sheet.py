"""Draw the contact sheet of the documentation: pairs with their captions.

``python -m bench.contact_sheet docs/images/contact-sheet.png``
``python -m bench.contact_sheet --things things.png``
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from clipguard.draw import text
from clipguard.pairs.synthetic import Scene, SyntheticPairs, nouns, probe_scenes, render

CELL, CAPTION, PAD = 144, 50, 8


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--things", action="store_true", help="one plain picture of each noun")
    given = parser.parse_args()
    pairs = SyntheticPairs(given.seed, given.count)
    scenes = [pairs.scene(index) for index in range(given.count)]
    if given.things:
        scenes = [probe_scenes(noun, None, 1, given.seed)[0] for noun in nouns()]
    given.output.parent.mkdir(parents=True, exist_ok=True)
    sheet(scenes, given.columns).save(given.output, optimize=True)


def sheet(scenes: list[Scene], columns: int) -> Image.Image:
    """All scenes in rows, each above its caption."""
    rows = -(-len(scenes) // columns)
    width, height = CELL + PAD, CELL + CAPTION + PAD
    canvas = Image.new("RGB", (columns * width + PAD, rows * height + PAD), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.truetype(str(Path(text.__file__).parent / "fonts" / "DejaVuSans-Bold.ttf"), 9)
    for index, scene in enumerate(scenes):
        x, y = PAD + index % columns * width, PAD + index // columns * height
        canvas.paste(Image.fromarray(render(scene, CELL)), (x, y))
        lines = "\n".join(textwrap.wrap(scene.caption, 25)[:5])
        draw.multiline_text((x, y + CELL + 3), lines, fill="black", font=font, spacing=1)
    return canvas


if __name__ == "__main__":
    main()
