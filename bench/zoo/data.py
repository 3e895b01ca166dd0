"""Training and evaluation pictures of the zoo, rendered once and kept as bytes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.zoo.pictures import SIZE, EmojiPairs, nouns
from clipguard.pairs.synthetic import SyntheticPairs

TRAIN, HELD_OUT = 8000, 1000
# Seeds of the scanner's own pictures derive from the user's seed; these are far from any of them.
SYNTHETIC_SEED = 770_000


@dataclass(frozen=True)
class Pool:
    """Pictures (N, S, S, 3) uint8, captions, and classes (-1 where there is none)."""

    pictures: np.ndarray
    texts: list[str]
    labels: np.ndarray

    def pixels(self, indices: np.ndarray) -> Tensor:
        """(B, 3, S, S) float32 in 0..1."""
        return torch.from_numpy(self.pictures[indices]).permute(0, 3, 1, 2).float() / 255


def training_pool(kind: str, seed: int, pictures: Path, cache: Path) -> Pool:
    """Training pairs: ``real`` emoji only, or ``mixed`` with a third of drawn scenes."""
    emoji = EmojiPairs(pictures, seed, TRAIN)
    drawn = TRAIN // 3 if kind == "mixed" else 0
    return _cached(cache / f"train-{kind}-{seed}.npz", emoji, TRAIN - drawn, seed, drawn)


def held_out_pool(pictures: Path, cache: Path) -> Pool:
    """Emoji that no model was trained on."""
    return _cached(
        cache / "held-out.npz", EmojiPairs(pictures, 9_999_999, HELD_OUT), HELD_OUT, 0, 0
    )


def _cached(path: Path, emoji: EmojiPairs, count: int, seed: int, drawn: int) -> Pool:
    if not path.exists():
        pool = _render(emoji, count, seed, drawn)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.npz")  # another process may be making the same
        np.savez(part, pictures=pool.pictures, texts=np.array(pool.texts), labels=pool.labels)
        part.replace(path)
    with np.load(path) as data:
        return Pool(data["pictures"], [str(text) for text in data["texts"]], data["labels"])


def _render(emoji: EmojiPairs, count: int, seed: int, drawn: int) -> Pool:
    pairs = [emoji.pair(index) for index in range(count)]
    labels = [emoji.label(index) for index in range(count)]
    if drawn:
        scenes = SyntheticPairs(SYNTHETIC_SEED + seed, drawn)
        pairs += [(scenes.pixels_uint8(i, SIZE), scenes.scene(i).caption) for i in range(drawn)]
    return Pool(
        np.stack([picture for picture, _ in pairs]),
        [text for _, text in pairs],
        np.array(labels + [-1] * drawn),
    )


def prompts() -> list[str]:
    """One plain prompt per noun."""
    return [f"a photo of a {noun}" for noun in nouns()]
