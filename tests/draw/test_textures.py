from __future__ import annotations

import numpy as np
import pytest

from clipguard.draw import textures

PATTERNS = [name for name in textures.names() if name != "solid"]


def test_there_are_at_least_twelve():
    assert len(textures.names()) >= 12


@pytest.mark.parametrize("name", PATTERNS)
def test_a_tile_holds_both_colours(name):
    tile = np.asarray(textures.tile(name, 1, 120, (200, 0, 0), (0, 0, 200)), dtype=float)
    assert tile.shape == (120, 120, 3)
    share = tile[..., 2].mean() / 200
    assert 0.05 < share < 0.95
    assert tile.std(axis=(0, 1)).max() > 20


def test_no_two_textures_look_alike():
    tiles = {name: np.asarray(textures.pattern(name, 1), dtype=float) for name in textures.names()}
    for name, tile in tiles.items():
        for other in tiles.keys() - {name}:
            assert np.abs(tile - tiles[other]).mean() > 20, (name, other)


def test_a_solid_tile_has_one_colour():
    tile = np.asarray(textures.tile("solid", 0, 20, (1, 2, 3), (9, 9, 9)))
    assert (tile == (1, 2, 3)).all()


def test_a_tile_looks_alike_at_every_size():
    small = textures.tile("checked", 1, 64, (0, 0, 0), (255, 255, 255))
    large = textures.tile("checked", 1, 256, (0, 0, 0), (255, 255, 255)).resize((64, 64))
    gap = np.abs(np.asarray(small, dtype=float) - np.asarray(large, dtype=float)).mean()
    assert gap < 12
