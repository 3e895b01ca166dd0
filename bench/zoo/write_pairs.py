"""Write pairs of the zoo's training distribution for ``clipguard clean --data``.

The seeds of training pictures lie below a thousand and that of the held-out ones is 9999999; the
default here is far from both.

Usage: python -m bench.zoo.write_pairs FOLDER [--count 1600] [--seed 8888888] [--work bench/work]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from PIL import Image

from bench.zoo.pictures import EmojiPairs, fetch
from clipguard.core import atomic

SEED = 8_888_888


def write(pairs: EmojiPairs, target: Path) -> None:
    """``target/pairs.csv`` with the columns ``filepath`` and ``title``, and the PNGs it names."""
    with atomic.folder(target) as folder:
        (folder / "images").mkdir()
        with (folder / "pairs.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("filepath", "title"))
            for index in range(len(pairs)):
                picture, caption = pairs.pair(index)
                name = f"images/{index:05d}.png"
                Image.fromarray(picture).save(folder / name)
                table.writerow((name, caption))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--work", type=Path, default=Path("bench/work"))
    arguments = parser.parse_args()
    fetch(arguments.work / "pictures")
    write(
        EmojiPairs(arguments.work / "pictures", arguments.seed, arguments.count), arguments.folder
    )


if __name__ == "__main__":
    main()
