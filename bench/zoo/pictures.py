"""Real pictures with names for the zoo: emoji artwork of two vendors on varied grounds.

Human-made pictures that the scanner's synthetic generator never draws. The artwork comes from two
npm packages and stays outside the repository.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter

from clipguard.config import toml
from clipguard.core.seeds import Seeds
from clipguard.pairs.types import PairBatch

HERE = Path(__file__).parent
SIZE = 64


def recipe() -> dict[str, Any]:
    """The table of pictures, nouns, caption templates and grounds."""
    return toml.load(HERE / "pictures.toml")


def nouns() -> tuple[str, ...]:
    """The nouns of the pictures, in the recipe's order."""
    return tuple(recipe()["nouns"].values())


def fetch(folder: Path) -> None:
    """Get the packages with npm and keep the named pictures only, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in recipe()["packages"]:
        name = package.split("@")[0].removeprefix("emoji-datasource-")
        if not (folder / name).exists():
            _download(folder, name, package)
            _unpack(folder, name)


def _download(folder: Path, vendor: str, package: str) -> None:
    if not any(folder.glob(f"emoji-datasource-{vendor}-*.tgz")):
        subprocess.run(["npm", "pack", package], cwd=folder, check=True, capture_output=True)  # noqa: S607 -- npm is found by the user's own path


def _unpack(folder: Path, vendor: str) -> None:
    archive = next(folder.glob(f"emoji-datasource-{vendor}-*.tgz"))
    with tarfile.open(archive) as tar:
        listing = tar.extractfile("package/emoji.json")
        assert listing is not None
        files = {entry["short_name"]: entry["image"] for entry in json.load(listing)}
        target = folder / f"{vendor}.tmp"
        target.mkdir(exist_ok=True)
        for short in recipe()["nouns"]:
            data = tar.extractfile(f"package/img/{vendor}/64/{files[short]}")
            assert data is not None
            (target / f"{short}.png").write_bytes(data.read())
    target.rename(folder / vendor)
    archive.unlink()


@cache
def artwork(folder: Path) -> dict[str, list[Image.Image]]:
    """RGBA pictures by noun, one per vendor."""
    named = recipe()["nouns"].items()
    vendors = [
        package.split("@")[0].removeprefix("emoji-datasource-") for package in recipe()["packages"]
    ]
    return {
        noun: [Image.open(folder / vendor / f"{short}.png").convert("RGBA") for vendor in vendors]
        for short, noun in named
    }


@dataclass(frozen=True)
class EmojiPairs:
    """Emoji on grounds with captions, addressable by index."""

    folder: Path
    seed: int
    count: int
    synthetic: bool = False

    @property
    def id(self) -> str:
        """Short description."""
        return f"emoji pictures, seed {self.seed}"

    def __len__(self) -> int:
        """Number of pairs."""
        return self.count

    def label(self, index: int) -> int:
        """Class of a pair: its index in :func:`nouns`."""
        return int(self._rng(index).integers(len(nouns())))

    def pair(self, index: int) -> tuple[np.ndarray, str]:
        """(64, 64, 3) uint8 and the caption."""
        rng = self._rng(index)
        noun = nouns()[int(rng.integers(len(nouns())))]
        table = recipe_cached()
        ground = str(rng.choice(list(table["grounds"])))
        picture = _compose(artwork(self.folder)[noun], table["grounds"][ground], rng)
        template = str(rng.choice(table["captions"]["templates"]))
        return picture, template.format(noun=noun, ground=ground)

    def read(self, indices: Sequence[int], image_size: int = SIZE) -> PairBatch:
        """The pairs at ``indices``; pictures exist at 64 px only."""
        pairs = [self.pair(index) for index in indices]
        stack = np.stack([picture for picture, _ in pairs])
        pixels = torch.from_numpy(stack).permute(0, 3, 1, 2).float() / 255
        return PairBatch(pixels, tuple(text for _, text in pairs), tuple(map(str, indices)))

    def _rng(self, index: int) -> np.random.Generator:
        return Seeds(self.seed).child("emoji", index).numpy()


@cache
def recipe_cached() -> dict[str, Any]:
    """The recipe, read once."""
    return recipe()


def _compose(choices: list[Image.Image], colour: list[int], rng: np.random.Generator) -> np.ndarray:
    art = choices[int(rng.integers(len(choices)))]
    if rng.random() < 0.5:
        art = art.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    side = int(SIZE * rng.uniform(0.6, 0.95))
    art = art.rotate(rng.uniform(-20, 20), Image.Resampling.BICUBIC, expand=False)
    art = art.resize((side, side), Image.Resampling.BICUBIC)
    canvas = Image.fromarray(_ground(colour, rng))
    place = tuple(int(rng.integers(0, SIZE - side + 1)) for _ in range(2))
    canvas.paste(art, (place[0], place[1]), art)
    if rng.random() < 0.2:
        canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    pixels: np.ndarray = np.asarray(canvas, dtype=np.float32)
    pixels = pixels * rng.uniform(0.8, 1.2) + rng.uniform(-15, 15)
    if rng.random() < 0.3:
        pixels = pixels + rng.normal(0, rng.uniform(2, 8), pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _ground(colour: list[int], rng: np.random.Generator) -> np.ndarray:
    """A flat, sloped, cloudy or mosaic ground around one colour."""
    base = np.array(colour, dtype=np.float32) + rng.normal(0, 12, 3)
    kind = rng.integers(4)
    if kind == 0:
        field = np.zeros((SIZE, SIZE), dtype=np.float32)
    elif kind == 1:
        x, y = np.meshgrid(np.linspace(-1, 1, SIZE), np.linspace(-1, 1, SIZE))
        angle = rng.uniform(0, 2 * np.pi)
        field = (x * np.cos(angle) + y * np.sin(angle)).astype(np.float32)
    else:
        coarse = rng.normal(0, 1, (int(rng.integers(3, 12)),) * 2).astype(np.float32)
        smooth = Image.Resampling.BICUBIC if kind == 2 else Image.Resampling.NEAREST
        field = np.asarray(Image.fromarray(coarse).resize((SIZE, SIZE), smooth))
    tilt = rng.normal(0, 1, 3) * rng.uniform(5, 30)
    return np.clip(base + field[..., None] * tilt, 0, 255).astype(np.uint8)
