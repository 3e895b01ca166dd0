"""Small real picture files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Save a picture of smooth random colours: ``picture("a.png", size=(w, h), mode="RGB")``."""

    def save(name: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **how: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(sum(map(ord, name)))
        small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        small.resize(size, Image.Resampling.BICUBIC).convert(mode).save(path, **how)
        return path

    return save
